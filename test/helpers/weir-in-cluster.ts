/**
 * A Weir that follows the double of an API server, for tests of what it says and does.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { KubeApiServer } from './kube-api-server.ts'
import { startOrigins } from './origins.ts'
import { startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from './weir-process.ts'

/** A route at `/NAME` whose one version is a Service. */
export function routeTo (name: string, service: string, more: { readonly namespace?: string, readonly port?: string | number } = {}): PlainConfig {
  return { name, match: { path: `/${name}` }, versions: [{ name: 'v', weight: 1, endpoints: { service, port: 'http', ...more } }] }
}

export interface Cluster {
  readonly server: KubeApiServer
  readonly port: number
  configOf (routes: readonly PlainConfig[], kubernetes?: PlainConfig): PlainConfig
  start (routes: readonly PlainConfig[], kubernetes?: PlainConfig): Promise<WeirProcess>
}

/** An API server with the Service `web` of one ready pod. */
export async function clusterOf (t: Test): Promise<Cluster> {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const [one] = await startOrigins(t, ['one'])
  server.createSlice({ name: 'web-a', service: 'web', endpoints: ['127.0.0.1'], ports: [{ name: 'http', protocol: 'TCP', port: one.port }] })
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const configOf = (routes: readonly PlainConfig[], kubernetes: PlainConfig = {}): PlainConfig =>
    ({ workers: 1, kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'], ...kubernetes }, routes })
  return {
    server,
    port: one.port,
    configOf,
    start: async (routes, kubernetes) => await startWeir(t, { directory, config: () => configOf(routes, kubernetes) })
  }
}

/** What /readyz says is missing. */
export async function readinessReasons (weir: WeirProcess): Promise<readonly string[]> {
  const { body } = await weir.api('GET', '/readyz')
  return (body as { readonly reasons: readonly string[] }).reasons // as its schema has it
}
