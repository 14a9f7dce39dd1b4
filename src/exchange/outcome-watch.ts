/**
 * What the requests of a route say of two of its versions while a rollout runs: counted in the worker, told in reports. Its memory is
 * bounded: two bitmaps of 8 KiB, two counts of clients of 512 bytes, and what is told once in each tick. A route without a rollout has
 * none. Hot while one runs.
 *
 * The first attempt of a request decides, whatever rescues it afterwards; the rescue is told beside it. What blames no endpoint (a client
 * that left, refused input, what Weir itself has shed, no endpoint) counts for neither version.
 */
import { DistinctCount } from '../core/distinct-count.ts'
import { hashString, mix32 } from '../core/hash.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { outcomeOf } from '../health/endpoint-health.ts'
import { keyHashText } from '../routing/sticky-key.ts'
import type { CopyOutcome, CopyWatch } from '../shadow/shadow-port.ts'
import type {
  ByEndpoint, CohortCounts, CopyCounts, EvidenceReport, FirstSign, RouteWatch, Side, SideCounts
} from '../contract/rollout-watch.ts'
import type { PlacementKind } from '../contract/placement-spec.ts'
import type { StickyKeyKind } from '../contract/questions.ts'
import { HeavyClients } from './heavy-clients.ts'

/** Where the first attempt of a request has failed: what decides for a verdict, whatever comes of the request afterwards. */
export interface FirstFailure {
  /** The version that was drawn for the client; empty when it stood in for another one. */
  readonly version: string
  readonly endpoint: string
  /** The epoch that it was drawn by. */
  readonly epoch: number
}

/** What a watch looks at of a request: its facts. */
export interface JudgedRequest {
  readonly requestNumber: number
  readonly placed: boolean
  readonly placement: PlacementKind
  readonly firstFailure: FirstFailure | null
  readonly version: { readonly name: string } | null
  readonly fallbackFrom: string
  readonly failedOverFrom: string
  readonly endpoint: string
  readonly epoch: number
  readonly error: ProxyErrorCode | null
  readonly status: number
  readonly firstByteMs: number
  readonly keyHash: number
  readonly stickyKind: StickyKeyKind
  readonly clientIp: string
}

/** First failures that one report takes, and as many first slow answers: neither keeps the other out. */
const MAX_SIGNS_OF_A_KIND = 512
/** Epochs that one report tells apart. A ramp makes one a second, and a report is a tenth of that: more are of requests that last long. */
const MAX_EPOCHS = 32
/** Endpoints whose failures one report tells apart, of each epoch. */
const MAX_ENDPOINTS = 8
const BUCKET_BITS = 16
const SEEN_BUCKETS = 1_024
/** With so many of the buckets set there are many clients: the bitmap is told for the last time. */
const MANY_SEEN = 256

type Tally = { -readonly [Count in keyof SideCounts]: SideCounts[Count] }
type CopyTally = { -readonly [Count in keyof CopyCounts]: number }
type Answered = Pick<JudgedRequest, 'error' | 'status' | 'firstByteMs'>
type Outcome = 'good' | 'slow' | 'failure' | 'nothing'

/** Outcomes of requests that began under one epoch, since the last report. */
class Cohort implements CohortCounts {
  readonly epoch: number
  readonly from = emptyTally()
  readonly to = emptyTally()
  readonly toByEndpoint = new Map<string, Tally>()

  constructor (epoch: number) {
    this.epoch = epoch
  }
}

function emptyTally (): Tally {
  return { requests: 0, failures: 0, rescued: 0, bothFailed: 0, slow: 0, halfRequests: 0, halfFailures: 0 }
}

function emptyCopyTally (): CopyTally {
  return { requests: 0, failed: 0, realFailed: 0, bothFailed: 0, slow: 0, realSlow: 0, different: 0 }
}

export class OutcomeWatch implements CopyWatch {
  readonly #salts: readonly [number, number]
  readonly #lastBefore: number
  #watch: RouteWatch
  #cohorts: Cohort[] = []
  #matched: Tally | null = null
  #matchedByEndpoint = new Map<string, Tally>()
  #copies: CopyTally | null = null
  #copiesByEndpoint = new Map<string, CopyTally>()
  #signs: FirstSign[] = []
  readonly #signsOf: Record<FirstSign['kind'], number> = { failure: 0, slow: 0 }
  #dropped = 0
  /** Buckets of clients whose first sign has been told. */
  readonly #told: Readonly<Record<FirstSign['kind'], Uint8Array>> = {
    failure: new Uint8Array(2 ** BUCKET_BITS / 8), slow: new Uint8Array(2 ** BUCKET_BITS / 8)
  }

  readonly #seen = new Uint8Array(SEEN_BUCKETS / 8)
  #seenCount = 0
  #seenChanged = false
  readonly #heavy = new HeavyClients()
  #heavyChanged = false
  /** Of all requests, those included that say nothing for a verdict. */
  readonly #clients: Readonly<Record<Side, DistinctCount>> = { from: new DistinctCount(), to: new DistinctCount() }
  readonly #clientsChanged: Record<Side, boolean> = { from: false, to: false }

  readonly #onFailure: () => void

  /**
   * @param lastBefore the number of the latest request that began before the watch: it and those before it say nothing
   * @param onFailure the new version has failed a request: that is worth telling soon
   */
  constructor (watch: RouteWatch, lastBefore: number, onFailure: () => void) {
    this.#watch = watch
    this.#lastBefore = lastBefore
    this.#onFailure = onFailure
    this.#salts = [hashString(watch.id, 0x2545f491), hashString(watch.id, 0x6c078965)]
  }

  get id (): string { return this.#watch.id }

  /** Takes over what may change while a rollout runs. @param watch of the same id */
  configure (watch: RouteWatch): void {
    if (watch.blamed !== this.#watch.blamed) for (const told of Object.values(this.#told)) told.fill(0)
    this.#watch = watch
  }

  /** A request that has a version is over, or has become a tunnel. */
  add (facts: JudgedRequest): void {
    if (facts.requestNumber <= this.#lastBefore) return
    this.#countClient(facts)
    if (facts.placed) {
      if (facts.placement === 'match' && this.#watch.hasMatch === true) this.#addMatched(facts)
      return
    }
    const failure = facts.firstFailure
    const side = this.#sideOf(failure === null ? drawnVersion(facts) : failure.version)
    const outcome = failure === null ? this.#outcomeOf(facts) : 'failure'
    if (side === null || outcome === 'nothing') return
    const { epoch, endpoint } = failure ?? facts
    const cohort = this.#cohortOf(epoch)
    if (cohort === null) {
      this.#dropped++
      return
    }
    const bits = this.#bitsOf(facts.keyHash)
    const tally = cohort[side]
    const half = bits & 1
    tally.requests++
    tally.halfRequests += half
    this.#see((bits >>> 1) % SEEN_BUCKETS)
    if (outcome === 'good') return
    countBad(tally, outcome, half)
    if (failure !== null) this.#countRescue(tally, facts, side)
    if (side === 'to') {
      const place = placeOf(cohort.toByEndpoint, endpoint, emptyTally)
      if (place !== undefined) {
        place.requests++
        place.halfRequests += half
        countBad(place, outcome, half)
        if (failure !== null) this.#countRescue(place, facts, side)
      }
      if (outcome === 'failure') this.#blame(facts)
    }
    this.#sign({ kind: outcome, bucket: bits >>> (32 - BUCKET_BITS), side, epoch, endpoint })
    if (outcome === 'failure' && side === 'to') this.#onFailure()
  }

  /** What the rollout's own match has brought is no draw, so no test counts it; it is harm to users all the same, which guards look at. */
  #addMatched (facts: JudgedRequest): void {
    const failure = facts.firstFailure
    const outcome = failure === null ? this.#outcomeOf(facts) : 'failure'
    if (outcome === 'nothing' || this.#sideOf(failure === null ? drawnVersion(facts) : failure.version) !== 'to') return
    const tally = this.#matched ??= emptyTally()
    // Nothing is compared with these, so nothing is slow beside it, and no halves are told.
    tally.requests++
    if (outcome !== 'failure') return
    countBad(tally, outcome, 0)
    if (failure !== null) this.#countRescue(tally, facts, 'to')
    const place = placeOf(this.#matchedByEndpoint, failure?.endpoint ?? facts.endpoint, emptyTally)
    if (place !== undefined) {
      place.requests++
      countBad(place, outcome, 0)
      if (failure !== null) this.#countRescue(place, facts, 'to')
    }
    this.#blame(facts)
    this.#onFailure()
  }

  /**
   * A copy of a request has come to something. The new version gets it whatever its weight is, so it says nothing of who is on which
   * version: it is compared with the answer to the same request, by which neither clients nor moments differ.
   */
  addCopy ({ requestNumber, realVersion, copyVersion, endpoint, real, copy, different }: CopyOutcome): void {
    if (requestNumber <= this.#lastBefore || this.#sideOf(realVersion) !== 'from' || this.#sideOf(copyVersion) !== 'to') return
    const copies = this.#copies ??= emptyCopyTally()
    const old = this.#outcomeOf({ error: null, status: real.status, firstByteMs: real.firstByteMs })
    const now = copy === null ? 'failure' : this.#outcomeOf({ error: null, status: copy.status, firstByteMs: copy.firstByteMs })
    const alone = copyCountOf(old, now)
    countCopy(copies, alone, different)
    if (alone !== 'failed' && alone !== 'slow') return
    const place = placeOf(this.#copiesByEndpoint, endpoint, emptyCopyTally)
    if (place !== undefined) countCopy(place, alone, different)
  }

  #countClient ({ version, keyHash, stickyKind }: JudgedRequest): void {
    const side = version === null || stickyKind === 'random' ? null : this.#sideOf(version.name)
    if (side !== null && this.#clients[side].add(this.#bitsOf(keyHash))) this.#clientsChanged[side] = true
  }

  #sideOf (version: string): Side | null {
    const { from, to } = this.#watch
    if (version === to) return 'to'
    return version === from ? 'from' : null
  }

  /** How the last attempt has ended, as this watch sees it. */
  #outcomeOf ({ error, status, firstByteMs }: Answered): Outcome {
    const outcome = outcomeOf(error, status)
    if (outcome === 'none') return 'nothing'
    const { failureStatuses, slowerThanMs } = this.#watch
    if (outcome !== 'success' || failureStatuses.some(([first, last]) => status >= first && status <= last)) return 'failure'
    return slowerThanMs > 0 && firstByteMs > slowerThanMs ? 'slow' : 'good'
  }

  /** Did the other one of the two versions do better with what this one has failed? A third version says nothing of it. */
  #countRescue (tally: Tally, facts: JudgedRequest, side: Side): void {
    if (facts.failedOverFrom === '' || facts.version?.name !== this.#watch[side === 'to' ? 'from' : 'to']) return
    const outcome = this.#outcomeOf(facts)
    if (outcome === 'failure') tally.bothFailed++
    else if (outcome !== 'nothing') tally.rescued++
  }

  /** A client that is not recognised is another one with each request: none of them is heavy. */
  #blame ({ keyHash, stickyKind, clientIp }: JudgedRequest): void {
    if (stickyKind === 'random') return
    this.#heavy.add(keyHash, () => stickyKind === 'client-ip' ? clientIp : keyHashText(keyHash))
    this.#heavyChanged = true
  }

  /** 32 bits that have nothing to do with those that the split draws by, and are others in another rollout. */
  #bitsOf (keyHash: number): number {
    const [first, second] = this.#salts
    return mix32(mix32(keyHash ^ first) + second)
  }

  /** The counts of an epoch; null when there are newer ones enough. */
  #cohortOf (epoch: number): Cohort | null {
    const cohorts = this.#cohorts
    for (const cohort of cohorts) if (cohort.epoch === epoch) return cohort
    const cohort = new Cohort(epoch)
    if (cohorts.length >= MAX_EPOCHS) {
      const oldest = cohorts.reduce((old, each) => each.epoch < old.epoch ? each : old)
      if (epoch < oldest.epoch) return null
      this.#dropped += oldest.from.requests + oldest.to.requests
      cohorts[cohorts.indexOf(oldest)] = cohort
    } else {
      cohorts.push(cohort)
    }
    return cohort
  }

  #see (bucket: number): void {
    if (this.#seenCount > MANY_SEEN || !setBit(this.#seen, bucket)) return
    this.#seenCount++
    this.#seenChanged = true
  }

  /** Takes a sign unless its client has spoken before. One that does not fit may speak again. */
  #sign (sign: FirstSign): void {
    const { kind, bucket } = sign
    const told = this.#told[kind]
    const perClient = this.#watch.unit === 'client'
    if (perClient && hasBit(told, bucket)) return
    if (this.#signsOf[kind] >= MAX_SIGNS_OF_A_KIND) {
      this.#dropped++
      return
    }
    if (perClient) setBit(told, bucket)
    this.#signsOf[kind]++
    this.#signs.push(sign)
  }

  #changedClients (): NonNullable<EvidenceReport['clients']> {
    const { from, to } = this.#clientsChanged
    return { ...(from ? { from: this.#clients.from.bytes } : {}), ...(to ? { to: this.#clients.to.bytes } : {}) }
  }

  /** What has come since the last call; null when nothing has. */
  take (): EvidenceReport | null {
    const { from, to } = this.#clientsChanged
    if (this.#cohorts.length === 0 && this.#copies === null && this.#matched === null && this.#dropped === 0 && !from && !to) return null
    const report: EvidenceReport = {
      cohorts: this.#cohorts.map(({ epoch, from, to, toByEndpoint }) => ({ epoch, from, to, ...someOf('toByEndpoint', toByEndpoint) })),
      ...(this.#copies === null ? {} : { copies: this.#copies }),
      ...someOf('copiesByEndpoint', this.#copiesByEndpoint),
      ...(this.#matched === null ? {} : { matched: this.#matched }),
      ...someOf('matchedByEndpoint', this.#matchedByEndpoint),
      signs: this.#signs,
      heavy: this.#heavyChanged ? this.#heavy.list() : [],
      dropped: this.#dropped,
      ...(this.#seenChanged ? { seen: this.#seen.slice() } : {}),
      ...(from || to ? { clients: this.#changedClients() } : {})
    }
    this.#cohorts = []
    this.#copies = this.#matched = null
    this.#copiesByEndpoint = new Map()
    this.#matchedByEndpoint = new Map()
    this.#signs = []
    this.#signsOf.failure = this.#signsOf.slow = this.#dropped = 0
    this.#heavyChanged = this.#seenChanged = this.#clientsChanged.from = this.#clientsChanged.to = false
    return report
  }
}

/** The version that the request's key was drawn for, if that is where it went; empty otherwise. */
function drawnVersion ({ version, fallbackFrom, failedOverFrom }: JudgedRequest): string {
  return version === null || fallbackFrom !== '' || failedOverFrom !== '' ? '' : version.name
}

/** @param half 1 for a client in the odd half */
function countBad (tally: Tally, outcome: 'slow' | 'failure', half: number): void {
  if (outcome === 'slow') {
    tally.slow++
  } else {
    tally.failures++
    tally.halfFailures += half
  }
}

/** The counts of an endpoint; undefined when others have all places. */
function placeOf<Counts> (places: Map<string, Counts>, endpoint: string, empty: () => Counts): Counts | undefined {
  const known = places.get(endpoint)
  if (known !== undefined || places.size >= MAX_ENDPOINTS) return known
  const place = empty()
  places.set(endpoint, place)
  return place
}

function someOf<Name extends string, Counted> (name: Name, places: ByEndpoint<Counted>): { readonly [Key in Name]?: ByEndpoint<Counted> } {
  return places.size === 0 ? {} : { [name]: places } as { readonly [Key in Name]?: ByEndpoint<Counted> } // its only key
}

/** What a pair of outcomes counts as; null: both were alike, and good or slow. */
function copyCountOf (old: Outcome, now: Outcome): 'failed' | 'realFailed' | 'bothFailed' | 'slow' | 'realSlow' | null {
  if (old === now) return now === 'failure' ? 'bothFailed' : null
  if (now === 'failure') return 'failed'
  if (old === 'failure') return 'realFailed'
  return now === 'slow' ? 'slow' : 'realSlow'
}

function countCopy (tally: CopyTally, alone: ReturnType<typeof copyCountOf>, different: boolean): void {
  tally.requests++
  if (alone !== null) tally[alone]++
  if (different) tally.different++
}

function hasBit (bitmap: Uint8Array, bit: number): boolean {
  return ((bitmap[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0
}

/** @returns false when it was set already */
function setBit (bitmap: Uint8Array, bit: number): boolean {
  if (hasBit(bitmap, bit)) return false
  bitmap[bit >>> 3] = (bitmap[bit >>> 3] ?? 0) | (1 << (bit & 7))
  return true
}
