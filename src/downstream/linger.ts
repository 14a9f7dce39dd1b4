/**
 * How long a client is read that still sends what is of no use any more: the rest of a request whose answer is out. To close at
 * once would send a reset, which can destroy the answer on its way. Whoever sends gets time, however much it is; but not for
 * ever, and not for doing nothing.
 */

/** Altogether. */
const LINGER_MS = 30_000
/** Without a byte. */
const LINGER_SILENCE_MS = 5_000
/** Without a byte while the worker drains; the end of the drain bounds the rest. */
const DRAIN_SILENCE_MS = 2_000

export class Linger {
  #untilMs = 0

  /** The answer is out. */
  begin (nowMs: number): void {
    this.#untilMs = nowMs + LINGER_MS
  }

  /** How long the next byte may take. */
  timeMs (nowMs: number, draining: boolean): number {
    return Math.max(1, Math.min(this.#untilMs - nowMs, draining ? DRAIN_SILENCE_MS : LINGER_SILENCE_MS))
  }
}
