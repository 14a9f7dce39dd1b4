/**
 * What all replicas together have of a route: sums, and whether a version may be scaled down everywhere.
 */
import { SharedAnswer } from '../core/shared-answer.ts'
import { endpointKey } from '../core/endpoint.ts'
import type { OwnFacts } from './own-facts.ts'
import type { PeerClient } from './peer-client.ts'
import type { ReplicaBook } from './replica-book.ts'
import { replicaLabel, type RouteFacts, type VersionTally } from './replica-facts.ts'
import type { ReplicaMembers } from './replica-members.ts'
import type { MissingReplica } from './convergence.ts'

/** One version in all replicas that have answered. */
interface ClusterVersion {
  readonly name: string
  readonly requests: number
  /** Of the requests of the route in the last 30 seconds, from 0 to 1; undefined when there were none. */
  readonly share: number | undefined
  readonly inFlight: number
  readonly tunnels: number
  readonly held: number
  /** No request is lost when its endpoints are taken away: in all replicas, and all have answered. */
  readonly safe: boolean
  /** What speaks against it, for people. */
  readonly why: readonly string[]
}

/** A route in all replicas. */
export interface ClusterRoute {
  readonly replicas: { readonly answered: number, readonly of: number }
  readonly missing: readonly MissingReplica[]
  /** Why there may be replicas that are not known; undefined when all are. */
  readonly unknown: string | undefined
  readonly versions: readonly ClusterVersion[]
}

interface ClusterFactsDeps {
  readonly own: Pick<OwnFacts, 'id' | 'route'>
  readonly members: Pick<ReplicaMembers, 'all' | 'doubt'>
  readonly book: Pick<ReplicaBook, 'isSelf' | 'factsOf' | 'answered'>
  readonly client: Pick<PeerClient, 'ask'>
}

/** What one replica has said; undefined of the route when it has no such one. */
interface Heard {
  /** `name (address)`; empty for this replica. */
  readonly label: string
  readonly route: RouteFacts | undefined
}

/** Who has not answered by then is named. */
const ANSWER_MS = 300
/** Reasons that are told of all replicas. */
const MAX_REASONS = 50

export class ClusterFacts {
  readonly #deps: ClusterFactsDeps
  /** By route: however many ask at a time, the others are asked once. */
  readonly #asking = new Map<string, SharedAnswer<ClusterRoute | undefined>>()

  constructor (deps: ClusterFactsDeps) {
    this.#deps = deps
  }

  /** Undefined when this replica has no such route. */
  async route (name: string): Promise<ClusterRoute | undefined> {
    if (this.#deps.own.route(name) === undefined) return undefined
    const asking = this.#asking.get(name) ?? new SharedAnswer(async () => await this.#ask(name))
    this.#asking.set(name, asking)
    try {
      return await asking.ask()
    } finally {
      if (asking.idle && this.#asking.get(name) === asking) this.#asking.delete(name)
    }
  }

  /** Those that are not ready are asked too: they may have requests in flight. */
  async #ask (name: string): Promise<ClusterRoute | undefined> {
    const { members, book, own } = this.#deps
    const heard: Heard[] = []
    const missing: MissingReplica[] = []
    const ids = new Set([own.id])
    await Promise.all(members.all().filter(member => !book.isSelf(endpointKey(member))).map(async member => {
      const address = endpointKey(member)
      const reply = await this.#deps.client.ask(member, { query: { route: name }, timeoutMs: ANSWER_MS, kind: 'look' })
      if (!reply.ok) {
        const known = book.factsOf(address)?.name
        // Where nothing listens no Weir runs: one that drains answers to its end.
        if (reply.fault.kind === 'absent' && !member.ready) return
        missing.push({ ...(known === undefined ? {} : { name: known }), address, reason: reply.fault.reason })
        return
      }
      book.answered(address, reply.answer)
      if (ids.has(reply.answer.id)) return
      ids.add(reply.answer.id)
      heard.push({ label: replicaLabel({ name: reply.answer.name, address }), route: reply.answer.route })
    }))
    const ownRoute = own.route(name)
    if (ownRoute === undefined) return undefined
    heard.sort((left, right) => left.label < right.label ? -1 : 1)
    missing.sort((left, right) => left.address < right.address ? -1 : 1)
    return summed([{ label: '', route: ownRoute }, ...heard], { missing, unknown: members.doubt()?.reason })
  }
}

function summed (heard: readonly Heard[], { missing, unknown }: Pick<ClusterRoute, 'missing' | 'unknown'>): ClusterRoute {
  const own = heard[0]?.route
  const recent = heard.reduce((total, { route }) => total + sumOf(route?.versions.values() ?? [], version => version.recent), 0)
  const absent = [
    ...missing.map(replica => `replica ${replicaLabel(replica)} did not answer: ${replica.reason}`),
    ...(unknown === undefined ? [] : [`the other replicas are not all known: ${unknown}`])
  ]
  const epoch = Math.max(...heard.map(({ route }) => route?.epoch ?? 0))
  return {
    replicas: { answered: heard.length, of: heard.length + missing.length },
    missing,
    unknown,
    versions: [...own?.versions.keys() ?? []].map(name => {
      const all = heard.flatMap(({ route }) => route?.versions.get(name) ?? [])
      const why = [...heard.flatMap(each => objectionsOf(each, name, epoch)), ...absent]
      return {
        name,
        requests: sumOf(all, version => version.requests),
        share: recent === 0 ? undefined : sumOf(all, version => version.recent) / recent,
        inFlight: sumOf(all, version => version.inFlight),
        tunnels: sumOf(all, version => version.tunnels),
        held: sumOf(all, version => version.held),
        safe: why.length === 0,
        why: why.slice(0, MAX_REASONS)
      }
    })
  }
}

function objectionsOf ({ label, route }: Heard, version: string, epoch: number): readonly string[] {
  if (route === undefined) return []
  const named = (text: string): string => label === '' ? text : `replica ${label}: ${text}`
  const behind = route.epoch < epoch ? [named(`it has the weights of epoch ${route.epoch}, and the newest are those of ${epoch}`)] : []
  return [...(route.versions.get(version)?.why ?? []).map(named), ...behind]
}

function sumOf (versions: Iterable<VersionTally>, read: (version: VersionTally) => number): number {
  let sum = 0
  for (const version of versions) sum += read(version)
  return sum
}
