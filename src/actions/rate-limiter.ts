/**
 * A rate limit by client: for each a bucket of tokens that fills evenly. All workers of a replica share one table, because the kernel
 * spreads connections as it likes: a client with one connection has the whole rate, and one with many has no more.
 *
 * The table is bounded. A bucket is a tag, which tells clients apart, and the time at which it will be full (the generic cell rate
 * algorithm, ITU-T I.371 annex A), in ticks that go round after some hours. So it has the second of its last token too: behind the time
 * that all of it takes to fill, it is full, whatever the ticks seem to say. A client that finds no free place takes that of the bucket of
 * its set that is full soonest: who is forgotten begins with a full bucket. Time is the wall clock, which is the same in all threads; when
 * somebody sets it back, a client waits no longer than for a full bucket. Hot.
 */
import type { RateLimitSpec } from '../contract/route-actions.ts'
import { mix32 } from '../core/hash.ts'

/** Words before the first place. The first one is the seed of the hashes: nobody outside can choose who shares a bucket. */
const HEADER_WORDS = 16
const WORDS = 3
/** Places that a client may have. */
const WAYS = 8
/** A token is so many ticks, fewer where the bucket is large: all of it has to be a small part of the range of the clock. */
const MOST_TICKS = 4_096
const BUCKET_TICKS = 4_194_304
/** The range takes two hours at least, or as long as one tick a token lets it. */
const MOST_TICKS_PER_MS = 2 ** 32 / 7_200_000
const MS_PER_S = 1_000
/** The clocks that threads have read may differ, and a second may have been nearly over. */
const SLACK_S = 1
/** Threads that take from one bucket at the same time: one of them always gets on. */
const MAX_TRIES = 16

/** The memory of a table. @param seed 32 random bits */
export function createRateTable (maxClients: number, seed: number): SharedArrayBuffer {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(1, maxClients / WAYS)))
  const table = new SharedArrayBuffer((HEADER_WORDS + sets * WAYS * WORDS) * Int32Array.BYTES_PER_ELEMENT)
  new Int32Array(table)[0] = seed
  return table
}

export class RateLimiter {
  /** For the hashes of clients. */
  readonly seed: number
  readonly #cells: Int32Array
  readonly #setMask: number
  readonly #ticksPerMs: number
  readonly #tokenTicks: number
  readonly #bucketTicks: number
  /** A bucket from which nothing was taken for so long is full. */
  readonly #fillS: number

  constructor ({ requests, perMs, burst }: Pick<RateLimitSpec, 'requests' | 'perMs' | 'burst'>, table: SharedArrayBuffer) {
    this.#cells = new Int32Array(table)
    this.seed = this.#cells[0] ?? 0
    this.#setMask = (this.#cells.length - HEADER_WORDS) / (WORDS * WAYS) - 1
    this.#tokenTicks = Math.max(1, Math.floor(Math.min(MOST_TICKS, BUCKET_TICKS / burst, MOST_TICKS_PER_MS * perMs / requests)))
    this.#ticksPerMs = this.#tokenTicks * requests / perMs
    this.#bucketTicks = this.#tokenTicks * burst
    this.#fillS = Math.ceil(burst * perMs / requests / MS_PER_S)
  }

  /**
   * Takes a token of the client.
   * @param keyHash of the client, with `seed`
   * @returns 0, or the milliseconds after which there will be one
   */
  take (keyHash: number, wallMs: number): number {
    const cells = this.#cells
    const now = Math.floor(wallMs * this.#ticksPerMs) | 0
    const nowS = Math.floor(wallMs / MS_PER_S) | 0
    const at = this.#placeOf(keyHash, now, nowS)
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const fullAt = Atomics.load(cells, at + 1)
      const ahead = this.#aheadOf(at, fullAt, now, nowS)
      const waitMs = this.#waitOf(ahead)
      if (waitMs > 0) return waitMs
      if (Atomics.compareExchange(cells, at + 1, fullAt, (now + ahead + this.#tokenTicks) | 0) !== fullAt) continue
      Atomics.store(cells, at + 2, nowS)
      return 0
    }
    return 0
  }

  /** What `take` would return; nothing is taken. */
  foretell (keyHash: number, wallMs: number): number {
    const cells = this.#cells
    const first = this.#setOf(keyHash)
    for (let at = first; at < first + WAYS * WORDS; at += WORDS) {
      if (Atomics.load(cells, at) !== tagOf(keyHash)) continue
      const now = Math.floor(wallMs * this.#ticksPerMs) | 0
      return this.#waitOf(this.#aheadOf(at, Atomics.load(cells, at + 1), now, Math.floor(wallMs / MS_PER_S) | 0))
    }
    return 0
  }

  /** The milliseconds to the next token of a bucket that is so far from being full; 0 when it has one. */
  #waitOf (ahead: number): number {
    const over = ahead - (this.#bucketTicks - this.#tokenTicks)
    return over > 0 ? Math.max(1, over / this.#ticksPerMs) : 0
  }

  /** Where the places begin that a client may have. */
  #setOf (keyHash: number): number {
    return HEADER_WORDS + (mix32(keyHash) & this.#setMask) * WAYS * WORDS
  }

  /** How far the bucket at a place, which will be full at `fullAt`, is from that, in ticks. */
  #aheadOf (at: number, fullAt: number, now: number, nowS: number): number {
    const quietS = (nowS - Atomics.load(this.#cells, at + 2)) | 0
    if (quietS > this.#fillS + SLACK_S || quietS < -SLACK_S) return 0
    return Math.max(0, Math.min((fullAt - now) | 0, this.#bucketTicks))
  }

  /** The place of the client, which it gets now if it had none. */
  #placeOf (keyHash: number, now: number, nowS: number): number {
    const cells = this.#cells
    const tag = tagOf(keyHash)
    const first = this.#setOf(keyHash)
    let best = first
    let bestAhead = Infinity
    for (let at = first; at < first + WAYS * WORDS; at += WORDS) {
      const found = Atomics.load(cells, at)
      if (found === tag) return at
      const ahead = found === 0 ? -1 : this.#aheadOf(at, Atomics.load(cells, at + 1), now, nowS)
      if (ahead < bestAhead) {
        best = at
        bestAhead = ahead
      }
    }
    // Two that take the place at once share it this time. The bucket before the tag: nobody finds his tag on what another has used up.
    Atomics.store(cells, best + 1, now)
    Atomics.store(cells, best, tag)
    return best
  }
}

/** 0 marks a place that nobody has. */
function tagOf (keyHash: number): number {
  return keyHash === 0 ? 1 : keyHash
}
