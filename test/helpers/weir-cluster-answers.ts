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

export async function clusterAnswer (weir: WeirProcess): Promise<Cluster> {
  return ((await weir.api('GET', '/v1/routes/hello')).body as { readonly cluster: Cluster }).cluster // as its schema has it
}

export async function drainOf (weir: WeirProcess, version: string, query = ''): Promise<DrainBody> {
  return (await weir.api('GET', `/v1/routes/hello/versions/${version}/drain${query}`)).body as DrainBody // as its schema has it
}

/** The same, when no worker is behind the latest weights any more: a change through another replica comes a moment later. */
export async function settledDrainOf (weir: WeirProcess, version: string): Promise<DrainBody> {
  return await eventually(async () => {
    const drain = await drainOf(weir, version)
    return drain.why.some(reason => reason.includes('workers apply the weights')) ? undefined : drain
  })
}
