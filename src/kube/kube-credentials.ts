/**
 * Who Weir is to the Kubernetes API. The only file of the tree that imports @kubernetes/client-node, and it does so when
 * the first request is made: the library costs half a second and tens of mebibytes, which a static configuration must not pay.
 */
import type { KubeConfig } from '@kubernetes/client-node'
import { existsSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { KubeError } from './kube-error.ts'

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'

export interface KubeCredentialsOptions {
  /** A kubeconfig file; without it the in-cluster credentials, or else KUBECONFIG and ~/.kube/config. */
  readonly kubeconfig?: string | undefined
  /** The context of the kubeconfig; without it, the current one. */
  readonly context?: string | undefined
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
  requestOptions (): Promise<RequestOptions>
}

/**
 * Finds and reads the credentials.
 * @throws KubeError `credentials` when there are none, or they can't be read
 */
export async function loadKubeCredentials (options: KubeCredentialsOptions): Promise<KubeCredentials> {
  const library = await import('@kubernetes/client-node')
  const config = new library.KubeConfig()
  try {
    load(config, options)
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
  const namespace = context.namespace?.trim() ?? ''
  return {
    server: cluster.server,
    namespace: namespace === '' ? 'default' : namespace,
    requestOptions: async () => await requestOptions(config, cluster.proxyUrl !== undefined)
  }
}

function load (config: KubeConfig, options: KubeCredentialsOptions): void {
  if (options.kubeconfig !== undefined) {
    config.loadFromFile(options.kubeconfig)
  } else if (existsSync(SERVICE_ACCOUNT_TOKEN) && process.env['KUBERNETES_SERVICE_HOST'] !== undefined) {
    config.loadFromCluster()
  } else {
    config.loadFromDefault()
    // The library falls back to this address without credentials, which nobody serves any more.
    if (config.getCurrentContext() === 'loaded-context' && config.getCurrentCluster()?.server === 'http://localhost:8080') {
      throw new Error('there is no ServiceAccount, no KUBECONFIG and no ~/.kube/config; set kubernetes.kubeconfig')
    }
  }
  config.clusters = config.clusters.map((cluster) => isPlainLoopback(cluster.server) ? { ...cluster, skipTLSVerify: true } : cluster)
}

/** `kubectl proxy` and the like: there is no TLS to verify, but the library wants to be told so. */
function isPlainLoopback (server: string): boolean {
  return /^http:\/\/(127\.[0-9.]+|\[::1\]|localhost)(:[0-9]+)?(\/|$)/.test(server)
}

async function requestOptions (config: KubeConfig, proxied: boolean): Promise<RequestOptions> {
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
