import type { Clock, TimerHandle } from '../core/clock.ts'
import { LoopLag } from './loop-lag.ts'
import type { CounterBook } from './counter-book.ts'
import type { ObservedShares } from './observed-share.ts'
import type { LoopState } from './worker-families.ts'

const TICK_MS = 1_000
const TICKS_PER_SAMPLE = 5

/** The cumulative reading of `performance.eventLoopUtilization()`: milliseconds idle and active since the start. */
export interface LoopReading {
  readonly idle: number
  readonly active: number
}

/** The control plane's telemetry tick: measures its event loop each second and samples the observed shares every five. */
export class ControlTicker {
  readonly #clock: Clock
  readonly #sample: () => void
  readonly #readLoop: () => LoopReading
  readonly #lag = new LoopLag(TICK_MS)
  #lastReading: LoopReading
  #utilization = 0
  #ticks = 0
  #timer: TimerHandle | undefined

  constructor (
    clock: Clock, book: CounterBook, shares: ObservedShares, readLoop: () => LoopReading = () => performance.eventLoopUtilization()
  ) {
    this.#clock = clock
    this.#sample = () => { void shares.sample(book.requestCounts()) }
    this.#readLoop = readLoop
    this.#lastReading = readLoop()
  }

  start (): void {
    if (this.#timer === undefined) this.#tick()
  }

  stop (): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  get loop (): LoopState {
    return { lagS: this.#lag.lagS, maxLagS: this.#lag.maxLagS, utilization: this.#utilization }
  }

  #tick (): void {
    this.#lag.tick(this.#clock.nowMs())
    const reading = this.#readLoop()
    const active = reading.active - this.#lastReading.active
    const total = active + reading.idle - this.#lastReading.idle
    this.#utilization = total > 0 ? active / total : 0
    this.#lastReading = reading
    if (this.#ticks++ % TICKS_PER_SAMPLE === 0) this.#sample()
    this.#timer = this.#clock.after(TICK_MS, () => { this.#tick() })
  }
}
