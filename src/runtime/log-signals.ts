/**
 * The signals that are about logs. SIGHUP and, as nginx has it, SIGUSR1 reopen the files. SIGUSR2, with which other proxies
 * start a new executable or reload, does nothing: the configuration is read again by itself. Unheard, SIGHUP and SIGUSR2
 * would end the process at once, and SIGUSR1 would make Node open a port for a debugger.
 */

/** Where signals come from: the process. */
export interface LogSignalSource {
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
