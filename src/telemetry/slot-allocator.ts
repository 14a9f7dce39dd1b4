import type { Clock } from '../core/clock.ts'
import { VersionMap, type VersionRef } from '../core/version-map.ts'

export interface SlotAllocatorOptions {
  readonly clock: Clock
  /** How long a released slot rests before another version may get it. */
  readonly quarantineMs: number
  /** Does nobody hold the slot any more? A request in flight still has to write its end. */
  readonly isQuiet: (slot: number) => boolean
  /** Called before a rested slot goes to another version: empty it. */
  readonly recycle: (slot: number) => void
}

interface RestingSlot {
  readonly slot: number
  readonly sinceMs: number
}

/**
 * Which slot of the shared counters counts for which version.
 *
 * A slot that is no longer needed rests: workers that have not yet applied the change still write to it. A version that
 * comes back while its slot rests gets it back, with its counts. After the rest the slot may go to another version,
 * unless requests that started on it are still in flight.
 */
export class SlotAllocator {
  readonly #options: SlotAllocatorOptions
  readonly #live = new VersionMap<number>()
  /** In the order of their release. */
  readonly #resting = new Map<number, VersionRef & RestingSlot>()
  readonly #restingByVersion = new VersionMap<RestingSlot>()
  #size = 0

  constructor (options: SlotAllocatorOptions) {
    this.#options = options
  }

  /** The number of slots that have ever been given out. */
  get size (): number {
    return this.#size
  }

  slotOf (route: string, version: string): number | undefined {
    return this.#live.get(route, version)
  }

  live (): Iterable<readonly [VersionRef, number]> {
    return this.#live.entries()
  }

  /** The slot of a version; allocates one if it has none. */
  take (route: string, version: string): number {
    const current = this.#live.get(route, version)
    if (current !== undefined) return current
    const slot = this.#revive(route, version) ?? this.#recycle() ?? this.#size++
    this.#live.set(route, version, slot)
    return slot
  }

  /** Releases the slots of all versions but these, and allocates what is missing. */
  retain (wanted: Iterable<VersionRef>): void {
    const keep = new VersionMap<true>()
    for (const { route, version } of wanted) keep.set(route, version, true)
    const gone = [...this.#live.entries()].filter(([ref]) => keep.get(ref.route, ref.version) === undefined)
    for (const [ref, slot] of gone) this.#release(ref, slot)
    for (const [{ route, version }] of keep.entries()) this.take(route, version)
  }

  #release (ref: VersionRef, slot: number): void {
    const sinceMs = this.#options.clock.nowMs()
    this.#live.delete(ref.route, ref.version)
    this.#resting.set(slot, { ...ref, slot, sinceMs })
    this.#restingByVersion.set(ref.route, ref.version, { slot, sinceMs })
  }

  #revive (route: string, version: string): number | undefined {
    const resting = this.#restingByVersion.get(route, version)
    if (resting === undefined) return undefined
    this.#restingByVersion.delete(route, version)
    this.#resting.delete(resting.slot)
    return resting.slot
  }

  #recycle (): number | undefined {
    const releasedBefore = this.#options.clock.nowMs() - this.#options.quarantineMs
    for (const { slot, sinceMs, route, version } of this.#resting.values()) {
      if (sinceMs > releasedBefore) return undefined
      if (!this.#options.isQuiet(slot)) continue
      this.#resting.delete(slot)
      this.#restingByVersion.delete(route, version)
      this.#options.recycle(slot)
      return slot
    }
    return undefined
  }
}
