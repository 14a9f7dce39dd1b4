/**
 * What this replica knows of all: who has answered what, who does not, and how far each is behind.
 */
import type { Clock } from '../core/clock.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import type { PeerFault } from './peer-client.ts'
import type { ReplicaAnswer, ReplicaFacts, RouteProgress } from './replica-facts.ts'

/** How far a replica is behind the newest weights that any replica has. */
export interface EpochLag {
  /** Of the route in which it is farthest behind, in changes; 0 when it has everything. */
  readonly max: number
  /** By route, those only in which it is behind: the farthest, at most MAX_LAGGING. */
  readonly routes: ReadonlyMap<string, number>
}

/** A replica as this one knows it. Times are by the wall clock, in milliseconds since the Unix epoch. */
export interface KnownReplica {
  /** Undefined for one that has never answered. */
  readonly facts: ReplicaFacts | undefined
  /** Address and port; undefined for this replica while no slice names it. */
  readonly address: string | undefined
  /** The one that says so. */
  readonly self: boolean
  /** As its slice says; this replica as it says itself. */
  readonly ready: boolean
  /** Why it has no answer that can be believed; undefined when its latest one is. */
  readonly fault: PeerFault | undefined
  readonly faultSinceMs: number | undefined
  readonly lag: EpochLag
  /** Undefined while it has everything. */
  readonly laggingSinceMs: number | undefined
  readonly knownSinceMs: number
  /** The age of its latest answer; undefined without any. */
  readonly answerAgeMs: number | undefined
}

/** What this replica says of itself. */
export interface OwnReplica {
  readonly facts: () => ReplicaFacts
  readonly routes: () => ReadonlyMap<string, RouteProgress>
}

interface Entry {
  readonly endpoint: Endpoint
  readonly knownSinceMs: number
  answer: ReplicaAnswer | undefined
  answeredAtMs: number
  fault: PeerFault | undefined
  faultSinceMs: number | undefined
  /** As of its latest answer. */
  lag: EpochLag
  laggingSinceMs: number | undefined
}

/** Routes that are named of one replica. */
const MAX_LAGGING = 20
const NO_LAG: EpochLag = { max: 0, routes: new Map() }
/** What is newest among all replicas is worked out again after this time. */
const NEWEST_MS = 1_000

export class ReplicaBook {
  readonly #clock: Clock
  readonly #own: OwnReplica
  readonly #ownId: string
  readonly #sinceMs: number
  /** By address. */
  readonly #entries = new Map<string, Entry>()
  #ownLaggingSinceMs: number | undefined
  #newest: { readonly atMs: number, readonly epochs: ReadonlyMap<string, number> } | undefined

  constructor (clock: Clock, own: OwnReplica) {
    this.#clock = clock
    this.#own = own
    this.#ownId = own.facts().id
    this.#sinceMs = clock.wallMs()
  }

  /** A slice names it now, or says something else of it. */
  put (endpoint: Endpoint): void {
    const key = endpointKey(endpoint)
    const known = this.#entries.get(key)
    this.#entries.set(key, known === undefined
      ? {
          endpoint,
          knownSinceMs: this.#clock.wallMs(),
          answer: undefined,
          answeredAtMs: 0,
          fault: undefined,
          faultSinceMs: undefined,
          lag: NO_LAG,
          laggingSinceMs: undefined
        }
      : { ...known, endpoint })
  }

  /** No slice names it any more. */
  remove (key: string): void {
    this.#entries.delete(key)
  }

  /** It has answered. @returns the fault that it had before, if it had one */
  answered (key: string, answer: ReplicaAnswer): PeerFault | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    const { fault } = entry
    const another = entry.answer !== undefined && entry.answer.id !== answer.id
    // Who was asked for one route has told of that one only.
    entry.answer = answer.routes.size === 0 && entry.answer !== undefined && !another ? { ...answer, routes: entry.answer.routes } : answer
    entry.answeredAtMs = this.#clock.nowMs()
    entry.fault = undefined
    entry.faultSinceMs = undefined
    if (answer.routes.size > 0) entry.lag = this.#lagBehind(answer.routes, this.#newestEpochs(this.#own.routes()))
    entry.laggingSinceMs = sinceOf(entry.lag, entry.laggingSinceMs, this.#clock)
    return fault
  }

  /** It gave no answer that can be believed. @returns whether that is news: it had another kind of fault before, or none */
  failed (key: string, fault: PeerFault): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    const isNews = entry.fault?.kind !== fault.kind
    entry.faultSinceMs ??= this.#clock.wallMs()
    entry.fault = fault
    return isNews
  }

  /** Is this the address of this replica itself? Known once it has answered. */
  isSelf (key: string): boolean {
    return this.#entries.get(key)?.answer?.id === this.#ownId
  }

  /** What it has said last of itself. */
  factsOf (key: string): ReplicaFacts | undefined {
    return this.#entries.get(key)?.answer
  }

  /** Why its latest answer could not be believed; undefined when it could. */
  faultOf (key: string): PeerFault | undefined {
    return this.#entries.get(key)?.fault
  }

  /** Names that more than one replica has that answers. */
  sharedNames (): ReadonlySet<string> {
    const ids = new Map<string, string>([[this.#own.facts().name, this.#ownId]])
    const shared = new Set<string>()
    for (const { answer, fault } of this.#entries.values()) {
      if (answer === undefined || fault !== undefined) continue
      const known = ids.get(answer.name)
      if (known !== undefined && known !== answer.id) shared.add(answer.name)
      ids.set(answer.name, known ?? answer.id)
    }
    return shared
  }

  /** This replica first, then the others by address. */
  all (): readonly KnownReplica[] {
    const ownRoutes = this.#own.routes()
    const newest = this.#newestEpochs(ownRoutes)
    const others = [...this.#entries].filter(([key]) => !this.isSelf(key)).toSorted(([left], [right]) => left < right ? -1 : 1)
    return [this.#ownEntry(this.#lagBehind(ownRoutes, newest)), ...others.map(([key, entry]) => this.#show(key, entry, newest))]
  }

  #ownEntry (lag: EpochLag): KnownReplica {
    const facts = this.#own.facts()
    const [address, entry] = [...this.#entries].find(([key]) => this.isSelf(key)) ?? []
    this.#ownLaggingSinceMs = sinceOf(lag, this.#ownLaggingSinceMs, this.#clock)
    return {
      facts,
      address,
      self: true,
      ready: entry?.endpoint.ready ?? facts.ready,
      fault: undefined,
      faultSinceMs: undefined,
      lag,
      laggingSinceMs: this.#ownLaggingSinceMs,
      knownSinceMs: this.#sinceMs,
      answerAgeMs: 0
    }
  }

  #show (key: string, entry: Entry, newest: ReadonlyMap<string, number>): KnownReplica {
    // Who answers was measured then: what has changed since, it has not been asked about. Who does not falls behind with each change.
    if (entry.fault !== undefined && entry.answer !== undefined) {
      entry.lag = this.#lagBehind(entry.answer.routes, newest)
      entry.laggingSinceMs = sinceOf(entry.lag, entry.laggingSinceMs, this.#clock)
    }
    return {
      facts: entry.answer,
      address: key,
      self: false,
      ready: entry.endpoint.ready,
      fault: entry.fault,
      faultSinceMs: entry.faultSinceMs,
      lag: entry.lag,
      laggingSinceMs: entry.laggingSinceMs,
      knownSinceMs: entry.knownSinceMs,
      answerAgeMs: entry.answer === undefined ? undefined : this.#clock.nowMs() - entry.answeredAtMs
    }
  }

  /** By route, what any replica has read from the store. */
  #newestEpochs (ownRoutes: ReadonlyMap<string, RouteProgress>): ReadonlyMap<string, number> {
    const nowMs = this.#clock.nowMs()
    if (this.#newest === undefined || nowMs - this.#newest.atMs >= NEWEST_MS) {
      const epochs = new Map<string, number>()
      for (const { answer } of this.#entries.values()) {
        for (const [route, { epoch }] of answer?.routes ?? []) if (epoch > (epochs.get(route) ?? -1)) epochs.set(route, epoch)
      }
      this.#newest = { atMs: nowMs, epochs }
    }
    const newest = new Map(this.#newest.epochs)
    for (const [route, { epoch }] of ownRoutes) if (epoch > (newest.get(route) ?? -1)) newest.set(route, epoch)
    return newest
  }

  /** Routes that a replica does not have are none in which it is behind. */
  #lagBehind (routes: ReadonlyMap<string, RouteProgress>, newest: ReadonlyMap<string, number>): EpochLag {
    const behind: Array<readonly [string, number]> = []
    for (const [route, { all }] of routes) {
      const lag = (newest.get(route) ?? all) - Math.max(all, 0)
      if (lag > 0) behind.push([route, lag])
    }
    if (behind.length === 0) return NO_LAG
    behind.sort(([, left], [, right]) => right - left)
    return { max: behind[0]?.[1] ?? 0, routes: new Map(behind.slice(0, MAX_LAGGING)) }
  }
}

function sinceOf ({ max }: EpochLag, before: number | undefined, clock: Clock): number | undefined {
  return max === 0 ? undefined : before ?? clock.wallMs()
}
