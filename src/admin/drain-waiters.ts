/**
 * Those who wait for a version to be drained. Nothing announces that, so all of them are looked at a few times a second.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'

const LOOK_MS = 100
/** Each of them holds a connection of the admin API. */
const MAX_WAITERS = 100
/** One client leaves room for others. */
const MAX_WAITERS_PER_CLIENT = 25

interface Waiter {
  readonly client: string
  readonly isOver: () => boolean
  readonly untilMs: number
  readonly resolve: () => void
}

export class DrainWaiters {
  readonly #clock: Clock
  readonly #waiters = new Set<Waiter>()
  #timer: TimerHandle | undefined

  constructor (clock: Clock) {
    this.#clock = clock
  }

  get size (): number { return this.#waiters.size }

  /** Why this client may not wait too, for people; undefined when it may. */
  refusal (client: string): string | undefined {
    if (this.#waiters.size >= MAX_WAITERS) return `${MAX_WAITERS} wait already`
    let own = 0
    for (const waiter of this.#waiters) if (waiter.client === client) own++
    return own >= MAX_WAITERS_PER_CLIENT ? `${MAX_WAITERS_PER_CLIENT} of this client wait already` : undefined
  }

  /**
   * Resolves when `isOver` says so, when the time is over, when `gone` is aborted, or when nobody is waited for any more.
   * @param client who waits: a name, the same for all that share a client's part
   */
  async wait (
    client: string, isOver: () => boolean, { timeoutMs, gone }: { readonly timeoutMs: number, readonly gone: AbortSignal }
  ): Promise<void> {
    if (timeoutMs === 0 || gone.aborted || isOver()) return
    const { promise, resolve: release } = Promise.withResolvers<void>()
    const resolve = (): void => { release() }
    const waiter = { client, isOver, untilMs: this.#clock.nowMs() + timeoutMs, resolve }
    this.#waiters.add(waiter)
    gone.addEventListener('abort', resolve)
    this.#timer ??= this.#schedule()
    await promise
    gone.removeEventListener('abort', resolve)
    this.#waiters.delete(waiter)
    this.#rest()
  }

  #schedule (): TimerHandle {
    return this.#clock.after(LOOK_MS, () => {
      const nowMs = this.#clock.nowMs()
      for (const { isOver, untilMs, resolve } of this.#waiters) if (nowMs >= untilMs || isOver()) resolve()
      this.#timer = this.#schedule()
    })
  }

  #rest (): void {
    if (this.#waiters.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Lets all of them go. */
  release (): void {
    for (const { resolve } of this.#waiters) resolve()
  }
}

/** What shows that a client has gone away. */
export interface ClientTraces {
  readonly response: { readonly destroyed: boolean, readonly once: (event: 'close', listener: () => void) => unknown }
  readonly socket: { readonly destroyed: boolean }
}

/** Aborted when the client goes away; at once when it is gone already, as nothing announces that a second time. */
export function leavingClient ({ response, socket }: ClientTraces): AbortSignal {
  if (response.destroyed || socket.destroyed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => { controller.abort() })
  return controller.signal
}
