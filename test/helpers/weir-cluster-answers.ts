/**
 * What the admin API of one replica says of all of them.
 */
import { eventually, type WeirProcess } from './weir-process.ts'

export interface Applied {
  readonly workers: number
  readonly applied: number
  readonly complete: boolean
  readonly tookMs: number
  readonly replicas: { readonly applied: number, readonly of: number }
  readonly missing?: ReadonlyArray<{ readonly name?: string, readonly address: string, readonly reason: string }>
  readonly unknown?: string
  readonly summary: string
}

interface Cluster {
  readonly replicas: { readonly answered: number, readonly of: number }
  readonly missing: ReadonlyArray<{ readonly name?: string, readonly reason: string }>
  readonly versions: ReadonlyArray<{
    readonly name: string
    readonly requests: number
    readonly inFlight: number
    readonly drain: { readonly safe: boolean, readonly why: readonly string[] }
  }>
}

interface DrainBody {
  readonly safe: boolean
  readonly why: readonly string[]
  readonly inFlight: number
  readonly cluster: { readonly replicas: { readonly answered: number, readonly of: number }, readonly inFlight: number }
}

/** Weights that no change had before, and how far they have come. */
export async function changeAll (weir: WeirProcess, timeout = '5s'): Promise<Applied> {
  const { status, body } = await weir.api('PUT', `/v1/routes/hello/weights?wait=all&timeout=${timeout}`, { weights: { v1: 1_000 + performance.now(), v2: 1 } })
  if (status !== 200) throw new Error(JSON.stringify(body))
  return (body as { readonly applied: Applied }).applied // as its schema has it
}

/**
 * What this replica says of the route in all, once so many have answered it within the 300 ms that they have: on a busy machine a replica
 * that is well is at times too late.
 */
export async function clusterAnswer (weir: WeirProcess, answered: number): Promise<Cluster> {
  return await eventually(async () => {
    const { cluster } = (await weir.api('GET', '/v1/routes/hello')).body as { readonly cluster: Cluster } // as its schema has it
    return cluster.replicas.answered === answered ? cluster : undefined
  })
}

export async function drainOf (weir: WeirProcess, version: string, query = ''): Promise<DrainBody> {
  return (await weir.api('GET', `/v1/routes/hello/versions/${version}/drain${query}`)).body as DrainBody // as its schema has it
}

/**
 * The same, once so many replicas have answered and no worker is behind the latest weights any more: a change through another replica comes
 * a moment later.
 */
export async function settledDrainOf (weir: WeirProcess, version: string, answered: number): Promise<DrainBody> {
  return await eventually(async () => {
    const drain = await drainOf(weir, version)
    const isSettled = drain.cluster.replicas.answered === answered && !drain.why.some(reason => reason.includes('workers apply the weights'))
    return isSettled ? drain : undefined
  })
}
