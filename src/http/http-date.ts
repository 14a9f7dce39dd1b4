/**
 * The current time as an HTTP date (RFC 9110 section 5.6.7), made once a second.
 */
import type { Clock } from '../core/clock.ts'

export class HttpDate {
  readonly #clock: Clock
  #second = -1
  #text = ''

  constructor (clock: Clock) {
    this.#clock = clock
  }

  now (): string {
    const second = Math.floor(this.#clock.wallMs() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#text = utcText(second * 1000)
    }
    return this.#text
  }
}

function utcText (wallMs: number): string {
  return new Date(wallMs).toUTCString()
}
