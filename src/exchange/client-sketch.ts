/**
 * Which clients a route has had in the last minutes, in bounded memory: a sample of them by their keys, all of them while they are few. A
 * client is in the sample when the rank that its key has is below a threshold, which is halved whenever the sample is full. So every
 * worker samples the same clients, and what two of them have seen can be put together (distinct sampling, Gibbons 2001). Hot: each
 * request is noted.
 */
import type { ClientSample } from '../contract/client-sample.ts'
import { CLIENT_RANKS, clientRank } from '../routing/client-rank.ts'

/** A sample speaks of the last two to four minutes and a half: of the present span and the one before it. */
const SPAN_MS = 150_000
const SPANS = 2
/** The most clients that a sample has of each span, whatever is asked for. */
export const MAX_SAMPLED = 1_024
const FIRST_CAPACITY = 64
const HEAVY_PLACES = 16
/** Where there are more clients than the sample has, one request of so many is looked at for the heaviest of them. */
const HEAVY_STRIDE = 8
/** The bits of a 32-bit draw that are 0 once in HEAVY_STRIDE. */
const STRIDE_SHIFT = 29

interface SketchedClient {
  readonly key: number
  readonly requests: number
  readonly servedBy: number
  /** When that was. */
  readonly lastMs: number
}

/** The clients with the most requests: Space-Saving (Metwally, Agrawal, El Abbadi 2005) over typed arrays. */
class HeavyKeys {
  readonly #keys = new Int32Array(HEAVY_PLACES)
  readonly #counts = new Float64Array(HEAVY_PLACES)
  /** At most so many of the counts are of clients that had the place before. */
  readonly #inherited = new Float64Array(HEAVY_PLACES)

  note (keyHash: number): void {
    let least = 0
    for (let place = 0; place < HEAVY_PLACES; place++) {
      const requests = this.#counts[place] ?? 0
      if (requests > 0 && this.#keys[place] === keyHash) {
        this.#counts[place] = requests + 1
        return
      }
      if (requests < (this.#counts[least] ?? 0)) least = place
    }
    const inherited = this.#counts[least] ?? 0
    this.#keys[least] = keyHash
    this.#inherited[least] = inherited
    this.#counts[least] = inherited + 1
  }

  /** Each with the requests that it has had at least. */
  list (): ReadonlyArray<{ readonly key: number, readonly requests: number }> {
    return [...this.#keys].map((key, place) => {
      return { key, requests: ((this.#counts[place] ?? 0) - (this.#inherited[place] ?? 0)) * HEAVY_STRIDE }
    }).filter(({ requests }) => requests > 0)
  }
}

/** The clients of one span: open addressing by rank; a slot without requests is free. */
class Span {
  readonly startMs: number
  readonly requests: Float64Array
  readonly placed: Float64Array
  unkeyed = 0
  threshold = CLIENT_RANKS
  /** Null while the sample has all clients, and so the heaviest. */
  heavy: HeavyKeys | null = null
  readonly #maxClients: number
  #keys = new Int32Array(FIRST_CAPACITY)
  #counts = new Uint32Array(FIRST_CAPACITY)
  #servedBy = new Uint8Array(FIRST_CAPACITY)
  #lastMs = new Float64Array(FIRST_CAPACITY)
  #size = 0

  constructor (startMs: number, versions: number, maxClients: number) {
    this.startMs = startMs
    this.requests = new Float64Array(versions)
    this.placed = new Float64Array(versions)
    this.#maxClients = maxClients
  }

  note (keyHash: number, version: number, nowMs: number): void {
    const rank = clientRank(keyHash)
    if (rank >= this.threshold) return
    const slot = this.#slotOf(keyHash, rank)
    if (this.#counts[slot] === 0) {
      this.#keys[slot] = keyHash
      this.#size++
    }
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
    this.#servedBy[slot] = version
    this.#lastMs[slot] = nowMs
    if (this.#size * 2 > this.#keys.length) this.#makeRoom()
  }

  #slotOf (keyHash: number, rank: number): number {
    const mask = this.#keys.length - 1
    let slot = rank & mask
    while (this.#counts[slot] !== 0 && this.#keys[slot] !== keyHash) slot = (slot + 1) & mask
    return slot
  }

  #makeRoom (): void {
    if (this.#size >= this.#maxClients) {
      this.threshold /= 2
      this.heavy ??= new HeavyKeys()
    }
    const { threshold } = this
    const before = [...this.clients()].filter(({ key }) => clientRank(key) < threshold)
    const capacity = before.length * 2 >= this.#keys.length ? this.#keys.length * 2 : this.#keys.length
    this.#keys = new Int32Array(capacity)
    this.#counts = new Uint32Array(capacity)
    this.#servedBy = new Uint8Array(capacity)
    this.#lastMs = new Float64Array(capacity)
    this.#size = before.length
    for (const { key, requests, servedBy, lastMs } of before) {
      const slot = this.#slotOf(key, clientRank(key))
      this.#keys[slot] = key
      this.#counts[slot] = requests
      this.#servedBy[slot] = servedBy
      this.#lastMs[slot] = lastMs
    }
  }

  * clients (): Generator<SketchedClient> {
    for (let slot = 0; slot < this.#counts.length; slot++) {
      const requests = this.#counts[slot] ?? 0
      if (requests > 0) yield { key: this.#keys[slot] ?? 0, requests, servedBy: this.#servedBy[slot] ?? 0, lastMs: this.#lastMs[slot] ?? 0 }
    }
  }
}

export class ClientSketch {
  readonly #versions: readonly string[]
  readonly #maxClients: number
  #current: Span | null = null
  #before: Span | null = null
  #endMs = 0
  #dice = 1

  /**
   * @param versions of the route, in its order
   * @param maxClients the most that each span keeps: at least 64, at most MAX_SAMPLED
   */
  constructor (versions: readonly string[], maxClients: number) {
    this.#versions = versions
    this.#maxClients = Math.min(MAX_SAMPLED, Math.max(FIRST_CAPACITY, maxClients))
  }

  /** Is this the sketch of a route with these versions, in this order? */
  isOf (versions: readonly string[]): boolean {
    return versions.length === this.#versions.length && versions.every((name, index) => name === this.#versions[index])
  }

  /**
   * A request has been served.
   * @param version the place of the version that had it
   * @param nowMs of the worker's monotonic clock
   */
  note (keyHash: number, version: number, nowMs: number): void {
    let span = this.#current
    if (span === null || nowMs >= this.#endMs) span = this.#turn(nowMs)
    span.requests[version] = (span.requests[version] ?? 0) + 1
    span.note(keyHash, version, nowMs)
    if (span.heavy === null) return
    // Drawn (the generator of Numerical Recipes), not counted off: a client that comes every fourth time would be missed, or doubled.
    this.#dice = (Math.imul(this.#dice, 1_664_525) + 1_013_904_223) | 0
    if (this.#dice >>> STRIDE_SHIFT === 0) span.heavy.note(keyHash)
  }

  /** A request has been served whose version no client's key had chosen. @param placed something else had; otherwise it was drawn */
  noteOther (version: number, placed: boolean, nowMs: number): void {
    let span = this.#current
    if (span === null || nowMs >= this.#endMs) span = this.#turn(nowMs)
    span.requests[version] = (span.requests[version] ?? 0) + 1
    if (placed) span.placed[version] = (span.placed[version] ?? 0) + 1
    else span.unkeyed++
  }

  #turn (nowMs: number): Span {
    this.#before = nowMs < this.#endMs + SPAN_MS ? this.#current : null
    this.#endMs = nowMs + SPAN_MS
    this.#current = new Span(nowMs, this.#versions.length, this.#maxClients)
    return this.#current
  }

  /** What has been seen in the last spans. */
  sample (nowMs: number): ClientSample {
    const spans = [this.#before, this.#current].filter(span => span !== null).filter(({ startMs }) => nowMs - startMs < SPANS * SPAN_MS)
    const threshold = Math.min(CLIENT_RANKS, ...spans.map(span => span.threshold))
    const clients = new Map<number, Omit<SketchedClient, 'key'>>()
    for (const { key, requests, servedBy, lastMs } of spans.flatMap(span => [...span.clients()])) {
      if (clientRank(key) < threshold) clients.set(key, { requests: (clients.get(key)?.requests ?? 0) + requests, servedBy, lastMs })
    }
    const sumOf = (of: (span: Span) => Float64Array): readonly number[] =>
      this.#versions.map((_, version) => spans.reduce((sum, span) => sum + (of(span)[version] ?? 0), 0))
    return {
      coversMs: Math.max(0, nowMs - Math.min(nowMs, ...spans.map(({ startMs }) => startMs))),
      part: threshold / CLIENT_RANKS,
      keys: Int32Array.from(clients.keys()),
      requests: Uint32Array.from(clients.values(), ({ requests }) => requests),
      servedBy: Uint8Array.from(clients.values(), ({ servedBy }) => servedBy),
      agesMs: Float64Array.from(clients.values(), ({ lastMs }) => nowMs - lastMs),
      versions: this.#versions,
      requestsByVersion: sumOf(span => span.requests),
      placedByVersion: sumOf(span => span.placed),
      unkeyed: spans.reduce((sum, { unkeyed }) => sum + unkeyed, 0),
      heavy: heaviest(spans)
    }
  }
}

function heaviest (spans: readonly Span[]): ClientSample['heavy'] {
  const sums = new Map<number, number>()
  for (const { key, requests } of spans.flatMap(span => span.heavy?.list() ?? [])) sums.set(key, (sums.get(key) ?? 0) + requests)
  return [...sums].map(([key, requests]) => ({ key, requests }))
    .sort((left, right) => right.requests - left.requests).slice(0, HEAVY_PLACES)
}
