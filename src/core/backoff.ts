/**
 * Exponential back-off with jitter: half of the time is fixed, half is drawn, so that clients of a server that came back
 * do not all return at once.
 * @param attempt the number of failures in a row, from 1
 * @param random uniform in [0, 1)
 * @returns milliseconds, at most `maxMs`
 */
export function backoffMs (attempt: number, bounds: { readonly baseMs: number, readonly maxMs: number }, random: () => number): number {
  const full = Math.min(bounds.maxMs, bounds.baseMs * 2 ** Math.min(attempt - 1, 30))
  return full / 2 + random() * full / 2
}
