import type { EvidenceReport, FirstSign, HeavyClient, RouteWatch, Side, SideCounts } from '../../src/contract/rollout-watch.ts'

/** A rollout from `stable` to `canary`, whose failures are all 5xx. */
export function testWatch (changes: Partial<RouteWatch> = {}): RouteWatch {
  return { id: 'rollout-1', from: 'stable', to: 'canary', failureStatuses: [[500, 599]], slowerThanMs: 0, unit: 'client', ...changes }
}

const ENTRIES = ['requests', 'failures', 'rescued', 'bothFailed', 'slow', 'halfRequests', 'halfFailures'] as const

/** What reports come to. */
export class EvidenceSum {
  readonly signs: FirstSign[] = []
  heavy: readonly HeavyClient[] = []
  seen: Uint8Array | undefined
  reports = 0
  dropped = 0
  readonly #counts = new Map<string, Partial<Record<keyof SideCounts, number>>>()

  add ({ cohorts, signs, heavy, dropped, seen }: EvidenceReport): void {
    this.reports++
    this.dropped += dropped
    this.signs.push(...signs)
    if (heavy.length > 0) this.heavy = heavy
    this.seen = seen ?? this.seen
    for (const { epoch, from, to } of cohorts) {
      for (const [side, counts] of Object.entries({ from, to })) {
        const key = `${epoch} ${side}`
        const sums = this.#counts.get(key) ?? {}
        for (const entry of ENTRIES) if (counts[entry] > 0) sums[entry] = (sums[entry] ?? 0) + counts[entry]
        this.#counts.set(key, sums)
      }
    }
  }

  /** The counts of a side, without those that are 0 and without halves. @param epoch all of them without one */
  of (side: Side, epoch?: number): Partial<Omit<SideCounts, 'halfRequests' | 'halfFailures'>> {
    const { halfRequests: _, halfFailures: __, ...counts } = this.whole(side, epoch)
    return counts
  }

  /** With halves. */
  whole (side: Side, epoch?: number): Partial<SideCounts> {
    const whole: Partial<Record<keyof SideCounts, number>> = {}
    for (const [key, counts] of this.#counts) {
      if (epoch === undefined ? !key.endsWith(` ${side}`) : key !== `${epoch} ${side}`) continue
      for (const entry of ENTRIES) if (counts[entry] !== undefined) whole[entry] = (whole[entry] ?? 0) + counts[entry]
    }
    return whole
  }
}
