/**
 * What answers say of several replicas, and how it is written.
 */
import { Type, type Static } from '../core/json-schema.ts'
import type { ClusterRoute } from '../replicas/cluster-facts.ts'
import type { ConvergenceReceipt, MissingReplica } from '../replicas/convergence.ts'
import { replicaLabel } from '../replicas/replica-facts.ts'

const MissingSchema = Type.object({
  name: Type.optional(Type.string({ description: 'Absent when it has never said it.' })),
  address: Type.string({ description: 'Of its admin API.' }),
  reason: Type.string()
})

export const UnknownSchema = Type.optional(Type.string({ description: 'Why there may be replicas that are not known; absent when all are.' }))

/** What `wait=all` adds with several replicas. */
export const ConvergenceFields = {
  replicas: Type.optional(Type.object({
    applied: Type.integer({ description: 'Those whose workers all apply the weights.' }),
    of: Type.integer({ description: 'Those that are ready, this one included.' })
  }, { description: 'With several replicas.' })),
  missing: Type.optional(Type.list(MissingSchema, { description: 'The replicas that have not, and why.' })),
  notes: Type.optional(Type.list(Type.string(), { description: 'What is odd and does not count.' })),
  unknown: UnknownSchema,
  summary: Type.optional(Type.string({ description: 'All of it in one line, for people.', examples: ['3/3 replicas, 6/6 workers, 41 ms'] }))
} as const

interface ConvergenceAnswer {
  readonly workers: number
  readonly applied: number
  readonly complete: boolean
  readonly tookMs: number
  readonly replicas: { readonly applied: number, readonly of: number }
  readonly missing?: Array<Static<typeof MissingSchema>>
  readonly notes?: string[]
  readonly unknown?: string
  readonly summary: string
}

/** What is said of a change that this replica did not wait for to the end. */
export const STOPPING_NOTE = 'this replica stops and waits no more: the change is stored, and the others follow'

export function describeConvergence (receipt: ConvergenceReceipt): ConvergenceAnswer {
  const { replicas, workers, complete, tookMs, missing, unknown, stopping } = receipt
  const notes = stopping ? [STOPPING_NOTE, ...receipt.notes] : receipt.notes
  const lacks = missing.map(replica => `not ${replicaLabel(replica)}: ${replica.reason}`)
  const doubt = unknown === undefined ? [] : [`others are not known: ${unknown}`]
  return {
    workers: workers.of,
    applied: workers.applied,
    complete,
    tookMs,
    replicas: { applied: replicas.applied, of: replicas.of },
    ...(missing.length === 0 ? {} : { missing: missing.map(describeMissing) }),
    ...(notes.length === 0 ? {} : { notes: [...notes] }),
    ...(unknown === undefined ? {} : { unknown }),
    summary: [`${replicas.applied}/${replicas.of} replicas, ${workers.applied}/${workers.of} workers, ${Math.round(tookMs)} ms`, ...lacks, ...doubt, ...(stopping ? ['this replica stops'] : [])].join('; ')
  }
}

function describeMissing ({ name, address, reason }: MissingReplica): Static<typeof MissingSchema> {
  return { ...(name === undefined ? {} : { name }), address, reason }
}

/** Who was asked. */
const AskedFields = {
  replicas: Type.object({
    answered: Type.integer({ description: 'Those that the numbers are of, this one included.' }),
    of: Type.integer({ description: 'Those that were asked.' })
  }),
  missing: Type.list(MissingSchema, { description: 'Those that did not answer within 300 ms, and why.' }),
  unknown: UnknownSchema
} as const

/** `cluster` of a route. */
export const ClusterSchema = Type.object({
  ...AskedFields,
  versions: Type.list(Type.object({
    name: Type.string(),
    requests: Type.integer({ description: 'Requests that the version has served since the workers of each replica started.' }),
    share: Type.optional(Type.number({ description: 'Its share of the requests of the route in the last 30 seconds, from 0 to 1; absent without any.' })),
    inFlight: Type.integer(),
    tunnels: Type.integer(),
    held: Type.integer(),
    drain: Type.object({
      safe: Type.boolean({ description: 'It may be scaled down: it is safe in all replicas, and all have answered.' }),
      why: Type.list(Type.string(), { description: 'What speaks against it.' })
    })
  }))
}, { description: 'With several replicas: sums over all that answer within 300 ms. Everything beside it is what this replica has.' })

export function describeCluster (cluster: ClusterRoute): Static<typeof ClusterSchema> {
  return {
    ...describeAsked(cluster),
    versions: cluster.versions.map(({ name, requests, share, inFlight, tunnels, held, safe, why }) => ({
      name, requests, ...(share === undefined ? {} : { share }), inFlight, tunnels, held, drain: { safe, why: [...why] }
    }))
  }
}

function describeAsked ({ replicas, missing, unknown }: ClusterRoute) {
  return {
    replicas: { answered: replicas.answered, of: replicas.of },
    missing: missing.map(describeMissing),
    ...(unknown === undefined ? {} : { unknown })
  }
}

/** `cluster` of the drain of a version. */
export const ClusterDrainSchema = Type.object({
  ...AskedFields, inFlight: Type.integer(), tunnels: Type.integer(), held: Type.integer()
}, { description: 'With several replicas: sums over all that answer within 300 ms.' })

/** @param version one that the route has */
export function describeClusterDrain (cluster: ClusterRoute, version: string): Static<typeof ClusterDrainSchema> {
  const { inFlight = 0, tunnels = 0, held = 0 } = cluster.versions.find(({ name }) => name === version) ?? {}
  return { ...describeAsked(cluster), inFlight, tunnels, held }
}
