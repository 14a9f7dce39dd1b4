import { isAbsolute, resolve } from 'node:path'
import { errorText } from '../core/error-text.ts'
import { readBounded } from '../core/read-bounded.ts'
import { readWholeFile, type FileFault } from '../core/read-whole-file.ts'
import { COMMAND_LINE, ConfigError } from './config-error.ts'
import type { Config, ListenerConfig, OverridesConfig, RouteConfig, VersionConfig } from './schema.ts'
import { listConfigOptions } from './options.ts'
import { readOverrides } from './overrides.ts'
import { createConfigResolver, type ConfigInput, type LoadedConfig } from './resolve.ts'

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
  const { faults } = readOverrides(listConfigOptions, env, args)
  throw new ConfigError([...faults, { path: '', value: null, message: 'no configuration: name a file with --config FILE or WEIR_CONFIG', source: COMMAND_LINE }])
}

/** Makes a configuration of the bytes of the file. @throws ConfigError with every fault that could be found */
type ConfigLoader = (bytes: Uint8Array) => Promise<LoadedConfig>

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

/** More than ten thousand routes need. A Kubernetes ConfigMap holds 1 MiB. */
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024

/**
 * Reads a configuration file whole.
 * @throws ConfigError when there is no such file, it can't be read, is not a regular file or has more than MAX_CONFIG_BYTES
 */
export async function readConfigFile (file: string): Promise<Uint8Array> {
  const content = await readWholeFile(file, MAX_CONFIG_BYTES)
  if ('bytes' in content) return content.bytes
  const message = explainFile(content.fault, isAbsolute(file) ? '' : ` (looked for at ${resolve(file)})`)
  throw new ConfigError([{ path: '', value: null, message, source: file }], 0, content.fault.kind === 'exhausted')
}

/** @param inFull tells where a relative path leads */
function explainFile ({ kind, phrase }: FileFault, inFull: string): string {
  switch (kind) {
    case 'missing': return `${phrase}${inFull}; give the path of a configuration with --config FILE or WEIR_CONFIG`
    case 'directory': return 'is a directory; name the file in it'
    default: return phrase
  }
}

/**
 * The configuration with every path of a file in full, so that logs, faults and the API say which file is meant wherever
 * they name one.
 * @param directory where relative paths begin: the one in which Weir was started, as on a command line
 */
export function withFullPaths (config: Config, directory: string): Config {
  const full = (file: string): string => resolve(directory, file)
  const { kubernetes: { kubeconfig, ...kubernetes }, replicas, accessLog } = config
  return {
    ...config,
    listeners: config.listeners.map(listener => listener.tls === undefined
      ? listener
      : { ...listener, tls: tlsInFull(listener.tls, full) }),
    routes: config.routes.map(route => routeInFull(route, full)),
    overrides: overridesInFull(config.overrides, full),
    admin: { ...config.admin, tokens: config.admin.tokens.map(token => ({ ...token, file: full(token.file) })) },
    state: { ...config.state, path: full(config.state.path) },
    kubernetes: kubeconfig === undefined ? kubernetes : { ...kubernetes, kubeconfig: full(kubeconfig) },
    ...(replicas?.secretFile === undefined ? {} : { replicas: { ...replicas, secretFile: full(replicas.secretFile) } }),
    webhooks: config.webhooks.map(webhook => ({ ...webhook, secretFile: full(webhook.secretFile) })),
    // `-` is no file.
    accessLog: accessLog.path === '-' ? accessLog : { ...accessLog, path: full(accessLog.path) }
  }
}

type Full = (file: string) => string

function tlsInFull (tls: NonNullable<ListenerConfig['tls']>, full: Full): NonNullable<ListenerConfig['tls']> {
  const { clientCertificates } = tls
  return {
    ...tls,
    certificates: tls.certificates.map(({ cert, key }) => ({ cert: full(cert), key: full(key) })),
    ...(clientCertificates === undefined ? {} : { clientCertificates: { ...clientCertificates, ca: full(clientCertificates.ca) } })
  }
}

function routeInFull (route: RouteConfig, full: Full): RouteConfig {
  const { affinity: { issue, ...affinity }, overrides } = route
  return {
    ...route,
    versions: route.versions.map(version => versionInFull(version, full)),
    affinity: issue === undefined ? affinity : { ...affinity, issue: { ...issue, keyFiles: issue.keyFiles.map(full) } },
    ...(overrides === undefined ? {} : { overrides: overridesInFull(overrides, full) })
  }
}

function overridesInFull (overrides: OverridesConfig, full: Full): OverridesConfig {
  return { ...overrides, keyFiles: overrides.keyFiles.map(full) }
}

function versionInFull (version: VersionConfig, full: Full): VersionConfig {
  const { tls } = version
  return tls?.ca === undefined ? version : { ...version, tls: { ...tls, ca: full(tls.ca) } }
}

const NAME = 'standard input'

/**
 * Reads a configuration from standard input, to its end.
 * @throws ConfigError when it can't be read or has more than MAX_CONFIG_BYTES
 */
export async function readStandardInput (input: AsyncIterable<unknown> = process.stdin): Promise<ConfigText> {
  let bytes
  try {
    bytes = await readBounded(input, MAX_CONFIG_BYTES)
  } catch (error) {
    throw stdinFault(`can't be read: ${errorText(error)}`)
  }
  if (bytes === undefined) throw stdinFault(`has more than ${MAX_CONFIG_BYTES} bytes`)
  return { bytes, name: NAME }
}

function stdinFault (message: string): ConfigError {
  return new ConfigError([{ path: '', value: null, message, source: NAME }])
}
