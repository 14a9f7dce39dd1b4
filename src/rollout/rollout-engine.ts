import type { EvidenceReport } from '../contract/rollout-watch.ts'
import type { TimerHandle } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import type { EvidenceQuestion, ToldEvidence } from './evidence-ledger.ts'
import { LiveRollout } from './live-rollout.ts'
import type { RolloutNews } from './rollout-news.ts'
import type { AnalysisFactory, LiveRolloutDeps } from './rollout-ports.ts'
import { isLive, type RolloutState } from './rollout-state.ts'
import type { TrafficControl } from './traffic-control.ts'

export interface RolloutEngineDeps extends Omit<LiveRolloutDeps, 'traffic' | 'createAnalysis'> {
  readonly traffic: Pick<TrafficControl, 'route' | 'routes' | 'change' | 'cutOff' | 'onChange'>
  /** Loads what judges; asked when the first rollout runs. */
  readonly loadAnalysis: () => Promise<AnalysisFactory>
  readonly news: RolloutNews
}

const TICK_MS = 100
/** Failures of a new version are judged after so long, with what else comes meanwhile: each of these milliseconds costs answers. */
const SOON_MS = 5

/**
 * Runs the rollouts that are live: hears what the workers see of them, judges, and makes their steps. What a rollout is, is in the traffic
 * state alone: whatever makes one live there starts it here, and nothing is left here of one that has ended. So another process goes on
 * where this one has stopped.
 */
export class RolloutEngine {
  readonly #deps: RolloutEngineDeps
  readonly #live = new Map<string, LiveRollout>()
  readonly #stopWatching: () => void
  /** Those of which a defect was told. */
  readonly #defects = new WeakSet<LiveRollout>()
  #createAnalysis: AnalysisFactory | undefined
  #loading = false
  #timer: TimerHandle | undefined
  /** Those that are to be judged before the next tick. */
  readonly #urgent = new Set<LiveRollout>()
  #soon: TimerHandle | undefined
  #stopped = false

  constructor (deps: RolloutEngineDeps) {
    this.#deps = deps
    this.#stopWatching = deps.traffic.onChange(() => { this.#review() })
    this.#review()
  }

  /** The rollout of a route that runs; undefined when none does. */
  live (route: string): LiveRollout | undefined {
    return this.#live.get(route)
  }

  /**
   * Takes what a worker of this replica has seen of a rollout. That of another one is of no use.
   * @param worker which one, in this life of its
   */
  evidence (route: string, id: string, report: EvidenceReport, worker: string): void {
    const live = this.#live.get(route)
    if (live?.id !== id) return
    this.#guard(live, () => { live.add(report, worker) })
    if (report.cohorts.some(({ to }) => to.failures > 0)) this.#judgeSoon(live)
  }

  #judgeSoon (live: LiveRollout): void {
    if (this.#urgent.size === 0) this.#soon = this.#deps.clock.after(SOON_MS, () => { this.#judgeUrgent() })
    this.#urgent.add(live)
  }

  #judgeUrgent (): void {
    const urgent = [...this.#urgent]
    this.#urgent.clear()
    for (const live of urgent) if (this.#live.get(live.route) === live) this.#turn(live, 'judge')
  }

  /** Those whose steps are made here. */
  led (): readonly LiveRollout[] {
    return [...this.#live.values()].filter(({ leads }) => leads)
  }

  /** What this replica has seen of a rollout, for the one that leads it; undefined when it does not run here. */
  tell (route: string, id: string, question: EvidenceQuestion): ToldEvidence | undefined {
    const live = this.#live.get(route)
    return live?.id === id ? live.tell(question) : undefined
  }

  /** Stores what is known, so that another process goes on from it. */
  async stop (): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#stopWatching()
    this.#timer?.cancel()
    this.#soon?.cancel()
    await Promise.all([...this.#live.values()].map(async live => {
      const state = this.#deps.traffic.route(live.route)?.rollout
      if (isLive(state) && state.id === live.id) await live.keep(state)
    }))
    this.#live.clear()
  }

  /** The traffic state may be another one. */
  #review (): void {
    if (this.#stopped) return
    const { traffic, news } = this.#deps
    const routes = traffic.routes()
    for (const live of this.#live.values()) {
      const state = routes.get(live.route)?.rollout
      if (!isLive(state) || state.id !== live.id) this.#end(live)
    }
    for (const [name, route] of routes) {
      news.look(name, route)
      if (isLive(route.rollout) && !this.#live.has(name)) this.#begin(name, route.rollout)
    }
    news.retain(routes)
  }

  #begin (route: string, state: RolloutState): void {
    if (this.#createAnalysis === undefined) return this.#load()
    this.#live.set(route, new LiveRollout(route, state, { ...this.#deps, createAnalysis: this.#createAnalysis }))
    this.#tickLater()
  }

  #load (): void {
    if (this.#loading) return
    this.#loading = true
    this.#deps.loadAnalysis().then(createAnalysis => {
      this.#createAnalysis = createAnalysis
      this.#review()
    }, (error: unknown) => {
      this.#loading = false
      this.#deps.log.error('what judges rollouts could not be loaded: none goes on', { error: errorText(error) })
    })
  }

  #end (live: LiveRollout): void {
    this.#live.delete(live.route)
    live.end()
    if (this.#live.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #tickLater (): void {
    this.#timer ??= this.#deps.clock.after(TICK_MS, () => { this.#tick() })
  }

  #tick (): void {
    this.#timer = undefined
    for (const live of this.#live.values()) this.#turn(live, 'tick')
    if (this.#live.size > 0 && !this.#stopped) this.#tickLater()
  }

  #turn (live: LiveRollout, what: 'tick' | 'judge'): void {
    this.#guard(live, () => {
      const traffic = this.#deps.traffic.route(live.route)
      const state = traffic?.rollout
      if (traffic === undefined || !isLive(state) || state.id !== live.id) return
      live[what](traffic, state)
      if (live.verdict !== undefined) this.#deps.news.judged(live.route, state, live.verdict)
    })
  }

  /** A defect in one of them stops that one at its step, and no other. */
  #guard (live: LiveRollout, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (this.#defects.has(live)) return
      this.#defects.add(live)
      this.#deps.log.error('a defect of Weir keeps a rollout at its step; please report it', {
        route: live.route, rollout: live.id, stack: error instanceof Error ? error.stack ?? error.message : String(error)
      })
    }
  }
}
