import type { Ejection, EndpointHealth, FailureCause } from './endpoint-health.ts'
import type { EjectionPolicy, SuccessRatePolicy } from '../contract/route-policy.ts'

/** What one endpoint answered within an interval. */
export interface RateSample {
  readonly requests: number
  readonly failures: number
}

/** A sample that is worse than the others, and how much. Shares of good answers, 0 to 1. */
interface RateOutlier {
  /** Its position among the samples. */
  readonly index: number
  readonly rate: number
  /** The mean of the others. */
  readonly others: number
}

/**
 * Finds the endpoint whose share of good answers is far below that of the others, as Envoy's success-rate ejection does,
 * with two differences. It is compared with the others only, not with a mean that it pulls down itself, so that one bad endpoint
 * stands out among three and not only among five. And the deviation includes what chance does at that many requests, so
 * that of endpoints that are equally bad none is singled out.
 *
 * All samples are expected to have enough requests.
 * @returns the worst sample if it is an outlier. Look again without it: there may be another.
 */
export function worstRate (samples: readonly RateSample[], policy: SuccessRatePolicy): RateOutlier | undefined {
  if (samples.length < Math.max(policy.minEndpoints, 2)) return undefined
  let index = 0
  samples.forEach((sample, position) => { if (rateOf(sample) < rateOf(samples[index])) index = position })
  const rate = rateOf(samples[index])
  const rest = samples.filter((_, position) => position !== index)
  const others = rest.reduce((sum, sample) => sum + rateOf(sample), 0) / rest.length
  const variance = rest.reduce((sum, sample) => sum + (rateOf(sample) - others) ** 2, 0) / rest.length
  const chance = Math.max(0, others * (1 - others)) / (samples[index]?.requests ?? 1)
  const difference = Math.max(policy.minDifference, policy.stdevFactor * Math.sqrt(variance + chance))
  return rate < others && others - rate >= difference ? { index, rate, others } : undefined
}

function rateOf (sample: RateSample | undefined): number {
  return sample === undefined || sample.requests === 0 ? 1 : 1 - sample.failures / sample.requests
}

/** What happened, for the log and the metrics. */
export type EjectionEvent =
  | { readonly kind: 'ejected', readonly endpoint: string, readonly ejection: Ejection }
  | { readonly kind: 'returned', readonly endpoint: string }

/** A member with its totals as they were at the start of the interval. */
interface Observed {
  readonly endpoint: EndpointHealth
  requests: number
  failures: number
  returns: number
}

/**
 * Takes endpoints of one version out of use that fail where others don't: passive health, in one worker. An endpoint is
 * ejected by failures in a row, at once, or by its success rate, at the end of an interval; never the last one that is available. When
 * its time is over it is on trial: the next outcome decides whether it stays or goes again, for longer.
 */
export class OutlierEjection {
  readonly #policy: EjectionPolicy
  readonly #onEvent: (event: EjectionEvent) => void
  readonly #members = new Map<EndpointHealth, Observed>()
  #intervalEndsMs = Number.POSITIVE_INFINITY
  /** Before this time `tick` has nothing to do. */
  #nextDueMs = Number.POSITIVE_INFINITY

  constructor (policy: EjectionPolicy, onEvent: (event: EjectionEvent) => void) {
    this.#policy = policy
    this.#onEvent = onEvent
  }

  /** Takes over which endpoints of the version came and went. Of those that stay it keeps what was counted. */
  changeMembers (joined: readonly EndpointHealth[], left: readonly EndpointHealth[], nowMs: number): void {
    for (const endpoint of left) this.#members.delete(endpoint)
    for (const endpoint of joined) {
      const { requests, failures, returns } = endpoint
      this.#members.set(endpoint, { endpoint, requests, failures, returns })
      this.#nextDueMs = Math.min(this.#nextDueMs, endpoint.ejectedUntilMs)
    }
    if (this.#policy.successRate !== null && this.#intervalEndsMs === Number.POSITIVE_INFINITY) {
      this.#intervalEndsMs = nowMs + this.#policy.intervalMs
    }
    this.#nextDueMs = Math.min(this.#nextDueMs, this.#intervalEndsMs)
  }

  /**
   * An attempt at an endpoint has failed.
   * @param startedMs when the attempt began. One from before the endpoint's latest ejection ended is old news and is left out.
   */
  failed (endpoint: EndpointHealth, cause: FailureCause, nowMs: number, startedMs = nowMs): void {
    if (startedMs < endpoint.returnedMs) return
    endpoint.failed()
    const limit = this.#policy.consecutiveFailures
    if (limit === 0 || endpoint.ejected || (endpoint.failuresInARow < limit && !endpoint.inTrial)) return
    if (!this.#mayEject(endpoint)) return
    const count = endpoint.failuresInARow
    this.#eject(endpoint, 'consecutive-failures', endpoint.inTrial
      ? `failed again (${cause}) when it was back from an ejection`
      : `${count} ${count === 1 ? 'failure' : 'failures'} in a row, the last one ${cause}`, nowMs)
  }

  /**
   * Takes a member out of use because the verdict on a rollout says so, by the rules of any ejection: never the last one that is available,
   * nor more than the share that may be out. One that is out already stays out for that long at least, and that is no other ejection.
   * @param endpoint a member
   */
  order (endpoint: EndpointHealth, forMs: number, nowMs: number): void {
    const ejection = { cause: 'verdict', untilMs: nowMs + forMs, detail: 'the verdict on the rollout: it alone fails' } as const
    if (!endpoint.ejected) {
      if (this.#mayEject(endpoint)) this.#put(endpoint, { ...ejection, sinceMs: nowMs })
    } else if (endpoint.ejectedUntilMs < ejection.untilMs) {
      endpoint.prolongEjection(ejection)
    }
  }

  /** Ends ejections whose time is over and compares success rates when an interval is. */
  tick (nowMs: number): void {
    if (nowMs < this.#nextDueMs) return
    for (const endpoint of this.#members.keys()) {
      if (endpoint.ejectedUntilMs > nowMs) continue
      endpoint.endEjection(nowMs)
      this.#onEvent({ kind: 'returned', endpoint: endpoint.key })
    }
    if (nowMs >= this.#intervalEndsMs) {
      if (this.#policy.successRate !== null) this.#compare(this.#policy.successRate, nowMs)
      this.#intervalEndsMs = nowMs + this.#policy.intervalMs
      for (const member of this.#members.values()) {
        member.requests = member.endpoint.requests
        member.failures = member.endpoint.failures
        member.returns = member.endpoint.returns
      }
    }
    this.reschedule()
  }

  /** Finds out anew when there is something to do: another version may have ejected a member. */
  reschedule (): void {
    let dueMs = this.#intervalEndsMs
    for (const endpoint of this.#members.keys()) if (endpoint.ejectedUntilMs < dueMs) dueMs = endpoint.ejectedUntilMs
    this.#nextDueMs = dueMs
  }

  /** Ejects the worst until the rest are alike. */
  #compare (policy: SuccessRatePolicy, nowMs: number): void {
    let compared = [...this.#members.values()].flatMap(member => sampleOf(member, policy.minRequests))
    for (let outlier = worstRate(compared, policy); outlier !== undefined; outlier = worstRate(compared, policy)) {
      const { index, rate, others } = outlier
      const worst = compared[index]
      if (worst === undefined || !this.#mayEject(worst.endpoint)) return
      this.#eject(worst.endpoint, 'success-rate', `${percent(rate)} of ${worst.requests} requests went well, ${percent(others)} on the other endpoints`, nowMs)
      compared = compared.toSpliced(index, 1)
    }
  }

  /** The endpoint is a member, it is not the last one available, and the share of the ejected allows one more. */
  #mayEject (endpoint: EndpointHealth): boolean {
    let ejected = 0
    let othersAvailable = 0
    for (const each of this.#members.keys()) {
      if (each !== endpoint && each.available) othersAvailable++
      if (each.ejected) ejected++
    }
    return this.#members.has(endpoint) && othersAvailable > 0 &&
      ejected < Math.max(1, Math.floor(this.#members.size * this.#policy.maxShare))
  }

  #eject (endpoint: EndpointHealth, cause: Ejection['cause'], detail: string, nowMs: number): void {
    const { baseMs, maxMs, intervalMs } = this.#policy
    const ejections = endpoint.ejectionsAt(nowMs, intervalMs)
    this.#put(endpoint, { cause, sinceMs: nowMs, untilMs: nowMs + Math.min(baseMs * ejections, maxMs), detail })
  }

  #put (endpoint: EndpointHealth, ejection: Ejection): void {
    endpoint.eject(ejection, endpoint.ejectionsAt(ejection.sinceMs, this.#policy.intervalMs))
    this.reschedule()
    this.#onEvent({ kind: 'ejected', endpoint: endpoint.key, ejection })
  }
}

/**
 * What a member did in the interval. Nothing of one that is ejected, came back meanwhile or had too little to do.
 */
function sampleOf (member: Observed, minRequests: number): readonly (RateSample & { readonly endpoint: EndpointHealth })[] {
  const { endpoint } = member
  const requests = (endpoint.requests - member.requests) | 0
  if (endpoint.ejected || endpoint.returns !== member.returns || requests < Math.max(minRequests, 1)) return []
  return [{ endpoint, requests, failures: (endpoint.failures - member.failures) | 0 }]
}

function percent (share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
