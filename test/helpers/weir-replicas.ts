/**
 * Several Weirs that are replicas of one: they share a ConfigMap of the API server double, and find each other by the EndpointSlices of a
 * headless Service.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { KubeApiServer } from './kube-api-server.ts'
import { type Origin, startOrigins } from './origins.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from './weir-process.ts'

const REPLICA_SECRET = 'a-secret-of-the-replicas-for-tests-only'
const SERVICE = 'weir-replicas'

interface ReplicaOptions {
  readonly name: string
  /** What its secret file holds; the same for all by default. */
  readonly secret?: string
  /** More versions, other routes. */
  readonly routes?: readonly PlainConfig[]
  readonly replicas?: PlainConfig
  readonly kubernetes?: PlainConfig
  readonly workers?: number
  /** Leaves it out of the slices. */
  readonly unlisted?: boolean
}

export interface ReplicaSet {
  readonly server: KubeApiServer
  readonly origin: Origin
  start (options: ReplicaOptions): Promise<WeirProcess>
  /** A slice of one address and port, as each pod of a test listens on another port. */
  list (name: string, port: number, conditions?: Partial<Record<'ready' | 'serving' | 'terminating', boolean>>): void
  unlist (name: string): void
}

/** An API server, and an origin that both versions of the route `hello` lead to. */
export async function replicaSet (t: Test): Promise<ReplicaSet> {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const [origin] = await startOrigins(t, ['one'])
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const listed = new Set<string>()
  const list: ReplicaSet['list'] = (name, port, conditions = {}) => {
    const spec = {
      name,
      service: SERVICE,
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true, serving: true, terminating: false, ...conditions }, targetRef: { kind: 'Pod', name, uid: name } }],
      ports: [{ name: 'admin', protocol: 'TCP', port }]
    }
    if (listed.has(name)) server.patchSlice(spec)
    else server.createSlice(spec)
    listed.add(name)
  }
  const routes = [{
    name: 'hello',
    versions: [
      { name: 'v1', weight: 75, endpoints: { static: [origin.endpoint] } },
      { name: 'v2', weight: 25, endpoints: { static: [origin.endpoint] } }
    ]
  }]
  return {
    server,
    origin,
    list,
    unlist: name => {
      server.deleteSlice(name)
      listed.delete(name)
    },
    start: async options => {
      const secretFile = path.join(directory, `secret-${options.name}`)
      await writeFile(secretFile, options.secret ?? REPLICA_SECRET)
      const weir = await startWeir(t, {
        config: () => ({
          workers: options.workers ?? 1,
          kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'], ...options.kubernetes },
          state: { store: 'kubernetes' },
          replicas: { service: SERVICE, secretFile, name: options.name, ...options.replicas },
          routes: options.routes ?? routes
        })
      })
      if (options.unlisted !== true) list(options.name, weir.ports.admin)
      return weir
    }
  }
}

export interface ReplicaBody {
  readonly name?: string
  readonly id?: string
  readonly address?: string
  readonly self: boolean
  readonly ready: boolean
  readonly answering: boolean
  readonly reason?: string
  readonly epochLag: { readonly max: number, readonly routes: Readonly<Record<string, number>> }
  readonly laggingSince?: string
}

/** What GET /v1/replicas says. */
export async function replicasOf (weir: WeirProcess): Promise<readonly ReplicaBody[]> {
  return ((await weir.api('GET', '/v1/replicas')).body as { readonly replicas: readonly ReplicaBody[] }).replicas // as its schema has it
}

/** Resolves when it knows these names, all of them answering. */
export async function untilReplicas (weir: WeirProcess, names: readonly string[]): Promise<readonly ReplicaBody[]> {
  return await eventually(async () => {
    const replicas = await replicasOf(weir)
    const answering = replicas.filter(replica => replica.answering).map(({ name }) => name ?? '').toSorted()
    return answering.join() === names.toSorted().join() && replicas.length === names.length ? replicas : undefined
  })
}
