import type { AnalysisFacts } from '../analysis/analysis.ts'
import type { Verdict } from '../analysis/verdict.ts'
import type { EvidenceReport, RouteWatch } from '../contract/rollout-watch.ts'
import type { ChangeOptions, ChangeResult } from './change-result.ts'
import { EarlierLatency } from './earlier-latency.ts'
import type { EvidenceQuestion, ToldEvidence } from './evidence-ledger.ts'
import { type EvidenceReading, RolloutEvidence } from './rollout-evidence.ts'
import type { EvidenceCoverage, LiveRolloutDeps } from './rollout-ports.ts'
import type { RolloutStatus } from './rollout-control.ts'
import { type RolloutAdvance, type RolloutEvent, type RolloutState, timedPauseMs, type VerdictRecord } from './rollout-state.ts'
import { changeRollout } from './rollout-transition.ts'
import { type SeenVersions, SeenVersionsBook } from './seen-versions.ts'
import type { ChangeMeta, RouteTraffic } from './traffic-state.ts'

/** Time in which nobody looked does not count: the process slept, and served nobody meanwhile. */
const MAX_TICK_MS = 1_000
/** The most that a ramp may move at once, after a store that was slow. */
const MAX_RAMP_MS = 1_500
/** How often slow things are looked at: endpoints, counters. */
const LOOK_EVERY_MS = 1_000
/** How long an endpoint to which the failures belong is ejected, and how often that is ordered while it is so. */
const EJECT_MS = 30_000
const EJECT_EVERY_MS = 10_000
/** After a store that has failed. */
const RETRY_MS = 1_000
/** A store that takes longer is said to be slow. */
const SLOW_MS = 2_000
/** Without news, what is known is stored so much more seldom. */
const QUIET_FACTOR = 30
/** A limit for slow answers is told anew when it is so much different. */
const LIMIT_CHANGE = 0.1

/** Without a Service of the replicas it stays so. */
const NOBODY_ASKED: EvidenceCoverage = {
  replicas: 1, of: 1, missing: [], unknown: 'no other replica has been asked yet, and without replicas.service none is'
}

/** A rollout that runs: what is seen of it, judged several times a second, and made into steps. */
export class LiveRollout {
  readonly route: string
  readonly id: string
  readonly #deps: LiveRolloutDeps
  readonly #latency = new EarlierLatency()
  readonly #evidence: RolloutEvidence
  /** As last seen: `#elapsedMs` goes on from it. */
  #seen: RolloutState
  #elapsedMs = 0
  #tickedMs: number
  #lookedMs = -Infinity
  #keptMs: number
  #isHolder: boolean
  #hasNews = false
  #usedTo: readonly string[] = []
  #verdict: Verdict | undefined
  #book: SeenVersionsBook
  /** Whose evidence it has, as was found when the others were asked last. */
  coverage: EvidenceCoverage | undefined
  #watched: RouteWatch | undefined
  #ejectedMs = -Infinity
  #ejected = ''
  /** When the change that is being stored was asked for. */
  #storingMs: number | undefined
  #notBeforeMs = -Infinity
  #fault: string | undefined

  constructor (route: string, state: RolloutState, deps: LiveRolloutDeps) {
    this.route = route
    this.id = state.id
    this.#deps = deps
    this.#seen = state
    this.#tickedMs = this.#keptMs = deps.clock.nowMs()
    this.#isHolder = deps.leadership.isHolder
    this.#evidence = this.#evidenceOf(state)
    this.#book = new SeenVersionsBook(state.seen)
    if (this.#isHolder) this.#evidence.lead(state.evidence, this.#reading)
    this.#look(state, this.#tickedMs)
  }

  /** Undefined before the first tick. */
  get verdict (): Verdict | undefined { return this.#verdict }

  /** What both versions have served so far. */
  get seen (): SeenVersions {
    this.#countServed()
    return this.#book.seen
  }

  #countServed (): void {
    const { facts } = this.#deps
    const { from, to } = this.#seen.plan
    this.#book.look('from', facts.tally(this.route, from))
    this.#book.look('to', facts.tally(this.route, to))
  }

  /** Why it can't go on as it should; null when it can. */
  get fault (): string | null {
    if (this.#fault !== undefined) return `the rollout stays at its step: ${this.#fault}`
    const isSlow = this.#storingMs !== undefined && this.#deps.clock.nowMs() - this.#storingMs > SLOW_MS
    return isSlow ? 'the rollout stays at its step: the state store has not answered yet' : null
  }

  /** Its steps are made here, by what all replicas have seen. */
  get leads (): boolean { return this.#isHolder && this.#deps.leadership.isHolder }

  /** Takes what a worker of this replica has seen. */
  add (report: EvidenceReport, worker: string): void {
    this.#hasNews = true
    this.#evidence.add(report, worker, this.#reading)
    if (report.clients !== undefined) this.#book.addClients(report.clients)
  }

  /** The last page of another replica's book that is known here. */
  pageOf (book: string): number {
    return this.#evidence.pageOf(book)
  }

  /** Takes what another replica has told when it was asked for what comes behind a page. */
  take (told: ToldEvidence, after: number): void {
    if (this.leads && this.#evidence.take(told, after, this.#reading)) this.#hasNews = true
  }

  /** The endpoint that the evidence of all replicas blames now; undefined while it blames none. */
  get blamed (): string | undefined { return this.leads ? this.#evidence.blamedByAll ?? undefined : undefined }

  /** What this replica tells the one that leads, which may know what endpoint is to be ejected; undefined where there is no other. */
  tell (question: EvidenceQuestion): ToldEvidence | undefined {
    if (question.blamed !== undefined && !this.leads) this.#eject(this.#seen, question.blamed, this.#deps.clock.nowMs())
    return this.#evidence.tell(question, this.#deps.facts.inFlight(this.route, this.#seen.plan.to))
  }

  /** Whose evidence its verdict rests on; null where there is no other replica. */
  get evidence (): RolloutStatus['evidence'] {
    if (this.#deps.bookName === undefined) return null
    if (!this.leads) return { leads: false, replicas: 1, of: null, missing: [] }
    return { leads: true, ...(this.coverage ?? NOBODY_ASKED) }
  }

  /** How evidence is read: by the shares that the epochs had. */
  get #reading (): EvidenceReading {
    const shares = this.#deps.traffic.route(this.route)?.rollout?.shares ?? this.#seen.shares
    return { shareOf: epoch => shares.findLast(each => each.epoch === epoch)?.share, nowMs: this.#deps.clock.nowMs() }
  }

  /** Judges, and does what is due. To be called about every 100 ms. */
  tick (traffic: RouteTraffic, state: RolloutState): void {
    this.#evidence.tick(this.#factsOf(state))
    this.judge(traffic, state)
  }

  /**
   * Judges between two ticks. The blocks of the tests on requests end with the ticks alone: they would not be fair if failures ended them.
   */
  judge (traffic: RouteTraffic, state: RolloutState): void {
    const nowMs = this.#deps.clock.nowMs()
    this.#follow(state, nowMs)
    if (nowMs - this.#lookedMs >= LOOK_EVERY_MS) this.#look(state, nowMs)
    const verdict = this.#verdict = this.#evidence.judge(this.#factsOf(state))
    if (verdict.ejectEndpoint !== null) this.#eject(state, verdict.ejectEndpoint, nowMs)
    if (this.#advance(traffic, state, verdict)) return
    if (this.#isKeepingDue(state, nowMs)) void this.keep(state)
  }

  #factsOf ({ plan, shares }: RolloutState): AnalysisFacts {
    return {
      nowMs: this.#deps.clock.nowMs(),
      usedTo: this.#usedTo,
      inFlightTo: this.#deps.facts.inFlight(this.route, plan.to),
      shareTo: shares.at(-1)?.share ?? 0,
      slowestFromMs: this.#latency.slowestMs,
      isPrompt: true
    }
  }

  /** Nobody watches it any more. */
  end (): void {
    this.#deps.watcher.watch(this.route, null)
  }

  /** Stores time and evidence, unless something is being stored. */
  async keep (state: RolloutState): Promise<void> {
    const evidence = this.#evidence.stored()
    if (evidence === undefined || !this.leads || this.#storingMs !== undefined) return
    this.#hasNews = false
    await this.#store({
      type: 'evidence', id: this.id, step: state.step, stepMs: state.stepMs + this.#elapsedMs, evidence, seen: this.seen
    }, { actor: state.actor, reason: state.reason, source: 'step' })
  }

  /** Counts the time in the step, beyond what is stored. */
  #follow (state: RolloutState, nowMs: number): void {
    const { leadership } = this.#deps
    const before = this.#seen
    this.#seen = state
    if (state !== before) {
      const isSame = state.step === before.step && state.phase === before.phase && state.pausedBy === before.pausedBy
      this.#elapsedMs = isSame ? Math.max(0, this.#elapsedMs - Math.max(0, state.stepMs - before.stepMs)) : 0
    }
    const passedMs = Math.min(nowMs - this.#tickedMs, MAX_TICK_MS)
    this.#tickedMs = nowMs
    const wasHolder = this.#isHolder
    this.#isHolder = leadership.isHolder
    // Another replica had the time and the evidence until now.
    if (this.#isHolder && !wasHolder) {
      this.#evidence.lead(state.evidence, this.#reading)
      this.#book = new SeenVersionsBook(state.seen)
    }
    if (!this.#isHolder && wasHolder) this.#evidence.follow()
    if (!this.#isHolder || !wasHolder) this.#elapsedMs = 0
    else if (isTimed(state)) this.#elapsedMs += passedMs
    if (state.plan.steps[state.step]?.kind === 'ramp') this.#elapsedMs = Math.min(this.#elapsedMs, MAX_RAMP_MS)
  }

  /** Looks at what changes slowly, and tells the workers what follows from it. */
  #look (state: RolloutState, nowMs: number): void {
    const { facts, watcher } = this.#deps
    const { from, to, analysis } = state.plan
    this.#lookedMs = nowMs
    this.#usedTo = facts.usedEndpoints(this.route, to)
    const tally = facts.tally(this.route, from)
    this.#countServed()
    const buckets = tally?.latencyBuckets
    if (buckets !== undefined) this.#latency.look(buckets, nowMs)
    const watch: RouteWatch = {
      id: this.id,
      from,
      to,
      failureStatuses: analysis.failureStatuses,
      slowerThanMs: analysis.slowerThanMs ?? this.#latency.p99Ms,
      unit: facts.isSticky(this.route) ? 'client' : 'request',
      hasMatch: state.match !== null,
      ...(this.#ejected === '' ? {} : { blamed: this.#ejected })
    }
    if (this.#watched !== undefined && isAlike(watch, this.#watched)) return
    this.#watched = watch
    watcher.watch(this.route, watch)
  }

  /** @returns whether something has come of it */
  #advance (traffic: RouteTraffic, state: RolloutState, verdict: Verdict): boolean {
    const { clock, facts } = this.#deps
    const { to, steps } = state.plan
    if (!this.#isHolder && verdict.verdict !== 'fail') return false
    const event: RolloutAdvance = {
      type: 'advance',
      id: this.id,
      elapsedMs: this.#elapsedMs,
      verdict,
      toReady: steps[state.step]?.kind === 'await-endpoints' && facts.isReady(this.route, to),
      requestsTo: verdict.to.requests + (verdict.copies?.requests ?? 0)
    }
    const meta = { actor: 'weir', reason: '', source: 'step' } as const
    const outcome = changeRollout(traffic, event, { ...meta, at: new Date(clock.wallMs()).toISOString() })
    if (!outcome.ok || !outcome.changed) return false
    const after = outcome.route.rollout
    const whole = (): RolloutAdvance => {
      const evidence = this.#evidence.stored()
      return { ...event, seen: this.seen, ...(evidence === undefined ? {} : { evidence }) }
    }
    if (after?.phase === 'Degraded') this.#cut(whole(), after.verdict ?? verdict)
    else if (this.#isHolder && this.#isFree(clock.nowMs())) void this.#store(whole(), meta, { ifEpoch: [traffic.epoch] })
    return true
  }

  /**
   * Back to the old weights, before anything else.
   * @param verdict what has failed it: the cut holds whatever time is stored, so it may be made by no other reason
   */
  #cut (event: RolloutAdvance, verdict: VerdictRecord): void {
    const { traffic, log } = this.#deps
    const failed: RolloutAdvance = { ...event, elapsedMs: 0, verdict: { ...verdict, pause: false } }
    const meta = { actor: 'weir', reason: verdict.reason, source: 'verdict' } as const
    const result = traffic.cutOff(this.route, { type: 'rollout', event: failed }, meta)
    if (!result.ok) log.error('a bad version could not be taken out', { route: this.route, fault: result.error.message })
  }

  #isFree (nowMs: number): boolean {
    return this.#storingMs === undefined && nowMs >= this.#notBeforeMs
  }

  #isKeepingDue (state: RolloutState, nowMs: number): boolean {
    if (!this.#isHolder || !this.#isFree(nowMs)) return false
    return nowMs - this.#keptMs >= this.#deps.keepEveryMs * (this.#hasNews || isTimed(state) ? 1 : QUIET_FACTOR)
  }

  async #store (event: RolloutEvent, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions = {}): Promise<void> {
    const { clock, traffic } = this.#deps
    this.#storingMs = this.#keptMs = clock.nowMs()
    const result = await traffic.change(this.route, { type: 'rollout', event }, meta, { ...options, quiet: true })
    this.#storingMs = undefined
    this.#heard(result)
  }

  #heard (result: ChangeResult): void {
    const { clock, log } = this.#deps
    const isFault = !result.ok && (result.error.code === 'store_failed' || result.error.code === 'store_conflict')
    if (!result.ok) this.#hasNews = true
    if (isFault) this.#notBeforeMs = clock.nowMs() + RETRY_MS
    const fault = isFault ? result.error.message : undefined
    if (fault !== undefined && this.#fault === undefined) {
      log.error('a rollout can\'t be stored: it stays at its step until it can', { route: this.route, rollout: this.id, fault })
    } else if (fault === undefined && this.#fault !== undefined) {
      log.info('a rollout can be stored again', { route: this.route, rollout: this.id })
    }
    this.#fault = fault
  }

  #eject (state: RolloutState, endpoint: string, nowMs: number): void {
    if (endpoint === this.#ejected && nowMs - this.#ejectedMs < EJECT_EVERY_MS) return
    if (endpoint !== this.#ejected) {
      this.#deps.log.warn('the failures of a new version belong to one of its endpoints, which is ejected and not charged to the version', {
        route: this.route, version: state.plan.to, endpoint
      })
    }
    this.#ejected = endpoint
    this.#ejectedMs = nowMs
    this.#look(state, nowMs)
    this.#deps.watcher.eject({ route: this.route, version: state.plan.to, endpoint, forMs: EJECT_MS })
  }

  #evidenceOf ({ plan }: RolloutState): RolloutEvidence {
    const { clock, createAnalysis, facts, bookName } = this.#deps
    const tally = countsServerErrors(plan.analysis.failureStatuses) ? facts.tally(this.route, plan.from) : undefined
    return new RolloutEvidence({
      settings: plan.analysis,
      createAnalysis,
      before: tally === undefined ? undefined : { requests: tally.requests, failures: tally.serverErrors },
      book: bookName?.()
    }, clock.nowMs())
  }
}

/** Does the time in its step count? */
function isTimed (state: RolloutState): boolean {
  return state.phase === 'Progressing' || timedPauseMs(state) !== null
}

/** Are the failures of a plan what the counters know by class? */
function countsServerErrors (statuses: ReadonlyArray<readonly [number, number]>): boolean {
  return statuses.length === 1 && statuses[0]?.[0] === 500 && statuses[0][1] === 599
}

/** Would the workers see no difference that matters? */
function isAlike (left: RouteWatch, right: RouteWatch): boolean {
  const { slowerThanMs } = right
  return left.unit === right.unit && left.hasMatch === right.hasMatch && left.blamed === right.blamed &&
    Math.abs(left.slowerThanMs - slowerThanMs) <= slowerThanMs * LIMIT_CHANGE
}
