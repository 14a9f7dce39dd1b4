/**
 * Who Weir is to the Kubernetes API. The only file of the tree that imports @kubernetes/client-node, and it does so when
 * the first request is made: the library costs half a second and tens of mebibytes, which a static configuration must not pay.
 */
import type { KubeConfig } from '@kubernetes/client-node'
import { existsSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { dirname } from 'node:path'
import { type CredentialPlugins, type PluginCommand, readPluginCommand } from './credential-plugin.ts'
import { KubeError } from './kube-error.ts'
import { checkNamedFiles, defaultKubeconfigs, readKubeconfig } from './kube-files.ts'
import { asObject, asText } from './untrusted-json.ts'

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

export interface KubeCredentialsOptions {
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
  const library = await import('@kubernetes/client-node')
  const config = new library.KubeConfig()
  try {
    await load(config, options)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
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
    throw new KubeError('credentials', `can't read a file that the kubeconfig names: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

async function requestOptions (config: KubeConfig, proxied: boolean): Promise<RequestOptions> {
  await checkFiles(config)
  const options: RequestOptions = { headers: { Accept: 'application/json', 'User-Agent': 'weir' } }
  try {
    await config.applyToHTTPSOptions(options)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new KubeError('credentials', `can't prepare the credentials for the Kubernetes API: ${reason}`, { cause })
  }
  const headers = { ...options.headers as Record<string, string> } // the object made above, with what the library added
  const authorization = headers['Authorization']
  // A token file that ends in a line feed would make an invalid header.
  if (authorization !== undefined) headers['Authorization'] = authorization.trim()
  // The library's agent keeps the certificates of its first use; without an agent, each request uses those read just now.
  return proxied ? { ...options, headers } : { ...options, headers, agent: false }
}
