/**
 * When an endpoint's connection is read: not while whoever gets the bytes takes none; and a body that is framing more than anything
 * else, which takes long to decode, one read in each turn, so that everybody else has theirs. Hot.
 */
import type { ByteStream } from '../net/byte-stream.ts'
import type { TurnQueue, TurnTaker } from '../net/turns.ts'

/** A read of fewer bytes takes no time worth a turn. */
const SHORT_READ_BYTES = 4_096

export class ReadPace implements TurnTaker {
  /** Whoever gets the bytes takes none. */
  paused = false
  /** The next read waits for its turn. */
  resting = false
  readonly #stream: ByteStream
  readonly #turns: TurnQueue
  readonly #reportDefect: (error: unknown) => void

  constructor (stream: ByteStream, turns: TurnQueue, reportDefect: (error: unknown) => void) {
    this.#stream = stream
    this.#turns = turns
    this.#reportDefect = reportDefect
  }

  pause (): void {
    this.paused = true
    this.#stream.pause()
  }

  resume (): void {
    this.paused = false
    if (!this.resting) this.#stream.resume()
  }

  /** A read of so many bytes had so many of `data` in it. */
  decoded (length: number, data: number): void {
    if (length < SHORT_READ_BYTES || data >= length / 2 || this.resting) return
    this.resting = true
    this.#stream.pause()
    this.#turns.add(this)
  }

  takeTurn (): void {
    this.resting = false
    if (!this.paused) this.#stream.resume()
  }

  onDefect (error: unknown): void { this.#reportDefect(error) }
}
