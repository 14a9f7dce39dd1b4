/** The engine of rollouts over a clock that stands still, a store that fails or hangs when the test says so, and an analysis that says what it is told. */
import { type AnalysisSettings, DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { Analysis } from '../../src/analysis/analysis.ts'
import type { StoredEvidence } from '../../src/analysis/stored-evidence.ts'
import type { Verdict } from '../../src/analysis/verdict.ts'
import type { EvidenceReport, RouteWatch } from '../../src/contract/rollout-watch.ts'
import type { PlanStep, RolloutPlan } from '../../src/plans/rollout-plan.ts'
import { RolloutEngine } from '../../src/rollout/rollout-engine.ts'
import { RolloutNews } from '../../src/rollout/rollout-news.ts'
import type { RolloutAnalysis, CountedVersion } from '../../src/rollout/rollout-ports.ts'
import type { RolloutEvent } from '../../src/rollout/rollout-state.ts'
import { TrafficControl } from '../../src/rollout/traffic-control.ts'
import type { ConfiguredRoute, RouteTraffic } from '../../src/rollout/traffic-state.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeLeadership } from './fake-leadership.ts'
import { FakePublisher } from './fake-publisher.ts'
import { FragileStore } from './fragile-store.ts'
import { ListLog } from './list-log.ts'
import { takeOver } from './take-over.ts'

const NUMBERS = { requests: 0, failures: 0, failureShare: 0, interval: [0, 1], slow: 0, slowShare: 0 } as const
const TEST_NUMBERS = {
  evidence: 1, threshold: 1_000, clients: 0, clientsOnNew: 0, difference: 0, allowed: 0.005, passEvidence: 1, passThreshold: 20
} as const

/** Nothing is known yet. */
export const UNDECIDED: Verdict = {
  verdict: 'undecided',
  code: 'more_needed',
  reason: 'more requests are needed',
  pause: false,
  ejectEndpoint: null,
  from: NUMBERS,
  to: NUMBERS,
  errors: TEST_NUMBERS,
  slow: TEST_NUMBERS,
  pairs: null,
  copies: null,
  sentinel: { evidence: 1, silent: true },
  clients: null,
  heaviest: null,
  needs: null
}

export const PASS: Verdict = { ...UNDECIDED, verdict: 'pass', code: 'passed', reason: 'it is no worse', to: { ...NUMBERS, requests: 900 } }
export const FAIL: Verdict = {
  ...UNDECIDED, verdict: 'fail', code: 'errors', reason: '12 of 12 clients that failed were on canary', to: { ...NUMBERS, requests: 12, failures: 12 }
}

export const REPORT: EvidenceReport = { cohorts: [], signs: [], heavy: [], dropped: 0 }

const NO_EVIDENCE = new Analysis(DEFAULT_ANALYSIS, 0).stored()

/** What judges says what the test has told it. */
export class ToldAnalysis implements RolloutAnalysis {
  readonly settings: AnalysisSettings
  readonly from: StoredEvidence | undefined
  readonly added: Array<{ readonly report: EvidenceReport, readonly shares: ReadonlyArray<number | undefined>, readonly source: string }> = []
  readonly baselines: unknown[] = []
  readonly #says: () => Verdict
  ticks = 0

  constructor (settings: AnalysisSettings, from: StoredEvidence | undefined, says: () => Verdict) {
    this.settings = settings
    this.from = from
    this.#says = says
  }

  add (report: EvidenceReport, shareOf: (epoch: number) => number | undefined, _nowMs: number, source: string): void {
    this.added.push({ report, shares: report.cohorts.map(({ epoch }) => shareOf(epoch)), source })
  }

  tick (): void { this.ticks++ }
  verdict (): Verdict { return this.#says() }
  baseline (from: unknown): void { this.baselines.push(from) }

  /** How many reports have come, in the place of the time. */
  stored (): StoredEvidence { return { ...NO_EVIDENCE, elapsedMs: this.added.length + (this.from?.elapsedMs ?? 0) } }
}

export interface BenchOptions {
  readonly store?: FragileStore
  readonly clock?: FakeClock
  readonly leadership?: FakeLeadership
}

const META = { actor: 'ops', reason: 'a new version', source: 'api' } as const

let opened = 0
const PLAN: RolloutPlan = { preset: 'canary', from: 'stable', to: 'canary', steps: [], onSuccess: 'promote', watchMs: 0, analysis: DEFAULT_ANALYSIS }

/** A Weir with the route `hello` of the versions stable and canary, all of it on stable, as far as rollouts are concerned. */
export class RolloutBench {
  readonly clock: FakeClock
  readonly store: FragileStore
  readonly leadership: FakeLeadership
  readonly publisher = new FakePublisher()
  readonly log = new ListLog()
  readonly traffic: TrafficControl
  readonly engine: RolloutEngine
  readonly watches: Array<RouteWatch | null> = []
  readonly ejected: string[] = []
  readonly events: Array<{ readonly type: string, readonly fields: object, readonly sharedId: string | undefined }> = []
  readonly counted: string[] = []
  readonly analyses: ToldAnalysis[] = []
  says = UNDECIDED
  isReady = true
  isSticky = true
  tally: CountedVersion | undefined
  #books = 0

  constructor (traffic: TrafficControl, parts: { writer: string, store: FragileStore, clock: FakeClock, leadership: FakeLeadership, publisher: FakePublisher, log: ListLog }) {
    this.traffic = traffic
    this.writer = parts.writer
    this.store = parts.store
    this.clock = parts.clock
    this.leadership = parts.leadership
    this.publisher = parts.publisher
    this.log = parts.log
    const record = (type: string, _route: string, fields: object, { sharedId }: { readonly sharedId?: string } = {}): void => {
      this.events.push({ type, fields, sharedId })
    }
    this.engine = new RolloutEngine({
      clock: this.clock,
      log: this.log,
      leadership: this.leadership,
      traffic,
      ...(this.store.shared ? { bookName: () => `${this.writer}.${++this.#books}` } : {}),
      keepEveryMs: this.store.shared ? 10_000 : 900,
      watcher: {
        watch: (_route, watch) => { this.watches.push(watch) },
        eject: ({ version, endpoint }) => { this.ejected.push(`${version} ${endpoint}`) }
      },
      facts: {
        isReady: () => this.isReady,
        usedEndpoints: () => ['10.0.0.7:80', '10.0.0.8:80'],
        inFlight: () => 0,
        tally: () => this.tally,
        isSticky: () => this.isSticky
      },
      loadAnalysis: async () => (settings, _nowMs, stored) => {
        const analysis = new ToldAnalysis(settings, stored, () => this.says)
        this.analyses.push(analysis)
        return analysis
      },
      news: new RolloutNews({
        clock: this.clock,
        log: this.log,
        events: { record },
        counters: {
          rolloutStepped: () => { this.counted.push('step') },
          rolloutAborted: cause => { this.counted.push(cause) }
        }
      })
    })
  }

  /** What the store calls this process. */
  readonly writer: string

  static async open ({ store = new FragileStore(), clock = new FakeClock(), leadership = new FakeLeadership('holder') }: BenchOptions = {}): Promise<RolloutBench> {
    const publisher = new FakePublisher()
    const log = new ListLog()
    const writer = `process ${++opened}`
    const traffic = await TrafficControl.open({ store: store.as(writer), publisher, clock, log, leadership })
    const bench = new RolloutBench(traffic, { writer, store, clock, leadership, publisher, log })
    await bench.configure({ stable: 100, canary: 0 })
    return bench
  }

  /** The configuration has these weights now. */
  async configure (weights: Readonly<Record<string, number>>): Promise<void> {
    await this.configureRoutes([{ name: 'hello', weights }])
  }

  async configureRoutes (routes: readonly ConfiguredRoute[]): Promise<void> {
    await takeOver(this.traffic.prepare(routes))
    await this.settle()
  }

  /** As the process that comes after this one was killed: on the same store and clock. */
  async afterCrash (): Promise<RolloutBench> {
    await this.abandon()
    return await RolloutBench.open({ store: this.store, clock: this.clock, leadership: this.leadership })
  }

  /** It is gone without a word: what it would do next comes to nothing. */
  async abandon (): Promise<void> {
    const { faultOf } = this.store
    this.store.faultOf = writer => writer === this.writer ? new Error('the process is gone') : faultOf?.(writer)
    this.store.drop()
    await this.engine.stop()
    await this.traffic.close()
  }

  async close (): Promise<void> {
    await this.engine.stop()
    await this.traffic.close()
  }

  /** What is under way has ended, as far as it does not wait for time or the store. */
  async settle (): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise<void>(resolve => { setImmediate(resolve) })
  }

  /** Time passes, in steps of 100 ms, and what falls due in each is done. */
  async pass (ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(Math.min(100, ms - passed))
      await new Promise<void>(resolve => { setImmediate(resolve) })
      await new Promise<void>(resolve => { setImmediate(resolve) })
    }
    await this.settle()
  }

  /** Begins a rollout from stable to canary with these steps. */
  async begin (steps: readonly PlanStep[], more: Partial<RolloutPlan> = {}): Promise<void> {
    await this.ask({ type: 'start', plan: { ...PLAN, steps, ...more }, id: `r${this.analyses.length + 1}`, salt: 'other clients' })
  }

  /** Something is asked of the rollout, by a person. */
  async ask (event: RolloutEvent) {
    const result = await this.traffic.change('hello', { type: 'rollout', event }, META)
    if (!result.ok) throw new Error(JSON.stringify(result.error))
    await this.settle()
    return result
  }

  /** As `weir weights`. */
  async setWeights (stable: number, canary: number): Promise<void> {
    await this.traffic.change('hello', { type: 'weights', weights: { stable, canary } }, META)
    await this.settle()
  }

  get route (): RouteTraffic {
    const route = this.traffic.route('hello')
    if (route === undefined) throw new Error('the route is gone')
    return route
  }

  get state () {
    const { rollout } = this.route
    if (rollout === undefined) throw new Error('there is no rollout')
    return rollout
  }

  /** What the workers were told last. */
  get served (): Readonly<Record<string, number>> {
    return this.publisher.splits.at(-1)?.weights ?? {}
  }

  async stored (): Promise<RouteTraffic | undefined> {
    return (await this.store.read()).value.routes.get('hello')
  }
}
