/**
 * What goes wrong with the new version, by endpoint, and which endpoint is blamed for it: what has gone wrong there, before and afterwards,
 * is not charged to the version.
 */
import { type ByEndpoint, COPY_COUNTS, type CopyCounts, type SideCounts } from '../contract/rollout-watch.ts'
import { consistentCopies, copiesFrom, lessCopies, numbersOfCopies, sumCopyCounts } from './copy-counts.ts'
import { addByEndpoint } from './endpoint-counts.ts'
import {
  consistentCounts, type Counts, countsFrom, countWithin, emptyCounts, lessCounts, numbersFrom, sumOfCounts
} from './side-counts.ts'
import { STORED_NAME_LENGTH, type StoredEndpoints } from './stored-evidence.ts'

/** A blamed endpoint is kept out until nothing has gone wrong there for so long; it is tried again when its ejection ends. */
const FRESH_MS = 5_000

/** The endpoint with the most of something. */
export interface WorstEndpoint {
  readonly name: string
  readonly count: number
}

export class EndpointBlame {
  readonly #traffic: Map<string, SideCounts>
  readonly #copies: Map<string, CopyCounts>
  #blamed: string | null
  /** Since something went wrong there last, up to FRESH_MS. */
  #sinceMs: number
  /** The endpoints that were used when somebody looked last. */
  #used: readonly string[] = []

  /** @param stored what another one has left */
  constructor (blamed: string | null = null, stored?: Omit<StoredEndpoints, 'to' | 'failures'>) {
    this.#traffic = new Map(stored?.traffic.map(([name, numbers]) => [name, consistentCounts(countsFrom(numbers))]))
    this.#copies = new Map(stored?.copies.map(([name, numbers]) => [name, consistentCopies(copiesFrom(numbers))]))
    this.#blamed = blamed
    this.#sinceMs = stored?.sinceMs ?? FRESH_MS
  }

  /** Undefined while nothing has gone wrong. */
  stored (): Omit<StoredEndpoints, 'to' | 'failures'> | undefined {
    if (this.#traffic.size + this.#copies.size === 0) return undefined
    return {
      traffic: [...this.#traffic].map(([name, counts]) => [name, numbersFrom(counts)]),
      copies: [...this.#copies].map(([name, counts]) => [name, numbersOfCopies(counts)]),
      sinceMs: this.#sinceMs
    }
  }

  get blamed (): string | null { return this.#blamed }

  /** Does it still go wrong there? */
  get isFresh (): boolean { return this.#blamed !== null && this.#sinceMs < FRESH_MS }

  /** From now on what goes wrong there is not charged. */
  blame (endpoint: string): void {
    this.#blamed = endpoint
    this.#sinceMs = 0
  }

  /** All that went wrong on the blamed endpoint. */
  get excused (): SideCounts {
    return this.#traffic.get(this.#blamed ?? '') ?? emptyCounts()
  }

  get excusedCopies (): CopyCounts | undefined {
    return this.#copies.get(this.#blamed ?? '')
  }

  /** @param used the endpoints that are used now */
  tick (elapsedMs: number, used: readonly string[]): void {
    this.#sinceMs = Math.min(FRESH_MS, this.#sinceMs + elapsedMs)
    this.#used = used
  }

  /** The endpoint with the most of what went wrong. */
  worst (count: 'failures' | 'slow'): WorstEndpoint {
    return worstOf(this.#traffic, counts => counts[count])
  }

  /** The same of copies. */
  worstByCopies (count: 'failed' | 'slow'): WorstEndpoint {
    return worstOf(this.#copies, copies => copies[count])
  }

  /** Counts what was told of the new version. @returns what is charged of it */
  charge (told: SideCounts, byEndpoint?: ByEndpoint<SideCounts>): Counts {
    const counts = consistentCounts(told)
    if (byEndpoint === undefined) return counts
    const places = partsOf(byEndpoint, part => wrongPartOf(part, counts))
    addByEndpoint(this.#traffic, places, sumOfCounts, this.#blamed)
    const own = this.#ownOf(places)
    return own === undefined ? counts : consistentCounts(lessCounts(counts, own))
  }

  /** The same for copies. */
  chargeCopies (told: CopyCounts, byEndpoint?: ByEndpoint<CopyCounts>): CopyCounts {
    const copies = consistentCopies(told)
    if (byEndpoint === undefined) return copies
    const places = partsOf(byEndpoint, part => wrongCopiesOf(part, copies))
    addByEndpoint(this.#copies, places, sumCopyCounts, this.#blamed)
    const own = this.#ownOf(places)
    return own === undefined ? copies : consistentCopies(lessCopies(copies, own))
  }

  /** What the blamed endpoint has of it; undefined when it has none, or when no other one is used: then it is the version. */
  #ownOf<Counted> (byEndpoint: ByEndpoint<Counted>): Counted | undefined {
    const own = this.#blamed === null ? undefined : byEndpoint.get(this.#blamed)
    if (own === undefined) return undefined
    this.#sinceMs = 0
    return this.#used.length === 1 && this.#used[0] === this.#blamed ? undefined : own
  }
}

/** What is told of each may be anything, its name included. */
function partsOf<Counted> (byEndpoint: ByEndpoint<Counted>, read: (counts: Counted) => Counted): ByEndpoint<Counted> {
  return new Map([...byEndpoint].filter(([name]) => name !== '').map(([name, counts]) => [name.slice(0, STORED_NAME_LENGTH), read(counts)]))
}

/** No endpoint has more of anything than all of them, nor good answers here. */
function wrongPartOf (told: SideCounts, whole: SideCounts): SideCounts {
  const failures = countWithin(told.failures, whole.failures)
  const slow = countWithin(told.slow, whole.slow)
  return consistentCounts({ ...told, failures, slow, requests: failures + slow })
}

function wrongCopiesOf (told: CopyCounts, whole: CopyCounts): CopyCounts {
  const part = copiesFrom(COPY_COUNTS.map(name => countWithin(told[name], whole[name])))
  return consistentCopies({ ...part, requests: Math.min(part.requests, part.failed + part.slow) })
}

function worstOf<Counted> (places: ByEndpoint<Counted>, countOf: (counts: Counted) => number): WorstEndpoint {
  let worst = { name: '', count: 0 }
  for (const [name, counts] of places) {
    const count = countOf(counts)
    if (count > worst.count) worst = { name, count }
  }
  return worst
}
