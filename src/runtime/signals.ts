/**
 * The signals that Weir hears. Unheard, each would end the process at once, but for SIGUSR1, which would make Node open a port for
 * a debugger.
 *
 * SIGTERM comes from an orchestrator, SIGQUIT from those that were set up for nginx, where it is the patient one, SIGINT from a terminal; a
 * second one insists. SIGHUP and, as nginx has it, SIGUSR1 reopen the logs. SIGUSR2, with which other proxies start a new executable or
 * reload, does nothing: the configuration is read again by itself.
 */
import type { Clock } from '../core/clock.ts'

/** How patient those are who want Weir to stop. */
export interface StopPatience {
  /** Waits so long, or less when nobody wants to wait. */
  delay (ms: number): Promise<void>
  /** Resolves when what is in flight is not to be waited for either. */
  readonly insisted: Promise<void>
}

/** Where signals come from: the process. */
interface SignalSource {
  on (signal: 'SIGTERM' | 'SIGQUIT' | 'SIGINT', listener: () => void): unknown
}

/** A Ctrl-C may arrive twice, from the terminal and from a program in between. What comes so soon is the same wish. */
const SAME_WISH_MS = 1_000

export class StopSignals implements StopPatience {
  readonly #clock: Clock
  readonly #asked = Promise.withResolvers<void>()
  readonly #inHaste = Promise.withResolvers<void>()
  readonly #insisted = Promise.withResolvers<void>()
  #askedMs: number | undefined

  constructor (source: SignalSource, clock: Clock) {
    this.#clock = clock
    source.on('SIGTERM', () => { this.#onSignal(false) })
    source.on('SIGQUIT', () => { this.#onSignal(false) })
    source.on('SIGINT', () => { this.#onSignal(true) })
  }

  /** Whoever started Weir is gone: nobody has to notice first that Weir goes too. */
  abandoned (): void {
    this.#onSignal(true)
  }

  /** Resolves at the first signal. */
  get asked (): Promise<void> { return this.#asked.promise }
  /** Has a signal come? */
  get wasAsked (): boolean { return this.#askedMs !== undefined }
  get insisted (): Promise<void> { return this.#insisted.promise }

  #onSignal (inHaste: boolean): void {
    const nowMs = this.#clock.nowMs()
    this.#askedMs ??= nowMs
    this.#asked.resolve()
    const insists = nowMs - this.#askedMs >= SAME_WISH_MS
    if (inHaste || insists) this.#inHaste.resolve()
    if (insists) this.#insisted.resolve()
  }

  async delay (ms: number): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = this.#clock.after(ms, over.resolve)
    await Promise.race([over.promise, this.#inHaste.promise])
    timer.cancel()
  }
}

/** Where signals come from: the process. */
interface LogSignalSource {
  on (signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2', listener: () => void): unknown
}

export class LogSignals {
  #onReopen: (() => void) | undefined
  #onIgnored: ((signal: string) => void) | undefined

  constructor (source: LogSignalSource) {
    source.on('SIGHUP', () => { this.#onReopen?.() })
    source.on('SIGUSR1', () => { this.#onReopen?.() })
    source.on('SIGUSR2', () => { this.#onIgnored?.('SIGUSR2') })
  }

  /** Sets what follows from them; until then nothing does. */
  handle (onReopen: () => void, onIgnored: (signal: string) => void): void {
    this.#onReopen = onReopen
    this.#onIgnored = onIgnored
  }
}
