/**
 * What goes wrong with the new version, by endpoint, and which endpoint is blamed for it: what has gone wrong there, before and afterwards,
 * is not charged to the version. Not for long, though, where the endpoint can't be kept out: it may be the last one that is available.
 */
import { type ByEndpoint, COPY_COUNTS, type CopyCounts, type SideCounts } from '../contract/rollout-watch.ts'
import { consistentCopies, copiesFrom, lessCopies, numbersOfCopies, sumCopyCounts } from './copy-counts.ts'
import { EndpointCounts } from './endpoint-counts.ts'
import {
  addCounts, consistentCounts, type Counts, countsFrom, countWithin, emptyCounts, lessCounts, numbersFrom, sumOfCounts
} from './side-counts.ts'
import { type BlameCounts, STORED_NAME_LENGTH, type StoredEndpoints } from './stored-evidence.ts'

/** For so long a blamed endpoint is kept out after it has been found bad, however often that is. */
const FRESH_MS = 5_000
/** An ejection takes a moment, and so does the look that finds it. Whatever still goes wrong there after that is charged. */
const GRACE_MS = 2_000
/** Back in use, it is bad again with so many failures, and by so many, and deviations, more than if it were like the old version. */
const BAD_COUNT = 2
const BAD_BEYOND = 1
const BAD_DEVIATIONS = 4

/** The endpoint with the most of something. */
export interface WorstEndpoint {
  readonly name: string
  readonly count: number
}

/** What an endpoint is blamed for. */
export type BlameKind = 'failures' | 'slow'

/** What has happened since the last tick. */
interface BlameLook {
  readonly elapsedMs: number
  /** The endpoints that are used now. */
  readonly used: readonly string[]
  /** What each of them would have had in that time if the new version were like the old one. */
  readonly usual: Readonly<Record<BlameKind, number>>
}

export class EndpointBlame {
  readonly #traffic: EndpointCounts<SideCounts>
  readonly #copies: EndpointCounts<CopyCounts>
  /** Of all endpoints, since the same time. */
  #total: Counts
  #blamed: string | null
  readonly #counts: BlameCounts
  #used: readonly string[] = []

  /** @param stored what another one has left */
  constructor (blamed: string | null = null, stored?: StoredEndpoints) {
    this.#traffic = new EndpointCounts(sumOfCounts, stored?.traffic.map(([name, numbers, inherited]) => [
      name, consistentCounts(countsFrom(numbers)), inherited
    ]))
    this.#copies = new EndpointCounts(sumCopyCounts, stored?.copies.map(([name, numbers, inherited]) => [
      name, consistentCopies(copiesFrom(numbers)), inherited
    ]))
    this.#total = countsFrom(stored?.total)
    this.#blamed = blamed
    this.#counts = { kind: 'failures', sinceMs: FRESH_MS, inUseMs: 0, bad: 0, usual: 0, ...stored?.blame }
  }

  /** Undefined while nothing was told. */
  stored (): Pick<StoredEndpoints, 'traffic' | 'copies' | 'total' | 'blame'> | undefined {
    if (this.#traffic.size + this.#copies.size + this.#total.requests === 0) return undefined
    return {
      total: numbersFrom(this.#total),
      traffic: this.#traffic.ranked.map(([name, counts, inherited]) => [name, numbersFrom(counts), inherited]),
      copies: this.#copies.ranked.map(([name, counts, inherited]) => [name, numbersOfCopies(counts), inherited]),
      blame: { ...this.#counts }
    }
  }

  get blamed (): string | null { return this.#blamed }

  /** Of all endpoints. */
  get total (): SideCounts { return this.#total }

  /** The warm-up is over: what went wrong in it says nothing, unless somebody is blamed for it. */
  endWarmup (): void {
    if (this.#blamed !== null) return
    this.#traffic.clear()
    this.#total = emptyCounts()
  }

  /** Is it to be kept out now? */
  get isFresh (): boolean { return this.#blamed !== null && this.#counts.sinceMs < FRESH_MS }

  /** It is bad, and it is used all the same: what it does is the version's. */
  get isCharged (): boolean { return this.#counts.inUseMs > GRACE_MS }

  /** From now on what goes wrong there is not charged. */
  blame (endpoint: string, kind: BlameKind): void {
    this.#blamed = endpoint
    Object.assign(this.#counts, { kind, inUseMs: 0 })
    this.#find()
  }

  #find (): void {
    Object.assign(this.#counts, { sinceMs: 0, bad: 0, usual: 0 })
  }

  /** All that went wrong on the blamed endpoint. */
  get excused (): SideCounts {
    return this.#traffic.get(this.#blamed ?? '') ?? emptyCounts()
  }

  get excusedCopies (): CopyCounts | undefined {
    return this.#copies.get(this.#blamed ?? '')
  }

  tick ({ elapsedMs, used, usual }: BlameLook): void {
    const counts = this.#counts
    this.#used = used
    counts.sinceMs = Math.min(FRESH_MS, counts.sinceMs + elapsedMs)
    if (this.#blamed === null || !used.includes(this.#blamed)) {
      counts.inUseMs = counts.bad = counts.usual = 0
      return
    }
    counts.inUseMs = this.isFresh ? counts.inUseMs + elapsedMs : 0
    counts.usual += usual[counts.kind]
  }

  /** The endpoint with the most of what went wrong. */
  worst (kind: BlameKind): WorstEndpoint {
    return worstOf(this.#traffic.all, counts => counts[kind])
  }

  /** What is known by endpoint. */
  told (kind: BlameKind): number {
    return [...this.#traffic.all.values()].reduce((sum, counts) => sum + counts[kind], 0)
  }

  /** The same of copies. */
  worstByCopies (count: 'failed' | 'slow'): WorstEndpoint {
    return worstOf(this.#copies.all, copies => copies[count])
  }

  /** Counts what the new version did, made consistent already. @returns what is charged of it */
  charge (counts: SideCounts, byEndpoint?: ByEndpoint<SideCounts>): SideCounts {
    addCounts(this.#total, counts)
    if (byEndpoint === undefined) return counts
    const places = partsOf(byEndpoint, part => wrongPartOf(part, counts))
    this.#traffic.add(places, this.#blamed)
    const own = places.get(this.#blamed ?? '')
    if (own === undefined) return counts
    this.#note(own[this.#counts.kind])
    return this.#isExcused ? consistentCounts(lessCounts(counts, own)) : counts
  }

  /** The same for copies. */
  chargeCopies (told: CopyCounts, byEndpoint?: ByEndpoint<CopyCounts>): CopyCounts {
    const copies = consistentCopies(told)
    if (byEndpoint === undefined) return copies
    const places = partsOf(byEndpoint, part => wrongCopiesOf(part, copies))
    this.#copies.add(places, this.#blamed)
    const own = places.get(this.#blamed ?? '')
    if (own === undefined) return copies
    this.#note(this.#counts.kind === 'failures' ? own.failed : own.slow)
    return this.#isExcused ? consistentCopies(lessCopies(copies, own)) : copies
  }

  /** It goes wrong there again: more than it would anywhere? */
  #note (count: number): void {
    const counts = this.#counts
    counts.bad += count
    const { bad, usual } = counts
    if (bad >= BAD_COUNT && bad >= usual + BAD_BEYOND + BAD_DEVIATIONS * Math.sqrt(usual)) this.#find()
  }

  /** When no other endpoint is used, it is the version. */
  get #isExcused (): boolean {
    return !this.isCharged && !(this.#used.length === 1 && this.#used[0] === this.#blamed)
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
