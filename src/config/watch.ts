import { errorText } from '../core/error-text.ts'
import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { LookSchedule } from '../net/look-schedule.ts'
import { ConfigError } from './config-error.ts'
import { digestOf, type LoadedConfig } from './resolve.ts'
import { configFileOf, createConfigLoader, readConfigFile, type ConfigSources } from './load.ts'

/** The file as the watcher sees it. */
interface WatchedFile {
  /**
   * The bytes of the file.
   * @throws ConfigError when it can't be read
   */
  read (): Promise<Uint8Array>
  /** Calls `onHint` when the file may have changed. Hints may be missing, late or too many. @returns what ends it */
  subscribe (onHint: () => void): () => void
}

interface ConfigWatcherOptions {
  readonly file: WatchedFile
  readonly clock: Clock
  /** Makes a configuration of bytes. @throws ConfigError */
  readonly resolve: (bytes: Uint8Array) => Promise<LoadedConfig>
  /** The digest of the configuration in use: only other bytes are news. */
  readonly digest: string
  /** A new configuration that may be used. */
  readonly onChange: (loaded: LoadedConfig) => void
  /** The file is wrong now, or gone; told once for each content. The configuration in use stays as it was. */
  readonly onError: (error: ConfigError) => void
  /** Between two looks at a file of which nothing is heard, in milliseconds. */
  readonly pollMs?: number
  /** How long new content has to stand still, in milliseconds: a file that is written in place is seen half-written. */
  readonly settleMs?: number
  /** How long the file may be unreadable before that is an error, in milliseconds. */
  readonly graceMs?: number
}

/**
 * Watches a configuration file by its content. Events of the file system only hasten the next look, so that every way to
 * replace a file works: writing in place, renaming another file over it, and the swap of a ConfigMap's `..data` link. New
 * content is taken when two looks, `settleMs` apart, have seen the same.
 */
export class ConfigWatcher {
  readonly #options: ConfigWatcherOptions
  readonly #pollMs: number
  readonly #settleMs: number
  readonly #graceMs: number
  /** Of the content that was last reported, good or bad; empty after an unreadable file was. */
  #reported: string
  /** Of new content that has been seen once. */
  #candidate = ''
  /** When the file was first found unreadable (monotonic ms). */
  #unreadableSince: number | null = null
  #unreadableReported = false
  #unsubscribe: (() => void) | null = null
  readonly #schedule: LookSchedule

  constructor (options: ConfigWatcherOptions) {
    this.#options = options
    this.#pollMs = options.pollMs ?? 5_000
    this.#settleMs = options.settleMs ?? 100
    this.#graceMs = options.graceMs ?? 2_000
    this.#reported = options.digest
    this.#schedule = new LookSchedule({ clock: options.clock, hintMs: this.#settleMs, look: async () => await this.#look() })
  }

  /** Begins to watch, with a first look: the file may have changed since it was loaded. */
  start (): void {
    if (!this.#schedule.stopped) return
    this.#schedule.start()
    this.#unsubscribe = this.#options.file.subscribe(() => { this.#schedule.hint() })
    this.#schedule.lookIn(this.#settleMs)
  }

  /** Ends watching. No callback follows. */
  stop (): void {
    this.#schedule.stop()
    this.#unsubscribe?.()
    this.#unsubscribe = null
  }

  /** @returns when to look again, in milliseconds */
  async #look (): Promise<number> {
    let bytes: Uint8Array
    try {
      bytes = await this.#options.file.read()
    } catch (error) {
      return this.#schedule.stopped ? this.#pollMs : this.#sawUnreadable(asConfigError(error))
    }
    if (this.#schedule.stopped) return this.#pollMs
    this.#unreadableSince = null
    this.#unreadableReported = false
    const digest = digestOf(bytes)
    if (digest === this.#reported) {
      this.#candidate = ''
      return this.#pollMs
    }
    if (digest !== this.#candidate) {
      this.#candidate = digest
      return this.#settleMs
    }
    this.#candidate = ''
    this.#reported = digest
    await this.#report(bytes)
    return this.#pollMs
  }

  async #report (bytes: Uint8Array): Promise<void> {
    let loaded: LoadedConfig
    try {
      loaded = await this.#options.resolve(bytes)
    } catch (error) {
      if (!this.#schedule.stopped) this.#options.onError(asConfigError(error))
      return
    }
    if (!this.#schedule.stopped) this.#options.onChange(loaded)
  }

  #sawUnreadable (error: ConfigError): number {
    const now = this.#options.clock.nowMs()
    this.#candidate = ''
    this.#unreadableSince ??= now
    if (this.#unreadableReported) return this.#pollMs
    if (now - this.#unreadableSince < this.#graceMs) return this.#settleMs
    this.#unreadableReported = true
    // When the file is back it is news, even with the content that was there before. It was not away while only a descriptor was missing.
    if (!error.exhausted) this.#reported = ''
    this.#options.onError(error)
    return this.#pollMs
  }
}

function asConfigError (error: unknown): ConfigError {
  if (error instanceof ConfigError) return error
  const message = `cannot be loaded: ${errorText(error)}`
  return new ConfigError([{ path: '', value: null, message, source: 'configuration' }])
}

/** The link that the kubelet swaps when a mounted ConfigMap changes; the files beside it lead through it. */
const CONFIG_MAP_LINK = '..data'

/** A file on disk. Its directory is watched, because a file that is renamed over keeps no watch. */
export function watchedFile (path: string): WatchedFile {
  return {
    read: async () => await readConfigFile(path),
    subscribe (onHint) {
      const directory = dirname(path)
      const names = new Set([basename(path), CONFIG_MAP_LINK])
      let watcher: FSWatcher | null = null
      try {
        watcher = watch(directory, { persistent: false }, (_, name) => {
          if (name === null || names.has(name)) onHint()
        })
        // Without events (the directory is gone, the system has no watches left) the poll still finds every change.
        watcher.on('error', () => { watcher?.close() })
      } catch {
        onHint()
      }
      return () => { watcher?.close() }
    }
  }
}

/**
 * A watcher of the file that a configuration was loaded from. The environment and flags are applied to each new content.
 * @throws ConfigError when the sources name no file
 */
export function createConfigWatcher (
  sources: ConfigSources,
  clock: Clock,
  handlers: Omit<ConfigWatcherOptions, 'clock' | 'file' | 'resolve'>
): ConfigWatcher {
  return new ConfigWatcher({ ...handlers, clock, file: watchedFile(configFileOf(sources)), resolve: createConfigLoader(sources) })
}
