import { watch, type FSWatcher } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { configFileOf, createConfigLoader, type ConfigSources } from './load.ts'
import { readConfigFile } from './read-config-file.ts'
import { ConfigWatcher, type ConfigWatcherOptions, type WatchedFile } from './watch.ts'

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
