/**
 * Gathers what all replicas have seen of the rollouts that this one leads: it asks each of them once a second for the pages behind those
 * that it has. Whoever does not answer, or not to the point, is left out and named.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import type { ToldEvidence } from '../rollout/evidence-ledger.ts'
import type { EvidenceCoverage } from '../rollout/rollout-ports.ts'
import type { PeerClient } from './peer-client.ts'
import type { ReplicaBook } from './replica-book.ts'
import type { ReplicaMembers } from './replica-members.ts'

/** A rollout whose steps this replica makes. */
export interface LedRollout {
  readonly route: string
  readonly id: string
  pageOf (book: string): number
  /** @param after the page behind which was asked */
  take (told: ToldEvidence, after: number): void
  coverage: EvidenceCoverage | undefined
  /** The endpoint that each replica is to eject, by the evidence of all. */
  readonly blamed: string | undefined
}

interface EvidenceGathererDeps {
  readonly clock: Clock
  readonly members: Pick<ReplicaMembers, 'all' | 'doubt'>
  readonly client: Pick<PeerClient, 'ask'>
  readonly book: Pick<ReplicaBook, 'factsOf' | 'isSelf'>
  /** Of this replica. */
  readonly ownId: string
  readonly led: () => readonly LedRollout[]
}

/** What is known of one replica and one rollout. */
interface Line {
  /** Its book. */
  source: string | undefined
  asking: boolean
  /** By the monotonic clock. */
  toldMs: number
  fault: string
}

const GATHER_EVERY_MS = 1_000
const ASK_MS = 900
/** Answers of one replica in a row; one that has more to tell is asked again in the next second. */
const MAX_ANSWERS = 8
/** Rollouts that are asked for in one second; with more of them each waits for its turn. */
const MAX_ROLLOUTS = 32
/** An answer that is older is not counted among those that the verdict rests on. */
const FRESH_MS = 5_000

export class EvidenceGatherer {
  readonly #deps: EvidenceGathererDeps
  /** By rollout, then by address. */
  readonly #lines = new Map<string, Map<string, Line>>()
  /** Addresses that have answered as this replica itself. */
  readonly #own = new Set<string>()
  #timer: TimerHandle | undefined
  /** Where the next second begins, among the rollouts. */
  #turn = 0
  #stopped = false

  constructor (deps: EvidenceGathererDeps) {
    this.#deps = deps
  }

  start (): void {
    if (this.#stopped) return
    this.#timer = this.#deps.clock.after(GATHER_EVERY_MS, () => {
      this.#gather()
      this.start()
    })
  }

  stop (): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** No slice names the address any more. */
  forget (key: string): void {
    this.#own.delete(key)
    for (const lines of this.#lines.values()) lines.delete(key)
  }

  #gather (): void {
    const led = this.#deps.led()
    const ids = new Set(led.map(({ id }) => id))
    for (const id of this.#lines.keys()) if (!ids.has(id)) this.#lines.delete(id)
    if (led.length === 0) return
    const first = led.length > MAX_ROLLOUTS ? this.#turn % led.length : 0
    this.#turn = first + MAX_ROLLOUTS
    const others = this.#others()
    for (const rollout of [...led.slice(first), ...led.slice(0, first)].slice(0, MAX_ROLLOUTS)) {
      const lines = this.#lines.get(rollout.id) ?? new Map<string, Line>()
      this.#lines.set(rollout.id, lines)
      for (const endpoint of others) {
        const key = endpointKey(endpoint)
        const line = lines.get(key) ?? { source: undefined, asking: false, toldMs: -Infinity, fault: 'it has not answered yet' }
        lines.set(key, line)
        if (!line.asking) void this.#ask(endpoint, rollout, line)
      }
    }
    for (const rollout of led) rollout.coverage = this.#coverage(rollout)
  }

  #others (): readonly Endpoint[] {
    const { book, members } = this.#deps
    return members.all().filter(endpoint => !this.#own.has(endpointKey(endpoint)) && !book.isSelf(endpointKey(endpoint)))
  }

  async #ask (endpoint: Endpoint, rollout: LedRollout, line: Line): Promise<void> {
    line.asking = true
    for (let answers = 0, hasMore = true; hasMore && answers < MAX_ANSWERS && !this.#stopped; answers++) {
      hasMore = await this.#askOnce(endpoint, rollout, line)
    }
    line.asking = false
  }

  /** @returns whether there is more to be had at once */
  async #askOnce (endpoint: Endpoint, rollout: LedRollout, line: Line): Promise<boolean> {
    const { client, clock, ownId } = this.#deps
    const { route, id, blamed } = rollout
    const { source } = line
    const after = source === undefined ? 0 : rollout.pageOf(source)
    const known = source === undefined ? {} : { source, after: String(after) }
    const query = { route, rollout: id, ...known, ...(blamed === undefined ? {} : { blamed }) }
    const reply = await client.ask(endpoint, { query, timeoutMs: ASK_MS, kind: 'look' })
    if (!reply.ok) return failed(line, reply.fault.reason)
    const { answer: { id: replica, evidence } } = reply
    if (replica === ownId) {
      this.#own.add(endpointKey(endpoint))
      return false
    }
    if (evidence === undefined) return failed(line, 'it tells no evidence of rollouts: an older Weir')
    if (evidence === null) return failed(line, 'this rollout does not run there')
    if (evidence.source !== source) {
      // Of another process, or it has begun to watch anew: what is known of that book decides what to ask for.
      line.source = evidence.source
      return true
    }
    line.toldMs = clock.nowMs()
    line.fault = ''
    rollout.take(evidence, after)
    return evidence.hasMore
  }

  #coverage ({ id }: LedRollout): EvidenceCoverage {
    const { clock, members, book } = this.#deps
    const lines = this.#lines.get(id)
    const others = this.#others().map(endpointKey)
    const missing = others.filter(key => clock.nowMs() - (lines?.get(key)?.toldMs ?? -Infinity) > FRESH_MS).map(key => {
      const name = book.factsOf(key)?.name
      return { ...(name === undefined ? {} : { name }), address: key, reason: lines?.get(key)?.fault ?? 'it has not been asked yet' }
    })
    const unknown = members.doubt()?.reason
    return { replicas: 1 + others.length - missing.length, of: 1 + others.length, missing, ...(unknown === undefined ? {} : { unknown }) }
  }
}

function failed (line: Line, fault: string): false {
  line.fault = fault
  return false
}
