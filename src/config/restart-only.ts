import { isDeepStrictEqual } from 'node:util'
import { formatPath, valueAt, type ConfigPath } from './config-path.ts'
import type { Config } from './schema.ts'

/** What is bound or opened once. Everything else takes effect with a reload. */
export const RESTART_ONLY: readonly ConfigPath[] = [
  ['listeners'], ['workers'], ['io'], ['admin', 'address'], ['admin', 'port'], ['admin', 'probes'],
  ['state'], ['kubernetes'], ['accessLog', 'path']
]

/** The options that differ between two configurations and take effect only at the next start. */
export function findRestartOnlyChanges (before: Config, after: Config): readonly string[] {
  return RESTART_ONLY.filter(path => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path))).map(formatPath)
}

/**
 * A configuration as it can be put in force without a restart: what was opened at the start stays as it is, and so do the options that say
 * so.
 */
export function keepRestartOnly (before: Config, after: Config): Config {
  const { listeners, workers, io, state, kubernetes } = before
  const { address, port, probes } = before.admin
  const admin = { tokens: after.admin.tokens, address, port, ...(probes === undefined ? {} : { probes }) }
  return { ...after, listeners, workers, io, state, kubernetes, admin, accessLog: { ...after.accessLog, path: before.accessLog.path } }
}
