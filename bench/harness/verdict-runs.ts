/**
 * Single runs of `npm run bench:verdict`: traffic that is simulated, and when each judge of it says fail.
 */
import { Analysis, type AnalysisFacts } from '../../src/analysis/analysis.ts'
import { type AnalysisSettings, DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { BlastGuard } from '../../src/analysis/blast-guard.ts'
import { LabelTest } from '../../src/analysis/label-test.ts'
import { FAILURE_BYTES } from '../../src/analysis/stored-evidence.ts'
import type { Random } from '../../src/core/random.ts'
import { type PollingPlan, PollingRule } from './polling-rule.ts'
import { SIMULATED_ENDPOINTS, SimulatedTraffic, TICK_MS, type TickOutcome, type World } from './simulated-traffic.ts'

const NO_GUARDS: AnalysisSettings = { ...DEFAULT_ANALYSIS, maxFailures: 1e15, maxErrorShare: null, silenceMs: 1e15 }

const GUARDS: ReadonlySet<string> = new Set(['max_failures', 'error_share', 'silence'])

/** The names of Weir's judges in `Fails`: what the statistics say, and that with the guards beside them. */
export const TESTS = 'tests'
export const TESTS_AND_GUARDS = 'tests and guards'

/** A fail, and what it took. */
export interface Fail {
  readonly code: string
  readonly seconds: number
  /** Of the new version. */
  readonly requests: number
  readonly failures: number
  readonly slow: number
}

/** By the name of the judge; undefined: none in that time. */
export type Fails = Readonly<Record<string, Fail | undefined>>

interface Judge {
  /** @returns what has said fail now, by name */
  look (outcome: TickOutcome, nowMs: number): Readonly<Record<string, string>>
  isDone (): boolean
}

interface RunPlan {
  /** At most: a run ends when every judge has said fail. */
  readonly seconds: number
  readonly polling: readonly PollingPlan[]
}

/** One run of a version beside the old one. */
export function runTraffic (world: World, random: Random, { seconds, polling }: RunPlan): Fails {
  const ticks = seconds * 1_000 / TICK_MS
  const traffic = new SimulatedTraffic(world, random, ticks)
  const fails: Record<string, Fail | undefined> = {}
  const judges: readonly Judge[] = [new WeirJudge(world.weight), ...polling.map(pollingJudge)]
  const sum = { requests: 0, failures: 0, slow: 0 }
  for (let tick = 1; tick <= ticks && !judges.every(judge => judge.isDone()); tick++) {
    const outcome = traffic.next()
    sum.requests += outcome.to.requests
    sum.failures += outcome.to.failures
    sum.slow += outcome.to.slow
    for (const judge of judges) {
      if (judge.isDone()) continue
      const said = judge.look(outcome, tick * TICK_MS)
      for (const [name, code] of Object.entries(said)) fails[name] = { code, seconds: tick * TICK_MS / 1_000, ...sum }
    }
  }
  return fails
}

/**
 * With the guards until one of them speaks; then another analysis goes on from there without them: what the tests say does not depend on
 * guards.
 */
class WeirJudge implements Judge {
  readonly #share: number
  #analysis = new Analysis(DEFAULT_ANALYSIS, 0)
  #left: readonly string[] = [TESTS_AND_GUARDS, TESTS]

  constructor (share: number) {
    this.#share = share
  }

  look ({ report, to }: TickOutcome, nowMs: number): Readonly<Record<string, string>> {
    const facts = { nowMs, usedTo: SIMULATED_ENDPOINTS, inFlightTo: 0, shareTo: this.#share, slowestFromMs: 0, isPrompt: true }
    this.#analysis.add(report, () => this.#share, nowMs)
    this.#analysis.tick(facts)
    // Nothing speaks against a version in a tick in which nothing of it has failed or been slow.
    if (to.failures + to.slow === 0) return {}
    const { verdict, code } = this.#analysis.verdict(facts)
    if (code === 'both_fail') return this.#underAPause(facts)
    if (verdict !== 'fail') return {}
    const isGuard = GUARDS.has(code)
    const speaking = isGuard ? [TESTS_AND_GUARDS] : this.#left
    if (isGuard) this.#analysis = new Analysis(NO_GUARDS, nowMs, this.#analysis.stored())
    this.#left = this.#left.filter(name => !speaking.includes(name))
    return Object.fromEntries(speaking.map(name => [name, code]))
  }

  /** A rollout pauses here, so the tests do not speak; what they would have said is to be counted all the same. */
  #underAPause (facts: AnalysisFacts): Readonly<Record<string, string>> {
    const { verdict, code } = new Analysis(NO_GUARDS, facts.nowMs, this.#analysis.stored()).verdict(facts)
    if (verdict !== 'fail' || !this.#left.includes(TESTS)) return {}
    this.#left = this.#left.filter(name => name !== TESTS)
    return { [TESTS]: code }
  }

  isDone (): boolean {
    return this.#left.length === 0
  }
}

function pollingJudge (plan: PollingPlan): Judge {
  const rule = new PollingRule(plan)
  let isDone = false
  return {
    look: ({ to }, nowMs) => {
      isDone = rule.look(to, nowMs)
      return isDone ? { [plan.name]: 'rolled back' } : {}
    },
    isDone: () => isDone
  }
}

/** A run of identical versions where requests are coins, by counts alone. */
export interface CountsPlan {
  readonly requests: number
  readonly share: number
  /** Of the requests: every so many goes to the new version. */
  readonly everyNth: number
  readonly requestsPerTick: number
}

/** What went wrong in such a run: the evidence of the label test, the fail that it would have been, and the blast cap. */
export interface CountsOutcome {
  readonly evidence: boolean
  readonly fail: boolean
  readonly cap: boolean
}

/** Requests are numbered; failures are drawn by the gaps between them, so a run costs what its failures cost. */
export function runCounts (plan: CountsPlan, random: Random): CountsOutcome {
  const { requests, share, everyNth, requestsPerTick } = plan
  if (share === 0) return { evidence: false, fail: false, cap: false }
  const label = new LabelTest(FAILURE_BYTES)
  const blast = new BlastGuard()
  const needed = Math.log(2.5 / DEFAULT_ANALYSIS.alpha)
  const perTick = { newRequests: requestsPerTick / everyNth, oldRequests: requestsPerTick - requestsPerTick / everyNth }
  let [evidence, fail, cap] = [false, false, false]
  let [tick, newFailures, oldFailures, newTotal, oldTotal] = [0, 0, 0, 0, 0]
  const lnGood = Math.log(1 - share)
  for (let at = gap(random, lnGood); at < requests; at += 1 + gap(random, lnGood)) {
    const now = Math.floor(at / requestsPerTick)
    if (now > tick) {
      blast.add({ ...perTick, newFailures, oldFailures })
      blast.tick(share)
      const good = now - tick - 1
      const { newRequests, oldRequests } = perTick
      if (good > 0) blast.add({ newRequests: newRequests * good, newFailures: 0, oldRequests: oldRequests * good, oldFailures: 0 })
      blast.tick(share)
      cap ||= blast.charged([], DEFAULT_ANALYSIS.maxFailures, 0, 1) >= DEFAULT_ANALYSIS.maxFailures
      tick = now
      newFailures = 0
      oldFailures = 0
    }
    // A coin of its own: by the number of the request it would depend on the gap, and so on the one before.
    const isNew = random.nextFraction() * everyNth < 1
    label.add({ bucket: random.nextUint32() & 0xffff, side: isNew ? 'to' : 'from', endpoint: 'e' }, 1 / everyNth)
    if (!isNew) {
      oldFailures++
      oldTotal++
      continue
    }
    newFailures++
    newTotal++
    if (label.lnEvidence() < needed) continue
    evidence = true
    fail ||= newTotal / (at / everyNth) - oldTotal / (at - at / everyNth) >= DEFAULT_ANALYSIS.maxErrorIncrease
  }
  return { evidence, fail, cap }
}

/** Good requests before the next failure. */
function gap (random: Random, lnGood: number): number {
  return Math.floor(Math.log(1 - random.nextFraction()) / lnGood)
}
