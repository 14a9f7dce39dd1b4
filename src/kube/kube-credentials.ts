/**
 * Who Weir is to the Kubernetes API. The library that reads credentials is loaded when the first request is made: it costs tens of
 * mebibytes, which a static configuration must not pay.
 */
import { errorText } from '../core/error-text.ts'
import type { KubeConfig } from '@kubernetes/client-node'
import { loadKubeConfig } from './load-kube-config.ts'
import { existsSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { delimiter, dirname, join } from 'node:path'
import { type CredentialPlugins, type PluginCommand, readPluginCommand } from './credential-plugin.ts'
import { asObject, asText } from '../core/untrusted.ts'
import { KubeError } from './kube-api.ts'
import { homedir } from 'node:os'
import { readWholeFile } from '../core/read-whole-file.ts'

/**
 * The files that a kubeconfig names. The library opens them without looking: a named pipe would stop the whole control plane.
 */

/** More than any kubeconfig needs. */
export const MAX_KUBECONFIG_BYTES = 8 * 1024 * 1024
/** Of a certificate, a key, a token or a bundle of authorities. */
const MAX_NAMED_BYTES = 1_048_576

/** In a line of its own or within braces; the library reads such a file as soon as it meets its name. */
const TOKEN_FILE = /(?:^|[\s{,])["']?token-?[fF]ile["']?\s*:\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"',}#][^,}#\n]*))/gm

/**
 * Reads a kubeconfig, if every file that the library opens with it can be read.
 * @param called what an error calls it
 * @throws Error
 */
async function readKubeconfig (path: string, called = 'it'): Promise<string> {
  const text = (await read(path, MAX_KUBECONFIG_BYTES, called)).toString('utf8')
  for (const [, double, single, plain] of text.matchAll(TOKEN_FILE)) await read((double ?? single ?? plain ?? '').trim(), MAX_NAMED_BYTES)
  return text
}

/** Where a kubeconfig is looked for when none is configured and there is no ServiceAccount. */
export function defaultKubeconfigs (env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter(path => path !== '')
  return listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')]
}

/**
 * Looks at the files of the cluster and user in use.
 * @throws Error that names the first one that can't be read
 */
async function checkNamedFiles (config: KubeConfig): Promise<void> {
  const user = config.getCurrentUser()
  const provider = asObject(asObject(user?.authProvider)?.['config'])
  const paths = [config.getCurrentCluster()?.caFile, user?.certFile, user?.keyFile, asText(provider?.['tokenFile'])]
  for (const path of paths) if (path !== undefined && path !== '') await read(path, MAX_NAMED_BYTES)
}

async function read (path: string, maxBytes: number, called = path): Promise<Buffer> {
  const content = await readWholeFile(path, maxBytes)
  if ('bytes' in content) return content.bytes
  throw new Error(`${called} ${content.fault.phrase}`)
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

interface KubeCredentialsOptions {
  /** A kubeconfig file; without it the in-cluster credentials, or else KUBECONFIG and ~/.kube/config. */
  readonly kubeconfig?: string | undefined
  /** The context of the kubeconfig; without it, the current one. */
  readonly context?: string | undefined
  /** Runs the credential plugin of the kubeconfig, if it has one. */
  readonly plugins: CredentialPlugins
}

export interface KubeCredentials {
  /** The base URL of the API server, with whatever path it has. */
  readonly server: string
  /** The namespace of the context or of the ServiceAccount; `default` where neither says. */
  readonly namespace: string
  /**
   * Options for node:http or node:https with the certificates, headers and agent of the credentials, read anew: token and
   * certificate files may have been replaced since the last request.
   */
  requestOptions (signal: AbortSignal): Promise<RequestOptions>
  /** A request has failed, maybe because of what was kept of a plugin's answer; `unauthorized` is a 401. */
  doubt (unauthorized: boolean): void
}

/**
 * Finds and reads the credentials.
 * @throws KubeError `credentials` when there are none, or they can't be read
 */
export async function loadKubeCredentials (options: KubeCredentialsOptions): Promise<KubeCredentials> {
  const Reader = await loadKubeConfig()
  const config = new Reader()
  try {
    await load(config, options)
  } catch (cause) {
    const reason = errorText(cause)
    throw new KubeError('credentials', `can't read ${options.kubeconfig ?? 'the kubeconfig'}: ${reason}`, { cause })
  }
  if (options.context !== undefined) config.setCurrentContext(options.context)
  const context = config.getContextObject(config.getCurrentContext())
  const cluster = config.getCurrentCluster()
  if (context === null || cluster === null) {
    const known = config.getContexts().map(({ name }) => name).join(', ')
    throw new KubeError('credentials', `the kubeconfig has no usable context "${config.getCurrentContext()}" (it has: ${known}); set kubernetes.context`)
  }
  const plugin = takePlugin(config)
  await checkFiles(config)
  const namespace = context.namespace?.trim() ?? ''
  return {
    server: cluster.server,
    namespace: namespace === '' ? 'default' : namespace,
    requestOptions: async signal => {
      const ready = await requestOptions(config, cluster.proxyUrl !== undefined)
      if (plugin === undefined) return ready
      const { token, cert, key } = await options.plugins.credential(plugin, signal)
      return {
        ...ready,
        // The headers are an object, as made below.
        ...(token === undefined
          ? {}
          : { headers: { ...ready.headers as Record<string, string>, Authorization: `Bearer ${token.trim()}` } }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key })
      }
    },
    doubt: unauthorized => { if (plugin !== undefined) options.plugins.doubt(plugin, unauthorized) }
  }
}

/**
 * Takes the plugin of the current user out of the library's hands.
 * @throws KubeError for a plugin of the kind that the library runs without letting anything else go on meanwhile
 */
function takePlugin (config: KubeConfig): PluginCommand | undefined {
  const user = config.getCurrentUser()
  if (user === null) return undefined
  const provider = asObject(user.authProvider)
  const settings = asObject(provider?.['config'])
  if (asText(settings?.['cmd-path']) !== undefined) {
    throw new KubeError('credentials', `the auth-provider "${asText(provider?.['name']) ?? ''}" of the kubeconfig runs a command in the way that Kubernetes 1.26 removed; use "exec" with a credential plugin`)
  }
  const plugin = readPluginCommand(user.exec ?? settings?.['exec'])
  if (plugin === undefined) return undefined
  if (plugin.command === '') throw new KubeError('credentials', 'the "exec" of the kubeconfig names no command')
  config.users = config.users.map(each => each.name === user.name ? { ...each, exec: undefined, authProvider: undefined } : each)
  return plugin
}

async function load (config: KubeConfig, options: KubeCredentialsOptions): Promise<void> {
  if (options.kubeconfig !== undefined) {
    config.loadFromString(await readKubeconfig(options.kubeconfig))
    config.makePathsAbsolute(dirname(options.kubeconfig))
  } else if (existsSync(SERVICE_ACCOUNT_TOKEN) && process.env['KUBERNETES_SERVICE_HOST'] !== undefined) {
    config.loadFromCluster()
  } else {
    for (const path of defaultKubeconfigs(process.env)) if (existsSync(path)) await readKubeconfig(path, path)
    config.loadFromDefault()
    // The library falls back to this address without credentials, which nobody serves any more.
    if (config.getCurrentContext() === 'loaded-context' && config.getCurrentCluster()?.server === 'http://localhost:8080') {
      throw new Error('there is no ServiceAccount, no KUBECONFIG and no ~/.kube/config; set kubernetes.kubeconfig')
    }
  }
  config.clusters = config.clusters.map(cluster => isPlainLoopback(cluster.server) ? { ...cluster, skipTLSVerify: true } : cluster)
}

/** `kubectl proxy` and the like: there is no TLS to verify, but the library wants to be told so. */
function isPlainLoopback (server: string): boolean {
  return /^http:\/\/(127\.[0-9.]+|\[::1\]|localhost)(:[0-9]+)?(\/|$)/.test(server)
}

/** @throws KubeError `credentials` */
async function checkFiles (config: KubeConfig): Promise<void> {
  try {
    await checkNamedFiles(config)
  } catch (cause) {
    throw new KubeError('credentials', `can't read a file that the kubeconfig names: ${errorText(cause)}`, { cause })
  }
}

async function requestOptions (config: KubeConfig, proxied: boolean): Promise<RequestOptions> {
  await checkFiles(config)
  const options: RequestOptions = { headers: { Accept: 'application/json', 'User-Agent': 'weir' } }
  try {
    await config.applyToHTTPSOptions(options)
  } catch (cause) {
    const reason = errorText(cause)
    throw new KubeError('credentials', `can't prepare the credentials for the Kubernetes API: ${reason}`, { cause })
  }
  const headers = { ...options.headers as Record<string, string> } // the object made above, with what the library added
  const authorization = headers['Authorization']
  // A token file that ends in a line feed would make an invalid header.
  if (authorization !== undefined) headers['Authorization'] = authorization.trim()
  // The library's agent keeps the certificates of its first use; without an agent, each request uses those read just now.
  return proxied ? { ...options, headers } : { ...options, headers, agent: false }
}
