import { ConfigError } from './config-error.ts'
import { readConfigFile } from './read-config-file.ts'
import { createConfigResolver, type ConfigInput, type LoadedConfig } from './resolve.ts'

/** Where a configuration comes from. */
export interface ConfigSources extends Pick<ConfigInput, 'env' | 'args'> {
  /** The YAML file; undefined takes WEIR_CONFIG. */
  readonly file: string | undefined
}

/**
 * The path of the configuration file: the one given, or else WEIR_CONFIG.
 * @throws ConfigError when there is neither
 */
export function configFileOf ({ file, env }: ConfigSources): string {
  const path = file ?? env['WEIR_CONFIG'] ?? ''
  if (path !== '') return path
  throw new ConfigError([{ path: '', value: null, message: 'no configuration: name a file with --config FILE or WEIR_CONFIG', source: 'command line' }])
}

/**
 * Loads the configuration from a file, the environment and flags.
 * @throws ConfigError with every fault that could be found; nothing else
 */
export async function loadConfig (sources: ConfigSources): Promise<LoadedConfig> {
  const file = configFileOf(sources)
  const bytes = await readConfigFile(file)
  const resolve = createConfigResolver()
  return await resolve({ bytes, fileName: file, env: sources.env, args: sources.args })
}
