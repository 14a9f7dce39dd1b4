import { COMMAND_LINE, ConfigError } from './config-error.ts'
import { withFullPaths } from './full-paths.ts'
import { listConfigOptions } from './options.ts'
import { readOverrides } from './overrides.ts'
import { readConfigFile } from './read-config-file.ts'
import { createConfigResolver, type ConfigInput, type LoadedConfig } from './resolve.ts'
import type { Config } from './schema.ts'

/** A configuration that is in no file: it can't change. */
export interface ConfigText {
  readonly bytes: Uint8Array
  /** What messages call it. */
  readonly name: string
  /** What to tell the user on standard output when it is in force. */
  readonly introduce?: (config: Config) => string
  /** What chooses the port of its listener, for whoever finds the port taken. */
  readonly portOption?: string
}

/** Where a configuration comes from. */
export interface ConfigSources extends Pick<ConfigInput, 'env' | 'args'> {
  /** The YAML file; undefined takes WEIR_CONFIG. */
  readonly file: string | undefined
  /** Stands in for a file. */
  readonly text?: ConfigText | undefined
}

/**
 * The path of the configuration file, or what its text is called: what is given, or else WEIR_CONFIG.
 * @throws ConfigError when there is neither
 */
export function configFileOf ({ file, text, env, args }: ConfigSources): string {
  const path = text?.name ?? file ?? env['WEIR_CONFIG'] ?? ''
  if (path !== '') return path
  const { faults } = readOverrides(listConfigOptions(), env, args)
  throw new ConfigError([...faults, { path: '', value: null, message: 'no configuration: name a file with --config FILE or WEIR_CONFIG', source: COMMAND_LINE }])
}

/** Makes a configuration of the bytes of the file. @throws ConfigError with every fault that could be found */
export type ConfigLoader = (bytes: Uint8Array) => Promise<LoadedConfig>

/**
 * What makes configurations of the contents that a file has over time.
 * @throws ConfigError when the sources name none
 */
export function createConfigLoader (sources: ConfigSources): ConfigLoader {
  const fileName = configFileOf(sources)
  const resolve = createConfigResolver()
  const directory = process.cwd()
  return async bytes => {
    const loaded = await resolve({ bytes, fileName, env: sources.env, args: sources.args })
    return { ...loaded, config: withFullPaths(loaded.config, directory) }
  }
}

/**
 * Loads the configuration from a file, the environment and flags.
 * @throws ConfigError with every fault that could be found; nothing else
 */
export async function loadConfig (sources: ConfigSources): Promise<LoadedConfig> {
  const file = configFileOf(sources)
  const bytes = sources.text?.bytes ?? await readConfigFile(file)
  return await createConfigLoader(sources)(bytes)
}
