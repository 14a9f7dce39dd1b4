import { isDeepStrictEqual } from 'node:util'
import { formatPath, valueAt, type ConfigPath } from './config-path.ts'
import type { Config } from './schema.ts'

/** What is bound or opened once. Everything else takes effect with a reload. */
export const RESTART_ONLY: readonly ConfigPath[] = [
  ['listeners'], ['workers'], ['io'], ['admin', 'address'], ['admin', 'port'], ['admin', 'probes'], ['state'], ['kubernetes'], ['accessLog', 'path']
]

/** The options that differ between two configurations and take effect only at the next start. */
export function findRestartOnlyChanges (before: Config, after: Config): readonly string[] {
  return RESTART_ONLY.filter(path => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path))).map(formatPath)
}
