import type { Clock } from './clock.ts'

/**
 * Waits for what can't be aborted itself, for as long as nobody wants it to end.
 * @throws the reason of the signal when it aborts first
 */
export async function abortable<T> (promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => { reject(signal.reason instanceof Error ? signal.reason : new Error('aborted')) }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** What `promise` comes to, or undefined as soon as the signal aborts; leaves nothing behind on a signal that lives long. */
export async function unlessAborted<T> (promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const onAbort = (): void => { resolve(undefined) }
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves after the time, or as soon as the signal aborts. */
export async function pause (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (delayMs <= 0 || signal?.aborted === true) return
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => { resolve(undefined) }
  const timer = clock.after(delayMs, done)
  signal?.addEventListener('abort', done, { once: true })
  await promise
  signal?.removeEventListener('abort', done)
  timer.cancel()
}

/** How long something is waited for. */
interface Patience {
  readonly timeoutMs: number
  /** Aborts when nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined
}

/**
 * What `work` comes to; `late` when the time is over first, `gone` when the signal aborts first. Then the signal that `work` has aborts
 * too, and whatever it still comes to is of no interest.
 */
export async function within<T> (
  clock: Clock, { timeoutMs, signal }: Patience, work: (over: AbortSignal) => Promise<T>
): Promise<T | 'late' | 'gone'> {
  if (signal?.aborted === true) return 'gone'
  const over = new AbortController()
  const { promise: left, resolve } = Promise.withResolvers<'late' | 'gone'>()
  const leave = (how: 'late' | 'gone'): void => {
    resolve(how)
    over.abort()
  }
  const onAbort = (): void => { leave('gone') }
  const timer = clock.after(timeoutMs, () => { leave('late') })
  signal?.addEventListener('abort', onAbort)
  try {
    return await Promise.race([left, work(over.signal)])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', onAbort)
  }
}
