/** Both versions of a rollout side by side: what an A/B test ends with. */
import { shareInterval } from '../analysis/share-interval.ts'
import { DistinctCount } from '../core/distinct-count.ts'
import { matchText } from '../plans/write-match.ts'
import { LATENCY_BOUNDS_S } from '../telemetry/counter-layout.ts'
import { quantileOf, type Quantile } from './quantile-interval.ts'
import type { RolloutState, VerdictRecord } from './rollout-state.ts'
import type { SeenVersion, SeenVersions } from './seen-versions.ts'

/** Both intervals of a difference together keep to 95 %. */
const ALPHA = 0.05

/** A version in the report. Times are in milliseconds. */
export interface ReportedVersion {
  readonly version: string
  readonly requests: number
  /** Null: the route does not tell clients from one another. */
  readonly clients: { readonly estimate: number, readonly interval: readonly [number, number] } | null
  readonly errors: { readonly count: number, readonly share: number, readonly interval: readonly [number, number] }
  /** Null without requests. */
  readonly latencyMs: { readonly p50: Quantile, readonly p90: Quantile, readonly p99: Quantile } | null
}

type ReportedVerdict = Pick<VerdictRecord, 'verdict' | 'code' | 'reason'>

export interface RolloutReport {
  readonly route: string
  readonly rollout: string
  readonly phase: RolloutState['phase']
  readonly preset: string
  readonly startedAt: string
  /** Since when it is in its phase and step: the end of one that is over. */
  readonly since: string
  /** What brings requests to the new version beside its share; null: nothing of the rollout. */
  readonly match: string | null
  /** The new version's share of what both have by weight, 0..100. */
  readonly shareTo: number
  readonly from: ReportedVersion
  readonly to: ReportedVersion
  /** The share of errors of `to` less that of `from`. The interval is of both together. */
  readonly errorDifference: { readonly estimate: number, readonly interval: readonly [number, number] } | null
  readonly verdict: ReportedVerdict | null
  /** It runs and is led elsewhere: the numbers are those that were stored last. */
  readonly isStored: boolean
}

/** What a report is made of. */
export interface ReportParts {
  readonly route: string
  readonly state: RolloutState
  /** Null: nothing was counted yet. */
  readonly seen: SeenVersions | null
  readonly verdict: ReportedVerdict | undefined
  readonly isStored: boolean
}

export function reportOf ({ route, state, seen, verdict, isStored }: ReportParts): RolloutReport {
  const { id, plan, phase, startedAt, since, shareTo } = state
  const from = versionOf(plan.from, seen?.from)
  const to = versionOf(plan.to, seen?.to)
  // One that has ended has brought requests too; one that is still ahead has not.
  const set = plan.steps.slice(0, state.step).flatMap(step => step.kind === 'set-match' && step.match !== null ? [step.match] : [])
  const match = state.match ?? set.at(-1) ?? null
  return {
    route,
    rollout: id,
    phase,
    preset: plan.preset,
    startedAt,
    since,
    match: match === null ? null : matchText(match),
    shareTo,
    from,
    to,
    errorDifference: from.requests === 0 || to.requests === 0 ? null : differenceOf(from, to),
    verdict: verdict === undefined ? null : { verdict: verdict.verdict, code: verdict.code, reason: verdict.reason },
    isStored
  }
}

function versionOf (version: string, seen: SeenVersion | undefined): ReportedVersion {
  const { requests = 0, errors = 0, latency = [], clients = '' } = seen ?? {}
  const counted = clients === '' ? undefined : new DistinctCount(Buffer.from(clients, 'base64'))
  const ms = LATENCY_BOUNDS_S.map(bound => bound * 1_000)
  const [p50, p90, p99] = [quantileOf(latency, ms, 0.5), quantileOf(latency, ms, 0.9), quantileOf(latency, ms, 0.99)]
  return {
    version,
    requests,
    clients: counted === undefined ? null : { estimate: Math.round(counted.estimate), interval: counted.interval },
    errors: { count: errors, share: requests === 0 ? 0 : errors / requests, interval: shareInterval(errors, requests, ALPHA / 2) },
    latencyMs: p50 === null || p90 === null || p99 === null ? null : { p50, p90, p99 }
  }
}

function differenceOf ({ errors: old }: ReportedVersion, { errors: now }: ReportedVersion): RolloutReport['errorDifference'] {
  return { estimate: now.share - old.share, interval: [now.interval[0] - old.interval[1], now.interval[1] - old.interval[0]] }
}
