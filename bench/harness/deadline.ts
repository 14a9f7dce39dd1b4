/**
 * Waiting with an end.
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits; the timer keeps the process alive. */
export async function pause (ms: number): Promise<void> {
  await sleep(ms)
}

/** How long to try, and how often. */
export interface Timing {
  readonly timeoutMs: number
  readonly everyMs: number
}

/**
 * Tries `attempt` every `everyMs` until it gives something other than undefined.
 * @throws Error that names `what` when `timeoutMs` are over
 */
export async function until<T> (what: string, timing: Timing, attempt: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + timing.timeoutMs
  for (;;) {
    const result = await attempt()
    if (result !== undefined) return result
    if (performance.now() >= end) throw new Error(`${what}: nothing after ${timing.timeoutMs} ms`)
    await sleep(timing.everyMs)
  }
}

/**
 * Gives what `promise` gives.
 * @throws Error that names `what` when it has not settled after `timeoutMs`
 */
export async function within<T> (what: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
  const abort = new AbortController()
  const tooLate = sleep(timeoutMs, undefined, { signal: abort.signal }).then((): never => {
    throw new Error(`${what}: not done after ${timeoutMs} ms`)
  })
  tooLate.catch(() => {})
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    abort.abort()
  }
}
