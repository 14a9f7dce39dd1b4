/**
 * Which replicas there are, as the EndpointSlices of their Service say.
 */
import { type Endpoint, type EndpointChange, EndpointSet, isNoChange } from '../core/endpoint.ts'
import type { EventLog } from '../core/logger.ts'
import type { EndpointSource, EndpointSourceStatus } from '../discovery/endpoint-source.ts'

/** Somebody who hears of replicas that come, change their conditions, or go. */
type MembersListener = (change: EndpointChange) => void

/** More addresses than these are not asked: nobody runs so many, and whoever writes slices could name any number. */
export const MAX_MEMBERS = 256

/**
 * So long the slices may go unwatched before those that are known are doubted. A watch ends every few minutes and is opened again within
 * milliseconds; after a failure the fourth try comes within 1.5 s. A replica takes longer than this from its start to its first request.
 */
export const UNWATCHED_MS = 2_000

/** Why those that are known may not be all. */
interface MemberDoubt {
  /** For people. */
  readonly reason: string
  /** Nothing has gone wrong as far as is known: it will be over in a moment, or be another one. */
  readonly waiting: boolean
}

export class ReplicaMembers {
  readonly #source: EndpointSource
  readonly #log: EventLog
  /** By address, of all that the slices name. */
  readonly #named = new EndpointSet()
  /** Those that are asked. */
  readonly #asked = new EndpointSet()
  readonly #listeners = new Set<MembersListener>()
  #toldOfTooMany = false

  /** @param source the port of the admin API in the slices of the Service */
  constructor (source: EndpointSource, log: EventLog) {
    this.#source = source
    this.#log = log
  }

  start (): void {
    this.#source.start(endpoints => { this.#told(this.#named.replace(endpoints)) }, change => { this.#told(this.#named.apply(change)) })
  }

  stop (): void {
    this.#source.stop()
    this.#listeners.clear()
  }

  /** At most MAX_MEMBERS, this replica itself among them. */
  all (): readonly Endpoint[] {
    return [...this.#asked.values()]
  }

  get (key: string): Endpoint | undefined {
    return this.#asked.get(key)
  }

  /** Returns a function that ends it. */
  subscribe (listener: MembersListener): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /**
   * Why those that are known may not be all of them; undefined when they are.
   * @param graceMs how long the slices may have gone unwatched
   */
  doubt (graceMs = UNWATCHED_MS): MemberDoubt | undefined {
    const { synced, lastError, problem, ignored, whyNone, unwatched } = this.#source.status()
    if (!synced) return { reason: lastError ?? 'their EndpointSlices have not been read yet', waiting: lastError === undefined }
    if (unwatched !== undefined && unwatched.forMs >= graceMs) return whyUnwatched(unwatched)
    if (problem !== undefined) return { reason: problem.detail, waiting: false }
    if (this.#named.size > MAX_MEMBERS) return { reason: `the EndpointSlices name ${this.#named.size} addresses; ${MAX_MEMBERS} are asked`, waiting: false }
    return this.#named.size === 0 && ignored.length > 0 && whyNone !== undefined ? { reason: whyNone, waiting: false } : undefined
  }

  #told (change: EndpointChange): void {
    if (isNoChange(change)) return
    const asked = this.#named.size <= MAX_MEMBERS ? [...this.#named.values()] : this.#chosen()
    const effective = this.#asked.replace(asked)
    if (!isNoChange(effective)) for (const listener of this.#listeners) listener(effective)
  }

  /** Always the same ones, whatever order they came in. */
  #chosen (): readonly Endpoint[] {
    if (!this.#toldOfTooMany) {
      this.#log.error('there are more replicas than are asked: the Service may select pods that are none', {
        named: this.#named.size, asked: MAX_MEMBERS
      })
    }
    this.#toldOfTooMany = true
    const sorted = [...this.#named.entries()].toSorted(([left], [right]) => left < right ? -1 : 1)
    return sorted.slice(0, MAX_MEMBERS).map(([, endpoint]) => endpoint)
  }
}

function whyUnwatched ({ forMs, sinceWallMs, error }: NonNullable<EndpointSourceStatus['unwatched']>): MemberDoubt {
  const why = error ?? 'no watch is open, and nothing has failed yet'
  return { reason: `their EndpointSlices are not watched since ${new Date(sinceWallMs).toISOString()}: ${why}`, waiting: forMs < UNWATCHED_MS }
}
