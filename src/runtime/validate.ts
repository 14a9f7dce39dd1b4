/**
 * `weir validate`: checks a configuration as `weir run` would.
 */
import { ConfigError, formatFault } from '../config/config-error.ts'
import { configFileOf, loadConfig } from '../config/load.ts'
import type { ConfigSources } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { findAuthorityFaults } from './authority-files.ts'

/** Prints what was found. @returns the exit code: 0 valid, 1 not */
export async function validate (sources: ConfigSources): Promise<number> {
  try {
    const { config, warnings } = await loadConfig(sources)
    const source = configFileOf(sources)
    const { checkCertificates } = await import('./certificate-store.ts')
    const certificates = await checkCertificates(config.listeners, source, systemClock)
    const faults = [...certificates.faults, ...await findAuthorityFaults(config, source)]
    if (faults.length > 0) throw new ConfigError(faults)
    for (const warning of [...warnings, ...certificates.warnings]) process.stderr.write(`warning: ${formatFault(warning)}\n`)
    process.stdout.write(`The configuration is valid. Listeners: ${config.listeners.length}, routes: ${config.routes.length}.\n`)
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}
