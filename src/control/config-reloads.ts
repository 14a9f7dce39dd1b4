/**
 * When reloads happen: one at a time, with the newest configuration that there is, and never when Weir is on its way out.
 */
import { isDeepStrictEqual } from 'node:util'
import { formatFault, type ConfigError } from '../config/config-error.ts'
import type { LoadedConfig } from '../config/resolve.ts'
import type { Config } from '../config/schema.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { PrepareTimeoutError, type Reload } from './reload.ts'
import { formatPath, valueAt, type ConfigPath } from '../config/finding.ts'

interface ConfigReloadsDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly metrics: { configReloaded (result: 'success' | 'failure'): void }
  readonly reload: Pick<Reload<Config>, 'run'>
  /** The newest configuration, with the routes of all sources. */
  readonly newest: () => Pick<LoadedConfig, 'config' | 'warnings'>
}

/** What has failed may succeed later: a file is there that was missing, the disk has space again. What hangs is waited for instead. */
const RETRY_MS = 10_000

export class ConfigReloads {
  readonly #deps: ConfigReloadsDeps
  #config: Config
  /** There is news that no reload has seen. */
  #asked = false
  /** What is to be done between two reloads. */
  readonly #waiting: Array<() => void> = []
  #running: Promise<void> | undefined
  /** It stores and swaps, which is not to be left half-done. */
  #decided = false
  #stopped = false
  #retry: TimerHandle | undefined
  /** What was logged of the last failure. */
  #failure: string | undefined

  /** @param config the one of the start */
  constructor (config: Config, deps: ConfigReloadsDeps) {
    this.#config = config
    this.#deps = deps
  }

  /** The configuration in force. */
  get config (): Config {
    return this.#config
  }

  /**
   * Puts the configuration of the start in force.
   * @throws Error when that fails
   */
  async start (): Promise<void> {
    await this.#deps.reload.run(this.#config, () => true)
  }

  /** There is a newer configuration. It is put in force after a reload that is under way; the newest of several wins. */
  ask (): void {
    this.#failure = undefined
    this.#askAgain()
  }

  #askAgain (): void {
    this.#retry?.cancel()
    if (this.#stopped) return
    this.#asked = true
    this.#go()
  }

  /** Does something when no reload is under way. */
  between (work: () => void): void {
    if (this.#stopped) return
    this.#waiting.push(work)
    this.#go()
  }

  /** The newest configuration is wrong, or can't be read. */
  refuse (error: ConfigError): void {
    const { log, metrics } = this.#deps
    // It may be the one that is in force.
    if (error.exhausted) {
      log.error('the configuration can\'t be looked at; the one in force stays', { faults: error.message })
      return
    }
    this.#retry?.cancel()
    metrics.configReloaded('failure')
    log.error('the new configuration is wrong; the last good one stays in force', { faults: error.message })
  }

  /** No reload begins any more. One that has only prepared is given up; resolves when one that does more has ended. */
  async stop (): Promise<void> {
    this.#stopped = true
    this.#retry?.cancel()
    if (this.#decided) await this.#running
  }

  #go (): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined
      if (!this.#stopped && (this.#asked || this.#waiting.length > 0)) this.#go()
    })
  }

  async #work (): Promise<void> {
    if (this.#asked) {
      this.#asked = false
      await this.#reload()
    }
    for (const work of this.#waiting.splice(0)) this.#do(work)
  }

  #do (work: () => void): void {
    if (this.#stopped) return
    try {
      work()
    } catch (error) {
      this.#deps.log.error('what has changed beside the configuration could not be put in force', { error: errorText(error) })
    }
  }

  async #reload (): Promise<void> {
    const { log, metrics, newest, reload } = this.#deps
    const { config: loaded, warnings } = newest()
    const needRestart = findRestartOnlyChanges(this.#config, loaded)
    const config = keepRestartOnly(this.#config, loaded)
    try {
      if (!await reload.run(config, () => this.#decide())) return
      this.#config = config
      this.#failure = undefined
      metrics.configReloaded('success')
      for (const fault of warnings) log.warn('the configuration is odd', { fault: formatFault(fault) })
      if (needRestart.length > 0) log.warn('some changes of the configuration take effect at the next start', { options: needRestart.join(', ') })
      log.info('the configuration was reloaded', { routes: config.routes.length })
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#decided = false
    }
  }

  #decide (): boolean {
    this.#decided = !this.#stopped
    return this.#decided
  }

  #failed (thrown: unknown): void {
    const { clock, log, metrics } = this.#deps
    const error = errorText(thrown)
    const hangs = thrown instanceof PrepareTimeoutError
    if (error !== this.#failure) {
      metrics.configReloaded('failure')
      const next = hangs ? {} : { retryInMs: RETRY_MS }
      log.error('the new configuration could not be applied; the last good one stays in force', { error, ...next })
    }
    this.#failure = error
    if (hangs) void thrown.ended.then(() => { if (this.#failure === error) this.#askAgain() })
    // Unless there is news already, or Weir ends.
    else if (!this.#stopped && !this.#asked) this.#retry = clock.after(RETRY_MS, () => { this.#askAgain() })
  }
}

/** What is bound or opened once. Everything else takes effect with a reload. */
export const RESTART_ONLY: readonly ConfigPath[] = [
  ['listeners'], ['workers'], ['io'], ['admin', 'address'], ['admin', 'port'], ['admin', 'probes'],
  ['state'], ['kubernetes'], ['replicas'], ['accessLog', 'path']
]

/** The options that differ between two configurations and take effect only at the next start. */
export function findRestartOnlyChanges (before: Config, after: Config): readonly string[] {
  return RESTART_ONLY.filter(path => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path))).map(formatPath)
}

/**
 * A configuration as it can be put in force without a restart: what was opened at the start stays as it is, and so do the options that say
 * so.
 */
function keepRestartOnly (before: Config, after: Config): Config {
  const { listeners, workers, io, state, kubernetes, replicas } = before
  const { replicas: _left, ...rest } = after
  const { address, port, probes } = before.admin
  const admin = { tokens: after.admin.tokens, address, port, ...(probes === undefined ? {} : { probes }) }
  const accessLog = { ...after.accessLog, path: before.accessLog.path }
  return { ...rest, listeners, workers, io, state, kubernetes, ...(replicas === undefined ? {} : { replicas }), admin, accessLog }
}
