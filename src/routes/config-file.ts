/**
 * The configuration file as a source of routes, and of the options beside them.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { ConfigError } from '../config/config-error.ts'
import type { ConfigSources } from '../config/load.ts'
import type { LoadedConfig } from '../config/resolve.ts'
import { createConfigWatcher, type ConfigWatcher } from '../config/watch.ts'
import type { Clock } from '../core/clock.ts'

/** Where routes come from. */
export interface RouteSource {
  /** The routes that it had last, all of them and without fault, in the order in which they are tried. */
  routes (): readonly RouteConfig[]
  /**
   * Watches from now on. To be called once.
   * @param onNews told when it has others
   */
  start (onNews: () => void): void
  /** Ends watching: `onNews` is not called again. */
  stop (): void
}

interface ConfigFileOptions {
  readonly clock: Clock
  readonly sources: ConfigSources
  /** The file is wrong now, or gone; what was loaded last stays. */
  readonly onFault: (error: ConfigError) => void
}

export class ConfigFile implements RouteSource {
  readonly #options: ConfigFileOptions
  #loaded: LoadedConfig
  #watcher: ConfigWatcher | undefined

  /** @param loaded what it held at the start */
  constructor (loaded: LoadedConfig, options: ConfigFileOptions) {
    this.#loaded = loaded
    this.#options = options
  }

  /** What was loaded last without fault. */
  get loaded (): LoadedConfig {
    return this.#loaded
  }

  routes (): readonly RouteConfig[] {
    return this.#loaded.config.routes
  }

  start (onNews: () => void): void {
    const { clock, sources, onFault } = this.#options
    // What came from the command line can't change.
    if (sources.text !== undefined) return
    this.#watcher = createConfigWatcher(sources, clock, {
      digest: this.#loaded.digest,
      onChange: loaded => {
        this.#loaded = loaded
        onNews()
      },
      onError: onFault
    })
    this.#watcher.start()
  }

  stop (): void {
    this.#watcher?.stop()
  }
}
