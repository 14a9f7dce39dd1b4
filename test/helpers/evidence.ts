/**
 * Evidence as workers would report it, for tests of the analysis.
 */
import { Analysis } from '../../src/analysis/analysis.ts'
import { type AnalysisSettings, DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { emptyCounts } from '../../src/analysis/side-counts.ts'
import type { StoredEvidence } from '../../src/analysis/stored-evidence.ts'
import type { Verdict } from '../../src/analysis/verdict.ts'
import type { CopyCounts, EvidenceReport, FirstSign, SideCounts } from '../../src/contract/rollout-watch.ts'

const NO_COUNTS: SideCounts = emptyCounts()
export const NO_COPIES: CopyCounts = { requests: 0, failed: 0, realFailed: 0, bothFailed: 0, slow: 0, realSlow: 0, different: 0 }

/** What happened in one tick. Halves are even unless they are given. */
export interface Happened {
  readonly from?: Partial<SideCounts>
  readonly to?: Partial<SideCounts>
  readonly copies?: Partial<CopyCounts>
  readonly matched?: Partial<SideCounts>
  /** Of `to`, what went wrong. */
  readonly toByEndpoint?: Readonly<Record<string, Partial<SideCounts>>>
  /** Copies that failed. */
  readonly copiesByEndpoint?: Readonly<Record<string, number>>
  readonly signs?: ReadonlyArray<Partial<FirstSign>>
  readonly heavy?: Readonly<Record<string, number>>
  /** So many clients have been seen in all. */
  readonly clients?: number
}

/** An analysis with its own time, which moves by 100 ms a tick. */
export class EvidenceBench {
  readonly settings: AnalysisSettings
  analysis: Analysis
  nowMs = 1_000
  share: number
  usedTo: readonly string[] = ['10.0.0.1:80', '10.0.0.2:80']
  inFlightTo = 0
  slowestFromMs = 0

  constructor (settings: Partial<AnalysisSettings> = {}, share = 0.25) {
    this.settings = { ...DEFAULT_ANALYSIS, ...settings }
    this.share = share
    this.analysis = new Analysis(this.settings, this.nowMs)
  }

  /** The same happens in each of so many ticks. */
  happen (happened: Happened, ticks = 1): this {
    for (let tick = 0; tick < ticks; tick++) {
      this.analysis.add(reportOf(happened), () => this.share, this.nowMs, 'w1')
      this.nowMs += 100
      this.analysis.tick(this.#facts())
    }
    return this
  }

  baseline (from: { readonly requests: number, readonly failures: number }): void {
    this.analysis.baseline(from)
  }

  /** Another analysis goes on from what this one has stored. */
  goOn (stored: StoredEvidence): void {
    this.analysis = new Analysis(this.settings, this.nowMs, stored)
  }

  verdict (): Verdict {
    return this.analysis.verdict(this.#facts())
  }

  #facts () {
    return { nowMs: this.nowMs, usedTo: this.usedTo, inFlightTo: this.inFlightTo, shareTo: this.share, slowestFromMs: this.slowestFromMs, isPrompt: true }
  }
}

/** Failures by endpoint. */
export function byEndpointOf (failures: Readonly<Record<string, number>>): NonNullable<Happened['toByEndpoint']> {
  return Object.fromEntries(Object.entries(failures).map(([endpoint, count]) => [endpoint, { requests: count, failures: count }]))
}

function reportOf ({ from, to, toByEndpoint = {}, copies, copiesByEndpoint = {}, matched, signs = [], heavy = {}, clients }: Happened): EvidenceReport {
  const places = Object.entries(toByEndpoint).map(([endpoint, counts]) => [endpoint, countsOf(counts)] as const)
  const copyPlaces = Object.entries(copiesByEndpoint).map(([endpoint, count]) => [endpoint, { ...NO_COPIES, requests: count, failed: count }] as const)
  const report: EvidenceReport = {
    cohorts: [{ epoch: 1, from: countsOf(from), to: countsOf(to), ...(places.length === 0 ? {} : { toByEndpoint: new Map(places) }) }],
    ...(copies === undefined ? {} : { copies: { ...NO_COPIES, ...copies } }),
    ...(copyPlaces.length === 0 ? {} : { copiesByEndpoint: new Map(copyPlaces) }),
    ...(matched === undefined ? {} : { matched: countsOf(matched) }),
    signs: signs.map(sign => ({ kind: 'failure', bucket: 0, side: 'to', epoch: 1, endpoint: '10.0.0.1:80', ...sign })),
    heavy: Object.entries(heavy).map(([key, failures]) => ({ key, failures })),
    dropped: 0
  }
  return clients === undefined ? report : { ...report, seen: seenOf(clients) }
}

function countsOf (counts: Partial<SideCounts> = {}): SideCounts {
  const { requests = 0, failures = 0 } = counts
  return { ...NO_COUNTS, halfRequests: Math.floor(requests / 2), halfFailures: Math.floor(failures / 2), ...counts }
}

function seenOf (clients: number): Uint8Array {
  const seen = new Uint8Array(128)
  for (let client = 0; client < Math.min(clients, 1_024); client++) seen[client >>> 3] = (seen[client >>> 3] ?? 0) | 1 << (client & 7)
  return seen
}
