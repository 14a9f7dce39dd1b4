/** The evidence of one rollout: what this replica has seen itself, and, where it leads the rollout, what all replicas have. */
import type { AnalysisFacts } from '../analysis/analysis.ts'
import type { AnalysisSettings } from '../analysis/analysis-settings.ts'
import { MAX_STORED_BOOKS, type StoredEvidence } from '../analysis/stored-evidence.ts'
import type { Verdict } from '../analysis/verdict.ts'
import type { EvidenceReport } from '../contract/rollout-watch.ts'
import { EvidenceLedger, type EvidenceQuestion, type ToldEvidence } from './evidence-ledger.ts'
import type { AnalysisFactory, RolloutAnalysis } from './rollout-ports.ts'

/** What evidence is read by. */
export interface EvidenceReading {
  /** The new version's share of both under an epoch; undefined: not known. */
  readonly shareOf: (epoch: number) => number | undefined
  readonly nowMs: number
}

interface RolloutEvidenceOptions {
  readonly settings: AnalysisSettings
  readonly createAnalysis: AnalysisFactory
  /** What the old version did before the rollout; undefined: nothing is known of it. */
  readonly before: { readonly requests: number, readonly failures: number } | undefined
  /** The name of this replica's book, where there may be other replicas. */
  readonly book: string | undefined
}

/**
 * How alpha is shared among those that may fail the rollout, so that all together keep to it: half of it is for the evidence of all
 * replicas, the rest for the own ones of 32. It costs the tests two or three failures of clients.
 */
const ALPHA_OF_ALL = 1 / 2
const ALPHA_OF_OWN = 1 / 64
/** What others said of requests in flight is as good for so long: they are asked once a second, and one answer may be lost. */
const IN_FLIGHT_MS = 1_500
/** A guard that is faster than that would take the time between two answers of a replica for silence. */
const MIN_SILENCE_MS = 2_000

export class RolloutEvidence {
  readonly #options: RolloutEvidenceOptions
  /** Undefined where there is no other replica. */
  readonly #ledger: EvidenceLedger | undefined
  readonly #own: RolloutAnalysis | undefined
  /** Undefined while another replica leads, or none. */
  #all: RolloutAnalysis | undefined
  /** The endpoint that the evidence of all replicas wants out, as of the last verdict; null: none, or another replica leads. */
  blamedByAll: string | null = null
  /** By book, the last page of it that is in `#all`: those that spoke last come last. */
  readonly #pages = new Map<string, number>()
  /** By book, the requests in flight of the other replicas. */
  readonly #inFlight = new Map<string, { readonly count: number, readonly atMs: number }>()

  constructor (options: RolloutEvidenceOptions, nowMs: number) {
    this.#options = options
    if (options.book === undefined) return
    this.#ledger = new EvidenceLedger(options.book)
    this.#own = this.#begun(ALPHA_OF_OWN, nowMs)
  }

  /** From now on this replica judges by what all have seen: by what is stored, and whatever the books have behind that. */
  lead (stored: StoredEvidence | null, reading: EvidenceReading): void {
    const share = this.#ledger === undefined ? 1 : ALPHA_OF_ALL
    const { createAnalysis } = this.#options
    this.#pages.clear()
    this.#inFlight.clear()
    for (const [book, page] of stored?.books ?? []) this.#pages.set(book, page)
    this.#all = stored === null ? this.#begun(share, reading.nowMs) : createAnalysis(this.#settings(share), reading.nowMs, stored)
    if (this.#ledger === undefined) return
    for (let hasMore = true; hasMore;) {
      const after = this.pageOf(this.#ledger.source)
      const told = this.#ledger.since(after, 0)
      if (told.upTo > after) this.#read(told, reading)
      hasMore = told.hasMore
    }
  }

  /** From now on it judges by what it has seen itself. */
  follow (): void {
    this.#all = undefined
  }

  /** Takes what a worker of this replica reports. */
  add (report: EvidenceReport, worker: string, { shareOf, nowMs }: EvidenceReading): void {
    this.#ledger?.add(report, worker)
    this.#own?.add(report, shareOf, nowMs, worker)
    this.#all?.add(report, shareOf, nowMs, this.#ledger === undefined ? worker : `${this.#ledger.source}/${worker}`)
  }

  /** The last page of a book that is known here. */
  pageOf (book: string): number {
    return this.#pages.get(book) ?? 0
  }

  /**
   * Takes what another replica has told, unless it has been taken already.
   * @param after the page behind which was asked
   * @returns whether it is news
   */
  take (told: ToldEvidence, after: number, reading: EvidenceReading): boolean {
    const { source, upTo } = told
    if (this.#all === undefined || source === this.#ledger?.source) return false
    this.#inFlight.set(source, { count: told.inFlightTo, atMs: reading.nowMs })
    if (after !== this.pageOf(source) || upTo <= after) return false
    this.#read(told, reading)
    return true
  }

  /** What this replica tells another one. */
  tell (question: EvidenceQuestion, inFlightTo: number): ToldEvidence | undefined {
    return this.#ledger?.answer(question, inFlightTo)
  }

  /** Ends a block of the tests on requests. To be called about every 100 ms, whatever was seen. */
  tick (facts: AnalysisFacts): void {
    this.#own?.tick(facts)
    this.#all?.tick(this.#wholeOf(facts))
  }

  judge (facts: AnalysisFacts): Verdict {
    const own = this.#own?.verdict(facts)
    this.blamedByAll = null
    if (own !== undefined && (this.#all === undefined || own.verdict === 'fail')) return own
    // One replica alone always leads.
    const all = this.#all ??= this.#begun(1, facts.nowMs)
    const verdict = all.verdict(this.#wholeOf(facts))
    this.blamedByAll = verdict.ejectEndpoint
    return verdict.verdict === 'fail' ? verdict : { ...verdict, ejectEndpoint: verdict.ejectEndpoint ?? own?.ejectEndpoint ?? null }
  }

  #wholeOf (facts: AnalysisFacts): AnalysisFacts {
    return { ...facts, inFlightTo: facts.inFlightTo + this.#inFlightElsewhere(facts.nowMs), isPrompt: this.#ledger === undefined }
  }

  /** With which another process goes on; undefined where another replica leads. */
  stored (): StoredEvidence | undefined {
    if (this.#all === undefined) return undefined
    const evidence = this.#all.stored()
    if (this.#ledger === undefined) return evidence
    this.#turnTo(this.#ledger.source, this.#ledger.close())
    return { ...evidence, books: [...this.#pages].slice(-MAX_STORED_BOOKS) }
  }

  #read ({ source, upTo, report, heavy }: ToldEvidence, { shareOf, nowMs }: EvidenceReading): void {
    this.#all?.add(report, shareOf, nowMs, source)
    for (const [worker, clients] of heavy) {
      this.#all?.add({ cohorts: [], signs: [], heavy: clients, dropped: 0 }, shareOf, nowMs, `${source}/${worker}`)
    }
    this.#turnTo(source, upTo)
  }

  #turnTo (book: string, page: number): void {
    this.#pages.delete(book)
    this.#pages.set(book, page)
    const [first] = this.#pages.keys()
    if (this.#pages.size > MAX_STORED_BOOKS && first !== undefined) this.#pages.delete(first)
  }

  #inFlightElsewhere (nowMs: number): number {
    if (this.#options.settings.silenceMs < MIN_SILENCE_MS) return 0
    let sum = 0
    for (const [book, { count, atMs }] of this.#inFlight) {
      if (nowMs - atMs <= IN_FLIGHT_MS) sum += count
      else this.#inFlight.delete(book)
    }
    return sum
  }

  #begun (share: number, nowMs: number): RolloutAnalysis {
    const { before, createAnalysis } = this.#options
    const analysis = createAnalysis(this.#settings(share), nowMs)
    if (before !== undefined) analysis.baseline(before)
    return analysis
  }

  #settings (share: number): AnalysisSettings {
    const { settings } = this.#options
    return { ...settings, alpha: settings.alpha * share }
  }
}
