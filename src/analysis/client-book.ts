/**
 * How many clients there are, about, and which of them has the failures of the new version.
 */
import type { HeavyClient } from '../contract/rollout-watch.ts'
import { bitsOf, bytesOf, SEEN_BYTES, STORED_HEAVY, STORED_NAME_LENGTH } from './stored-evidence.ts'

/** With more bits set the estimate is poor, and nobody needs it. */
const MANY_BITS = 256
/** The workers, of all replicas, whose lists are kept: those that spoke last. */
const MAX_SOURCES = 256
/** Far more than a client can have. */
const MAX_FAILURES = 1e12

export class ClientBook {
  readonly #seen: Uint8Array
  /** The latest list of each worker: each has whole counts. */
  readonly #bySource = new Map<string, readonly HeavyClient[]>()
  /** What was stored: workers may have gone on counting since, or have begun anew. */
  readonly #stored: ReadonlyMap<string, number>
  /** The list of all, until a worker tells another one. */
  #heaviest: ReadonlyArray<readonly [key: string, failures: number]> | undefined

  constructor (seen = '', heavy: ReadonlyArray<readonly [string, number]> = []) {
    this.#seen = bytesOf(seen, SEEN_BYTES)
    this.#stored = new Map(heavy)
  }

  add (source: string, heavy: readonly HeavyClient[], seen?: Uint8Array): void {
    if (heavy.length > 0) {
      this.#heaviest = undefined
      this.#bySource.delete(source)
      const first = this.#bySource.keys().next()
      if (this.#bySource.size >= MAX_SOURCES && first.done !== true) this.#bySource.delete(first.value)
      this.#bySource.set(source, heavy.slice(0, STORED_HEAVY))
    }
    if (seen?.length === SEEN_BYTES) seen.forEach((byte, index) => { this.#seen[index] = (this.#seen[index] ?? 0) | byte })
  }

  /** The clients seen, about, by the buckets that are still empty; null: many, or nobody has said. */
  get estimate (): number | null {
    const bits = this.#bits
    if (bits === 0 || bits >= MANY_BITS) return null
    const buckets = SEEN_BYTES * 8
    return Math.round(-buckets * Math.log(1 - bits / buckets))
  }

  get #bits (): number {
    let bits = 0
    for (const byte of this.#seen) for (let rest = byte; rest !== 0; rest &= rest - 1) bits++
    return bits
  }

  /** The clients with the most failures on the new version, the worst first. */
  heaviest (): ReadonlyArray<readonly [key: string, failures: number]> {
    this.#heaviest ??= this.#sum()
    return this.#heaviest
  }

  #sum (): ReadonlyArray<readonly [key: string, failures: number]> {
    const sums = new Map<string, number>()
    for (const heavy of this.#bySource.values()) {
      for (const { key, failures } of heavy) {
        const name = key.slice(0, STORED_NAME_LENGTH)
        if (failures > 0) sums.set(name, Math.min(MAX_FAILURES, (sums.get(name) ?? 0) + failures))
      }
    }
    for (const [key, failures] of this.#stored) sums.set(key, Math.max(failures, sums.get(key) ?? 0))
    return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, STORED_HEAVY)
  }

  get storedSeen (): string {
    return bitsOf(this.#seen)
  }
}
