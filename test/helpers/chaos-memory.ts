import { readFileSync } from 'node:fs'

const EVERY_MS = 50
const PAGE_BYTES = 4_096

export interface MemorySample {
  readonly nowBytes: number
  readonly peakBytes: number
  readonly samples: number
}

/** Watches the resident memory of a process, again and again. */
export class MemoryWatch {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #nowBytes = 0
  #peakBytes = 0
  #samples = 0

  constructor (pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => { this.#look() }, EVERY_MS)
  }

  /** How often it was looked at since the last call of `take`. */
  get samples (): number { return this.#samples }

  #look (): void {
    // The second field counts pages.
    this.#nowBytes = Number(readFileSync(`/proc/${this.#pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
    this.#peakBytes = Math.max(this.#peakBytes, this.#nowBytes)
    this.#samples++
  }

  /** What it is now, the most since the last call, and how often it was looked at. */
  take (): MemorySample {
    this.#look()
    const taken = { nowBytes: this.#nowBytes, peakBytes: this.#peakBytes, samples: this.#samples }
    this.#peakBytes = this.#samples = 0
    return taken
  }

  stop (): void {
    clearInterval(this.#timer)
  }
}
