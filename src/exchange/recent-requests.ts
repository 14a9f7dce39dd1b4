/**
 * What a worker remembers of its latest requests, so that somebody can ask about one by its id. A ring of numbers and of names that
 * are there anyway: taking a request down costs some stores and no allocation. The memory of the ring is cold each time, so what counts
 * is in how few places it lies. Hot.
 */
import { hashString } from '../core/hash.ts'
import type { RequestFacts } from './request-facts.ts'
import type { RequestIds } from '../http/request-ids.ts'
import type { Incident, RecentRequest, StickyKeyKind } from '../contract/questions.ts'

/** Requests that a worker remembers. Their memory is used as they come: 1.5 MiB once all places are taken. */
const RECENT_REQUESTS = 16_384

/** Numbers of a request. */
const PLACE = { id: 0, startMs: 1, durationMs: 2, status: 3, attempts: 4, keyHash: 5, epoch: 6, kind: 7 } as const
const STRIDE = 8
/** Names of a request: those of its route, version and endpoint. */
const NAMES = 3
/** A block of names has 2^9 places: 12 KiB. */
const BLOCK_BITS = 9
const BLOCK_MASK = (1 << BLOCK_BITS) - 1
const KINDS: readonly StickyKeyKind[] = ['none', 'random', 'client-ip', 'header', 'cookie']
const KIND_NUMBER: Readonly<Record<StickyKeyKind, number>> = { none: 0, random: 1, 'client-ip': 2, header: 3, cookie: 4 }
/** 2^20: two hashes make a number of 52 bits, which a double holds. */
const HASH_STEP = 0x10_0000

const PLAIN: Incident = { error: '', fault: '', retried: '', fallbackFrom: '', failedOverFrom: '', placement: '', placedBy: '' }

export class RecentRequests {
  readonly #ids: RequestIds
  readonly #capacity: number
  readonly #numbers: Float64Array
  /**
   * Route, version and endpoint of each place. In blocks that come as they are needed: an array that grows is copied each time, and
   * V8 makes the young generation larger for good when so much outlives it.
   */
  readonly #names: string[][] = []
  /** Of the requests that were out of the ordinary, by place. */
  readonly #incidents = new Map<number, Incident>()
  /** Where the next one goes. */
  #next = 0
  #size = 0

  constructor (ids: RequestIds, capacity = RECENT_REQUESTS) {
    this.#ids = ids
    this.#capacity = capacity
    this.#numbers = new Float64Array(capacity * STRIDE)
  }

  /** How many are remembered. */
  get size (): number { return this.#size }

  /** When the oldest of them began; 0 without any. */
  get oldestMs (): number {
    const oldest = this.size < this.#capacity ? 0 : this.#next
    return this.#numbers[oldest * STRIDE + PLACE.startMs] ?? 0
  }

  /** Takes down a request that is over. */
  add (facts: RequestFacts, durationMs: number): void {
    const place = this.#next
    this.#next = place + 1 === this.#capacity ? 0 : place + 1
    const numbers = this.#numbers
    const at = place * STRIDE
    numbers[at + PLACE.id] = facts.requestId === '' ? facts.requestNumber : foreignId(facts.requestId)
    numbers[at + PLACE.startMs] = facts.startMs
    numbers[at + PLACE.durationMs] = durationMs
    numbers[at + PLACE.status] = facts.status
    numbers[at + PLACE.attempts] = facts.attempts
    numbers[at + PLACE.keyHash] = facts.keyHash
    numbers[at + PLACE.epoch] = facts.epoch
    numbers[at + PLACE.kind] = KIND_NUMBER[facts.stickyKind]
    if (place >= this.#size) this.#size = place + 1
    const names = this.#names[place >> BLOCK_BITS] ?? this.#newBlock()
    const name = (place & BLOCK_MASK) * NAMES
    names[name] = facts.route === null ? '' : facts.route.name
    names[name + 1] = facts.version === null ? '' : facts.version.name
    names[name + 2] = facts.endpoint
    const moved = facts.fallbackFrom !== '' || facts.failedOverFrom !== '' || facts.placement !== ''
    const plain = facts.error === null && facts.retried === '' && !moved
    if (!plain) this.#incidents.set(place, incidentOf(facts))
    else if (this.#incidents.size > 0) this.#incidents.delete(place)
  }

  #newBlock (): string[] {
    const block = new Array<string>(NAMES << BLOCK_BITS).fill('')
    this.#names.push(block)
    return block
  }

  /** The latest request with this id, as far as it is remembered. */
  find (id: string): RecentRequest | undefined {
    const own = this.#ids.numberOf(id)
    const foreign = foreignId(id)
    for (let back = 1; back <= this.size; back++) {
      const place = (this.#next - back + this.#capacity) % this.#capacity
      const number = this.#numbers[place * STRIDE + PLACE.id] ?? 0
      // A number 0 is nobody's.
      if (number === foreign || (number === own && own !== 0)) return this.#at(place)
    }
    return undefined
  }

  #at (place: number): RecentRequest {
    const names = this.#names[place >> BLOCK_BITS] ?? []
    const name = (place & BLOCK_MASK) * NAMES
    const number = (what: number): number => this.#numbers[place * STRIDE + what] ?? 0
    return {
      startMs: number(PLACE.startMs),
      durationMs: number(PLACE.durationMs),
      status: number(PLACE.status),
      attempts: number(PLACE.attempts),
      keyHash: number(PLACE.keyHash),
      epoch: number(PLACE.epoch),
      route: names[name] ?? '',
      version: names[name + 1] ?? '',
      endpoint: names[name + 2] ?? '',
      keyKind: KINDS[number(PLACE.kind)] ?? 'none',
      ...this.#incidents.get(place) ?? PLAIN
    }
  }
}

function incidentOf ({ error, fault, retried, fallbackFrom, failedOverFrom, placement, placedBy }: RequestFacts): Incident {
  return { error: error ?? '', fault, retried, fallbackFrom, failedOverFrom, placement, placedBy }
}

/** What stands for an id that a proxy has given: below 0, where none of Weir's own numbers is. */
function foreignId (id: string): number {
  return -((hashString(id) >>> 0) * HASH_STEP + (hashString(id, 1) >>> 12) + 1)
}
