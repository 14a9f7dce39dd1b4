/**
 * Who waits for which epoch to be applied by all workers.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { RouteSplit, SplitReceipt } from '../rollout/traffic-state.ts'

interface Waiter {
  readonly epoch: number
  readonly startedMs: number
  readonly timer: TimerHandle
  readonly resolve: (receipt: SplitReceipt) => void
}

/** How many workers there should be, and how many of them have applied an epoch of a route. */
export interface AppliedCount {
  readonly workers: number
  applied (route: string, epoch: number): number
}

export class SplitReceipts {
  readonly #clock: Clock
  readonly #count: AppliedCount
  readonly #waiting = new Map<string, Set<Waiter>>()

  constructor (clock: Clock, count: AppliedCount) {
    this.#clock = clock
    this.#count = count
  }

  /** Resolves when all workers have applied the split or a later one, or the time is over. */
  wait (split: Pick<RouteSplit, 'route' | 'epoch'>, timeoutMs: number): Promise<SplitReceipt> {
    return new Promise(resolve => {
      const waiters = this.#waiting.get(split.route) ?? new Set<Waiter>()
      this.#waiting.set(split.route, waiters)
      const timer = this.#clock.after(timeoutMs, () => { this.#settle(split.route, waiter) })
      const waiter: Waiter = { epoch: split.epoch, startedMs: this.#clock.nowMs(), timer, resolve }
      waiters.add(waiter)
      this.applied(split.route)
    })
  }

  /** A worker has reported an epoch of the route. */
  applied (route: string): void {
    for (const waiter of this.#waiting.get(route) ?? []) {
      if (this.#count.applied(route, waiter.epoch) >= this.#count.workers) this.#settle(route, waiter)
    }
  }

  #settle (route: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(route)
    if (waiters?.delete(waiter) !== true) return
    if (waiters.size === 0) this.#waiting.delete(route)
    waiter.timer.cancel()
    waiter.resolve({
      workers: this.#count.workers,
      applied: this.#count.applied(route, waiter.epoch),
      tookMs: Math.round((this.#clock.nowMs() - waiter.startedMs) * 1_000) / 1_000
    })
  }
}
