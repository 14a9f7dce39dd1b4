/**
 * The evidence of one rollout: takes what workers and replicas report, and says what it amounts to. Pure: no clock, no sockets.
 */
import type { ByEndpoint, CohortCounts, EvidenceReport, SideCounts } from '../contract/rollout-watch.ts'
import { AloneTest, type KnownShare } from './alone-test.ts'
import type { AnalysisSettings } from './analysis-settings.ts'
import { BlastGuard } from './blast-guard.ts'
import { ClientBook } from './client-book.ts'
import { type Block, Comparison } from './comparison.ts'
import { CopyEvidence } from './copy-evidence.ts'
import { type BlameKind, EndpointBlame } from './endpoint-blame.ts'
import { judge } from './judge.ts'
import { LabelTest } from './label-test.ts'
import type { Picture } from './picture.ts'
import { RecentWindow } from './recent-window.ts'
import { addCounts, consistentCounts, type Counts, countsFrom, lessCounts, numbersFrom, sumOfCounts, userFailures } from './side-counts.ts'
import { shareInterval } from './share-interval.ts'
import { SilenceGuard } from './silence-guard.ts'
import { FAILURE_BYTES, partsOf, SLOW_BYTES, type StoredEvidence, type StoredPart } from './stored-evidence.ts'
import type { Verdict } from './verdict.ts'

/** What the evidence does not tell. */
export interface AnalysisFacts {
  /** Monotonic. */
  readonly nowMs: number
  /** The endpoints of the new version that are used, by name. */
  readonly usedTo: readonly string[]
  readonly inFlightTo: number
  /** The new version's share of both that is in force now, 0..1. */
  readonly shareTo: number
  /** How long the slowest answers of the old version take; 0: not known. */
  readonly slowestFromMs: number
  /** What one replica has seen itself is told at once; what all have, once a second. */
  readonly isPrompt: boolean
}

/** How likely it is that the old version is not what its requests have shown. */
const KNOWN_ALPHA = 0.001

export class Analysis {
  readonly #settings: AnalysisSettings
  readonly #startMs: number
  #tickMs: number
  /** Was it when something was added last? */
  #isWarm: boolean
  readonly #failures: LabelTest
  readonly #slowSigns: LabelTest
  readonly #errors: Comparison
  readonly #slow: Comparison
  /** With failover: failed here and answered well by the other. */
  readonly #pairs: Comparison
  readonly #copies: CopyEvidence
  /** The sentinel: the halves of a version's clients by a hash, both ways round. */
  readonly #halves: { readonly from: readonly [Comparison, Comparison], readonly to: readonly [Comparison, Comparison] }
  readonly #errorsAlone: AloneTest
  readonly #slowAlone: AloneTest
  readonly #blast: BlastGuard
  readonly #recent: RecentWindow
  readonly #silence: SilenceGuard
  readonly #clients: ClientBook
  /** Since the warm-up. */
  readonly #from: Counts
  readonly #to: Counts
  /** The same without what a blamed endpoint has done. */
  #chargedTo: Counts
  /** Since the beginning: what the guards look at. */
  readonly #guardFrom: Counts
  readonly #guardTo: Counts
  /** What the match of the rollout has brought to the new version, since the beginning: the guards look at it too. */
  readonly #matched: Counts
  /** Of the new version since the beginning, with its match and without what a blamed endpoint has done. */
  #chargedFailures: number
  /** Requests and failures of the old and the new version, of those totals, at the last tick. */
  #look: readonly number[]
  readonly #blame: EndpointBlame

  /** @param stored what another analysis of this rollout has left: this one goes on where that one was */
  constructor (settings: AnalysisSettings, nowMs: number, stored?: StoredEvidence) {
    const part = (name: StoredPart): readonly number[] | undefined => stored?.parts[name]
    const compare = (name: StoredPart, margin = settings.maxErrorIncrease): Comparison => new Comparison(margin, part(name))
    // A share of no request is none.
    this.#settings = { ...settings, minRequests: Math.max(1, settings.minRequests) }
    this.#startMs = nowMs - (stored?.elapsedMs ?? 0)
    this.#tickMs = nowMs
    this.#isWarm = this.#isWarmAt(nowMs)
    this.#failures = new LabelTest(FAILURE_BYTES, stored?.failures)
    this.#slowSigns = new LabelTest(SLOW_BYTES, stored?.slow)
    this.#errors = compare('errors')
    this.#slow = compare('slow', settings.maxSlowIncrease)
    this.#pairs = compare('pairs')
    this.#copies = new CopyEvidence(settings, stored?.copies)
    this.#halves = {
      from: [compare('halvesFrom'), compare('halvesFromTurned')],
      to: [compare('halvesTo'), compare('halvesToTurned')]
    }
    this.#errorsAlone = new AloneTest(settings.maxErrorIncrease, part('errorsAlone'))
    this.#slowAlone = new AloneTest(settings.maxSlowIncrease, part('slowAlone'))
    this.#blast = new BlastGuard(part('blast'))
    this.#recent = new RecentWindow(this.#settings.minRequests, part('recent'))
    this.#silence = new SilenceGuard(part('silence'))
    this.#clients = new ClientBook(stored?.seen, stored?.heavy)
    this.#from = countsFrom(part('from'))
    this.#to = countsFrom(part('to'))
    this.#guardFrom = countsFrom(part('guardFrom'))
    this.#guardTo = countsFrom(part('guardTo'))
    this.#matched = countsFrom(stored?.matched)
    this.#look = part('look') ?? [0, 0, 0, 0]
    this.#blame = new EndpointBlame(stored?.blamed, stored?.endpoints)
    const charged = stored?.endpoints ?? { to: numbersFrom(this.#to), failures: this.#guardTo.failures + this.#matched.failures }
    this.#chargedTo = countsFrom(charged.to)
    this.#chargedFailures = charged.failures
  }

  /** What the old version did before the rollout. */
  baseline (from: { readonly requests: number, readonly failures: number }): void {
    for (const comparison of [this.#errors, this.#pairs, ...this.#halves.from]) comparison.seed(from.requests, from.failures)
  }

  /**
   * Adds what one worker or replica has seen.
   * @param shareOf the new version's share of both under an epoch, 0..1; undefined: not known, what began under it is left out
   * @param source which worker of which replica: its list of heavy clients takes the place of the one before
   */
  add (report: EvidenceReport, shareOf: (epoch: number) => number | undefined, nowMs: number, source = ''): void {
    const isWarm = this.#isWarmAt(nowMs)
    if (isWarm && !this.#isWarm) this.#blame.endWarmup()
    this.#isWarm = isWarm
    if (report.matched !== undefined) this.#addMatched(report.matched, report.matchedByEndpoint)
    for (const cohort of report.cohorts) {
      const share = shareOf(cohort.epoch)
      if (share !== undefined && share >= 0 && share <= 1) this.#addCohort(cohort, share, isWarm)
    }
    if (report.copies !== undefined && isWarm) this.#copies.add(this.#blame.chargeCopies(report.copies, report.copiesByEndpoint))
    for (const sign of report.signs) {
      const share = shareOf(sign.epoch)
      if (share === undefined) continue
      const test = sign.kind === 'failure' ? this.#failures : this.#slowSigns
      if (isWarm) test.add(sign, share)
      else test.spend(sign.bucket)
    }
    this.#clients.add(source, report.heavy, report.seen)
  }

  #isWarmAt (nowMs: number): boolean {
    return nowMs - this.#startMs >= this.#settings.warmupMs
  }

  #addMatched (told: SideCounts, byEndpoint?: ByEndpoint<SideCounts>): void {
    const all = consistentCounts(told)
    const charged = this.#blame.charge(all, byEndpoint)
    addCounts(this.#matched, all)
    this.#chargedFailures += charged.failures
    this.#blast.add(blockOf(charged.requests, userFailures(charged), 0, 0))
  }

  #addCohort (cohort: CohortCounts, share: number, isWarm: boolean): void {
    const from = consistentCounts(cohort.from)
    const all = consistentCounts(cohort.to)
    const to = this.#blame.charge(all, cohort.toByEndpoint)
    addCounts(this.#guardFrom, from)
    addCounts(this.#guardTo, all)
    this.#chargedFailures += to.failures
    // Nothing is to be compared with what the old version does before the new one has traffic: it says what the old one is like.
    const beside = share > 0 || this.#matched.requests > 0 ? from : emptyOf(from)
    this.#blast.add(blockOf(to.requests, userFailures(to), beside.requests, userFailures(beside)))
    if (share === 0) this.#learn(from)
    if (!isWarm) return
    addCounts(this.#from, from)
    addCounts(this.#to, all)
    addCounts(this.#chargedTo, to)
    if (share >= 1) {
      this.#addAlone(to)
    } else if (share > 0) {
      // What fails on both is nobody's. Left out on both sides it leaves the difference of the shares as it is.
      this.#errors.add(blockOf(to.requests, to.failures - to.bothFailed, from.requests, from.failures - from.bothFailed))
      this.#slow.add(blockOf(to.requests, to.slow, from.requests, from.slow))
      this.#pairs.add(blockOf(to.requests - to.bothFailed, to.rescued, from.requests - from.bothFailed, from.failures - from.bothFailed))
    }
    if (share < 1) addHalves(this.#halves.from, from)
    if (share > 0) addHalves(this.#halves.to, to)
  }

  #learn (from: SideCounts): void {
    this.#errors.seed(from.requests, from.failures)
    this.#pairs.seed(from.requests, from.failures)
    this.#slow.seed(from.requests, from.slow)
  }

  #addAlone (to: SideCounts): void {
    if (to.requests === 0) return
    const { minRequests } = this.#settings
    const { requests, failures, bothFailed, slow } = to
    if (this.#errors.known.requests >= minRequests) this.#errorsAlone.add(requests, failures - bothFailed, knownShare(this.#errors))
    if (this.#slow.known.requests >= minRequests) this.#slowAlone.add(requests, slow, knownShare(this.#slow))
  }

  /** Ends a block: to be called every 100 to 250 ms, whatever was seen, before `verdict()`. */
  tick (facts: AnalysisFacts): void {
    const elapsedMs = Math.max(0, facts.nowMs - this.#tickMs)
    this.#tickMs = Math.max(this.#tickMs, facts.nowMs)
    const comparisons = [this.#errors, this.#slow, this.#pairs, ...this.#halves.from, ...this.#halves.to]
    for (const comparison of comparisons) comparison.tick(elapsedMs)
    this.#copies.tick(elapsedMs)
    const { requests: known, failures: knownFailures } = this.#errors.known
    this.#blast.tick(known >= this.#settings.minRequests ? knownFailures / known : 0)
    const before = this.#recent.outcomes
    const all = sumOfCounts(this.#guardTo, this.#matched)
    const totals = [this.#guardFrom.requests, this.#guardFrom.failures, all.requests, this.#chargedFailures]
    const since = totals.map((total, index) => total - (this.#look[index] ?? 0))
    const [requestsFrom = 0, failuresFrom = 0, requestsTo = 0, failuresTo = 0] = since
    this.#look = totals
    const each = requestsTo / Math.max(1, facts.usedTo.length)
    this.#blame.tick({ elapsedMs, used: facts.usedTo, usual: { failures: this.#errors.oldShare * each, slow: this.#slow.oldShare * each } })
    this.#silence.look({
      elapsedMs,
      answersTo: requestsTo,
      answersFrom: requestsFrom,
      inFlightTo: facts.inFlightTo,
      shareTo: facts.shareTo,
      slowestMs: facts.slowestFromMs,
      endpointsTo: facts.isPrompt ? facts.usedTo.length : 0,
      pace: before.ms >= this.#settings.silenceMs && before.requestsFrom + before.requestsTo > 0
        ? (before.requestsFrom + before.requestsTo) / before.ms
        : undefined
    })
    this.#recent.add({ ms: elapsedMs, requestsFrom, failuresFrom, requestsTo, failuresTo })
  }

  /** What all that was added says. It may be asked within a block too, when there is news that should not wait for its end. */
  verdict (facts: AnalysisFacts): Verdict {
    const { verdict, blamedFor } = judge(this.#picture(facts))
    const { ejectEndpoint } = verdict
    if (ejectEndpoint !== null && ejectEndpoint !== this.#blame.blamed) this.#excuse(ejectEndpoint, blamedFor)
    return verdict
  }

  /** The tests begin anew, without what has gone wrong at this endpoint: clients that have met that may speak once more. */
  #excuse (endpoint: string, kind: BlameKind): void {
    this.#blame.blame(endpoint, kind)
    this.#failures.forgive()
    this.#slowSigns.forgive()
    const { excused, excusedCopies } = this.#blame
    for (const comparison of [this.#errors, this.#slow, this.#pairs, ...this.#halves.to]) comparison.forgive()
    this.#errorsAlone.forgive()
    this.#slowAlone.forgive()
    this.#recent.forgive()
    this.#blast.excuse(userFailures(excused))
    if (excusedCopies !== undefined) this.#copies.excuse(excusedCopies)
    this.#chargedTo = consistentCounts(lessCounts(this.#to, excused))
    this.#chargedFailures = Math.max(0, this.#guardTo.failures + this.#matched.failures - excused.failures)
    this.#look = [...this.#look.slice(0, 3), this.#chargedFailures]
  }

  #picture (facts: AnalysisFacts): Picture {
    return {
      settings: this.#settings,
      elapsedMs: facts.nowMs - this.#startMs,
      usedTo: facts.usedTo,
      from: this.#from,
      to: this.#chargedTo,
      shownTo: this.#to,
      guardFrom: this.#guardFrom,
      guardTo: this.#guardTo,
      matched: this.#matched,
      allTo: sumOfCounts(this.#guardTo, this.#matched),
      errors: { label: this.#failures, comparison: this.#errors, alone: this.#errorsAlone },
      slow: { label: this.#slowSigns, comparison: this.#slow, alone: this.#slowAlone },
      pairs: this.#pairs,
      copies: this.#copies,
      halves: [this.#halves.from, this.#halves.to],
      blast: this.#blast,
      recent: this.#recent.outcomes,
      silence: this.#silence,
      clients: this.#clients.estimate,
      heaviest: this.#clients.heaviest(),
      blame: this.#blame
    }
  }

  /** Plain JSON, at most 26 KiB, with which another analysis goes on where this one is at the end of its block. */
  stored (): StoredEvidence {
    const parts: Readonly<Record<StoredPart, readonly number[]>> = {
      from: numbersFrom(this.#from),
      to: numbersFrom(this.#to),
      guardFrom: numbersFrom(this.#guardFrom),
      guardTo: numbersFrom(this.#guardTo),
      errors: this.#errors.stored(),
      slow: this.#slow.stored(),
      pairs: this.#pairs.stored(),
      halvesFrom: this.#halves.from[0].stored(),
      halvesFromTurned: this.#halves.from[1].stored(),
      halvesTo: this.#halves.to[0].stored(),
      halvesToTurned: this.#halves.to[1].stored(),
      errorsAlone: this.#errorsAlone.stored(),
      slowAlone: this.#slowAlone.stored(),
      blast: this.#blast.stored(),
      recent: this.#recent.stored(),
      silence: this.#silence.stored(),
      look: this.#look
    }
    const copies = this.#copies.stored()
    const endpoints = this.#blame.stored()
    return {
      format: 2,
      elapsedMs: Math.max(0, this.#tickMs - this.#startMs),
      failures: this.#failures.stored(),
      slow: this.#slowSigns.stored(),
      parts: partsOf(name => parts[name]),
      seen: this.#clients.storedSeen,
      heavy: this.#clients.heaviest(),
      blamed: this.#blame.blamed,
      ...(endpoints === undefined
        ? {}
        : {
            endpoints: { ...endpoints, to: numbersFrom(this.#chargedTo), failures: this.#chargedFailures }
          }),
      ...(copies === undefined ? {} : { copies }),
      ...(this.#matched.requests === 0 ? {} : { matched: numbersFrom(this.#matched) })
    }
  }
}

function knownShare ({ oldShare, known: { requests, failures } }: Comparison): KnownShare {
  const [low, high] = shareInterval(failures, requests, KNOWN_ALPHA)
  return { share: oldShare, low, high }
}

function blockOf (newRequests: number, newFailures: number, oldRequests: number, oldFailures: number): Block {
  return { newRequests, newFailures, oldRequests, oldFailures }
}

function addHalves (halves: readonly [Comparison, Comparison], counts: SideCounts): void {
  const rest = { requests: counts.requests - counts.halfRequests, failures: counts.failures - counts.halfFailures }
  halves[0].add(blockOf(counts.halfRequests, counts.halfFailures, rest.requests, rest.failures))
  halves[1].add(blockOf(rest.requests, rest.failures, counts.halfRequests, counts.halfFailures))
}

function emptyOf (counts: SideCounts): SideCounts {
  return { ...counts, requests: 0, failures: 0, rescued: 0, bothFailed: 0 }
}
