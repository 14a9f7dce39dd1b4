import type { Clock } from '../core/clock.ts'
import { VersionMap, type VersionRef } from '../core/version-map.ts'
import { WorkSlices } from '../net/turns.ts'

/** The window that `weir_observed_share` speaks of. */
const SHARE_WINDOW_MS = 30_000

/** Samples that come closer than this part of the window are ignored, which bounds the number kept. */
const SAMPLES_PER_WINDOW = 60

export interface RequestCount extends VersionRef {
  /** Finished requests since the version appeared. */
  readonly requests: number
}

interface Sample {
  readonly atMs: number
  readonly counts: VersionMap<number>
}

/**
 * Which share of its route's requests each version answered lately, from samples of counters.
 *
 * The window slides by whole samples: it reaches from the latest sample back to the newest one that is at least
 * `windowMs` older. A version that appeared inside the window counts from its first sample on.
 */
export class ObservedShares {
  readonly #clock: Clock
  readonly #windowMs: number
  #samples: Sample[] = []
  #sampling = false
  #shares = new VersionMap<number>()
  /** The requests of the window. */
  #recent = new VersionMap<number>()

  constructor (clock: Clock, windowMs = SHARE_WINDOW_MS) {
    this.#clock = clock
    this.#windowMs = windowMs
  }

  /**
   * Takes the present counts of all versions, in slices of work: with thousands of versions it takes long. Versions that are not among
   * them are forgotten. Resolves when the shares are those of the sample.
   */
  async sample (counts: Iterable<RequestCount>): Promise<void> {
    const atMs = this.#clock.nowMs()
    const last = this.#samples.at(-1)
    if (this.#sampling || (last !== undefined && atMs - last.atMs < this.#windowMs / SAMPLES_PER_WINDOW)) return
    this.#sampling = true
    const slices = new WorkSlices(this.#clock)
    const present = new VersionMap<number>()
    for (const { route, version, requests } of counts) {
      present.set(route, version, requests)
      if (slices.isOver) await slices.rest()
    }
    this.#samples.push({ atMs, counts: present })
    const baseline = this.#samples.findLastIndex(sample => sample.atMs <= atMs - this.#windowMs)
    if (baseline > 0) this.#samples = this.#samples.slice(baseline)
    this.#shares = await this.#divide(present, slices)
    this.#sampling = false
  }

  /** The share from 0 to 1; undefined when the route had no request in the window or the version is not known. */
  share (route: string, version: string): number | undefined {
    return this.#shares.get(route, version)
  }

  /** The requests of the window that the share is made of; 0 when the version is not known. */
  recent (route: string, version: string): number {
    return this.#recent.get(route, version) ?? 0
  }

  async #divide (present: VersionMap<number>, slices: WorkSlices): Promise<VersionMap<number>> {
    const shares = new VersionMap<number>()
    const recent = new VersionMap<number>()
    for (const route of present.routes()) {
      if (slices.isOver) await slices.rest()
      const deltas = [...present.versionsOf(route)].map(([version, count]) => ({ version, delta: this.#delta({ route, version }, count) }))
      const total = deltas.reduce((sum, { delta }) => sum + delta, 0)
      if (total === 0) continue
      for (const { version, delta } of deltas) {
        shares.set(route, version, delta / total)
        recent.set(route, version, delta)
      }
    }
    this.#recent = recent
    return shares
  }

  #delta ({ route, version }: VersionRef, count: number): number {
    for (const sample of this.#samples) {
      const before = sample.counts.get(route, version)
      // A count below the baseline belongs to a version that was removed and came back: it started again from 0.
      if (before !== undefined) return count < before ? count : count - before
    }
    return 0
  }
}
