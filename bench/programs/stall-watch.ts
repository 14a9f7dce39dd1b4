/**
 * Loaded by Weir before everything else (`node --import`), in each of its threads: how long the event loop was held up. Every 100 ms a
 * line goes to the file `main` or `worker-N` of the directory that the query of its URL names: when (ms since 1970), and since the line
 * before the longest stall and the most CPU time of the thread between two turns of its timers, both in ms. A stall without CPU time is
 * the machine's: other threads had the core.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { fileURLToPath } from 'node:url'
import { isMainThread, threadId } from 'node:worker_threads'

const LINE_MS = 100
/** The monitor is a timer of a millisecond, which is in what it measures. */
const RESOLUTION_MS = 1

const directory = new URL(import.meta.url).searchParams.get('directory') ?? fileURLToPath(new URL('.', import.meta.url))
const file = join(directory, isMainThread ? 'main' : `worker-${threadId}`)

/** The most CPU time between two looks, of which there is one in every turn that takes a millisecond. */
class LongestTurn {
  #before = process.threadCpuUsage()
  #longestMicros = 0

  look (): void {
    const now = process.threadCpuUsage()
    this.#longestMicros = Math.max(this.#longestMicros, now.user + now.system - this.#before.user - this.#before.system)
    this.#before = now
  }

  /** @returns milliseconds */
  take (): number {
    this.look()
    const longest = this.#longestMicros
    this.#longestMicros = 0
    return longest / 1_000
  }
}

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
const turn = new LongestTurn()
setInterval(() => { turn.look() }, RESOLUTION_MS).unref()
setInterval(() => {
  appendFileSync(file, `${Date.now()} ${Math.max(0, delay.max / 1e6 - RESOLUTION_MS)} ${turn.take()}\n`)
  delay.reset()
}, LINE_MS).unref()
