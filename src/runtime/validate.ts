/**
 * `weir validate`: checks a configuration as `weir run` would.
 */
import { ConfigError, formatFault } from '../config/config-error.ts'
import { loadConfig } from '../config/load.ts'
import type { ConfigSources } from '../config/load.ts'

/** Prints what was found. @returns the exit code: 0 valid, 1 not */
export async function validate (sources: ConfigSources): Promise<number> {
  try {
    const { config, warnings } = await loadConfig(sources)
    for (const warning of warnings) process.stderr.write(`warning: ${formatFault(warning)}\n`)
    process.stdout.write(`The configuration is valid. Listeners: ${config.listeners.length}, routes: ${config.routes.length}.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}
