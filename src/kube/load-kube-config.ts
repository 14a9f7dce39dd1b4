/**
 * The part of @kubernetes/client-node that Weir uses: who one is to the Kubernetes API. The only file of the tree that imports it.
 */
import { registerHooks } from 'node:module'
import type { KubeConfig } from '@kubernetes/client-node'

/** Clients for every kind of the API, which the library's class would make: 837 modules with 17 MB of text. Weir has its own client. */
const CLIENTS = './gen/index.js'
const NO_CLIENTS = 'data:text/javascript,export const createConfiguration = undefined, ServerConfiguration = undefined'

/**
 * Loads the library's reader of credentials, without the clients that it would load along: a third of the CPU time, and tens of MiB less.
 * Its `makeApiClient` is of no use then.
 */
export async function loadKubeConfig (): Promise<typeof KubeConfig> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => specifier === CLIENTS && /\/@kubernetes\/client-node\/dist\/config\.js$/.test(context.parentURL ?? '')
      ? { url: NO_CLIENTS, format: 'module', shortCircuit: true }
      : next(specifier, context)
  })
  try {
    const library = await import('@kubernetes/client-node/dist/config.js')
    return library.KubeConfig
  } finally {
    hooks.deregister()
  }
}
