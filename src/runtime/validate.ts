/**
 * `weir validate`: checks a configuration as `weir run` would.
 */
import { printable } from '../core/logger.ts'
import { ConfigError, formatFault } from '../config/config-error.ts'
import { configFileOf, loadConfig, readStandardInput, type ConfigSources } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { StartFindings } from './check-start.ts'

/**
 * Prints what was found.
 * @param options `offline`: leaves out what is only there where Weir will run, the files that the configuration names
 * @returns the exit code: 0 valid, 1 not, 2 wrong arguments
 */
export async function validate (given: ConfigSources, { offline }: { readonly offline: boolean }): Promise<number> {
  try {
    const sources = given.file === '-' ? { ...given, text: await readStandardInput() } : given
    const { config, warnings } = await loadConfig(sources)
    const found = offline ? { faults: [], warnings: [] } : await findInFiles(sources, config)
    if (found.faults.length > 0) throw new ConfigError(found.faults)
    for (const warning of [...warnings, ...found.warnings]) process.stderr.write(`warning: ${printable(formatFault(warning))}\n`)
    process.stdout.write(`The configuration is valid. Listeners: ${config.listeners.length}, routes: ${config.routes.length}.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${printable(error.message)}\n`)
    return error.blamesArguments ? 2 : 1
  }
}

async function findInFiles (sources: ConfigSources, config: Config): Promise<StartFindings> {
  const { checkStart } = await import('./check-start.ts')
  return await checkStart(config, configFileOf(sources))
}
