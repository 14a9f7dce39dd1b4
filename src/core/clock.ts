/**
 * Time as a port, so that everything that waits or compares times can be tested with a clock that the test moves.
 */
// The global of the same name is an accessor, which costs a quarter of what it takes to read the clock.
import { performance } from 'node:perf_hooks'

/** Something that can be cancelled once. */
export interface TimerHandle {
  cancel (): void
}

export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. For people: logs, history. */
  wallMs (): number
  /** Monotonic time in milliseconds, with fractions. For durations and deadlines. */
  nowMs (): number
  /** Calls `callback` once after `delayMs`. The timer does not keep the process alive. */
  after (delayMs: number, callback: () => void): TimerHandle
}

/** The clock of the operating system. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  after (delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return { cancel: () => { clearTimeout(timer) } }
  }
}

/** The same for a command that does nothing but wait: its timers keep the process alive. */
export const foregroundClock: Clock = {
  ...systemClock,
  after (delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => { clearTimeout(timer) } }
  }
}
