/**
 * What the workers have found out about endpoints, as they told it last; and the log of it.
 */
import type { Clock } from '../core/clock.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import { isPreferred } from '../discovery/usable-endpoints.ts'
import { usableMembers } from '../health/version-health.ts'
import type { EndpointHealthReport, HealthMessage, HealthReasonReport } from '../contract/messages.ts'
import type { Logger } from '../core/logger.ts'

/** How many of the workers. */
export type WorkerShare = 'all' | 'some' | 'none'

/** Something that keeps requests from an endpoint, in so many workers. Times in milliseconds since the Unix epoch. */
interface HealthReasonSummary {
  readonly kind: 'ejected' | 'check-failed' | 'trial' | 'slow-start'
  readonly workers: number
  /** The earliest over the workers. */
  readonly sinceMs: number
  /** The latest; null when it waits for an event. */
  readonly untilMs: number | null
  readonly detail: string
}

/** What the workers have found out about an endpoint. */
export interface EndpointHealthSummary {
  /** The workers in which it is neither ejected nor failing its active check. */
  readonly available: WorkerShare
  /** One for each kind; empty when nothing keeps requests away. */
  readonly reasons: readonly HealthReasonSummary[]
}

/** The health of the endpoints of one version over all workers. */
export interface VersionHealthSummary {
  /** Workers that use all endpoints, because too few are available. */
  readonly panicWorkers: number
  /** By `address:port`; of an endpoint that is not here nobody has said anything. */
  readonly endpoints: ReadonlyMap<string, EndpointHealthSummary>
  /** The most of these endpoints, each of which is there once, that any one worker holds for not available. */
  readonly unavailable: (endpoints: readonly Endpoint[]) => number
  /** Of these endpoints, each of which is there once, those that requests go to, in the worker that uses the fewest. */
  readonly used: (endpoints: readonly Endpoint[]) => number
  /** Which of these endpoints, each of which is there once, requests go to, by `address:port`, each with the workers that use it. */
  readonly usedBy: (endpoints: readonly Endpoint[]) => ReadonlyMap<string, WorkerShare>
}

/** Of a version of which no worker has anything to say, as of most of thousands in a scrape. */
const NOTHING_SAID: VersionHealthSummary = {
  panicWorkers: 0,
  endpoints: new Map(),
  unavailable: () => 0,
  used: endpoints => endpoints.some(isPreferred) ? usedOf(undefined, endpoints).length : endpoints.length,
  usedBy: endpoints => new Map(usedOf(undefined, endpoints).map(key => [key, 'all']))
}

/** The threads' clocks are read at different moments. */
const CLOCK_SLACK_MS = 200

export class HealthBook {
  readonly #log: Logger
  readonly #clock: Clock
  /** By worker, then route and version. */
  readonly #reports = new Map<number, Map<string, HealthMessage>>()
  /** What is configured; undefined until that has been said. */
  #known: ReadonlySet<string> | undefined

  /** @param log should be throttled: an outage ejects many endpoints at once */
  constructor (log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /**
   * Takes what a worker says of a version in the place of what it said before. What it says of one that is not configured
   * any more is late: it would come back to life with the version.
   */
  report (worker: number, message: HealthMessage): void {
    const key = keyOf(message.route, message.version)
    if (this.#known?.has(key) === false) return
    const reports = this.#reports.get(worker) ?? new Map<string, HealthMessage>()
    this.#logChanges(worker, reports.get(key), message)
    if (message.endpoints.length === 0 && !message.panic) reports.delete(key)
    else reports.set(key, message)
    this.#reports.set(worker, reports)
  }

  /** A worker is gone, and what it knew with it. */
  forget (worker: number): void {
    this.#reports.delete(worker)
  }

  /** Says which versions are configured, and forgets the others. */
  retain (versions: ReadonlyArray<{ readonly route: string, readonly version: string }>): void {
    const known = new Set(versions.map(({ route, version }) => keyOf(route, version)))
    this.#known = known
    for (const reports of this.#reports.values()) for (const key of reports.keys()) if (!known.has(key)) reports.delete(key)
  }

  /** @param workers how many there are now */
  summary (route: string, version: string, workers: number): VersionHealthSummary {
    const key = keyOf(route, version)
    const reports: HealthMessage[] = []
    for (const known of this.#reports.values()) {
      const report = known.get(key)
      if (report !== undefined) reports.push(report)
    }
    if (reports.length === 0) return NOTHING_SAID
    const byEndpoint = Map.groupBy(reports.flatMap(({ endpoints }) => endpoints), ({ endpoint }) => endpoint)
    return {
      panicWorkers: reports.filter(({ panic }) => panic).length,
      endpoints: new Map([...byEndpoint].map(([endpoint, said]) => [endpoint, summarise(said, workers)])),
      unavailable (endpoints) {
        const keys = keysOf(endpoints)
        return Math.max(0, ...reports.map(report => report.endpoints.filter(({ endpoint, available }) => !available &&
          keys.has(endpoint)).length))
      },
      used: endpoints => Math.min(
        ...reports.map(report => usedOf(report, endpoints).length), reports.length < workers ? NOTHING_SAID.used(endpoints) : Infinity
      ),
      usedBy (endpoints) {
        const counts = new Map<string, number>()
        const silent = Math.max(0, workers - reports.length)
        for (const key of silent > 0 ? usedOf(undefined, endpoints) : []) counts.set(key, silent)
        for (const key of reports.flatMap(report => usedOf(report, endpoints))) counts.set(key, (counts.get(key) ?? 0) + 1)
        return new Map([...counts].map(([key, count]) => [key, shareOf(count, workers)]))
      }
    }
  }

  #logChanges (worker: number, before: HealthMessage | undefined, now: HealthMessage): void {
    const { route, version, panic } = now
    if (panic && before?.panic !== true) this.#log.warn('so few endpoints are available that all are used', { route, version, worker })
    else if (!panic && before?.panic === true) this.#log.info('enough endpoints are available again', { route, version, worker })
    const earlier = ejectionsOf(before)
    const present = ejectionsOf(now)
    for (const [endpoint, ejection] of present) {
      if (isSame(earlier.get(endpoint), ejection)) continue
      const { sinceMs, untilMs, detail } = ejection
      this.#log.warn('an endpoint was ejected', {
        route, version, endpoint, worker, detail, forMs: Math.round((untilMs ?? sinceMs) - sinceMs)
      })
    }
    for (const [endpoint, ejection] of earlier) {
      if (!present.has(endpoint) && this.#isOver(ejection)) {
        this.#log.info('an endpoint is back from its ejection', { route, version, endpoint, worker })
      }
    }
  }

  /** One that has left the list before its time is not back. */
  #isOver ({ untilMs }: HealthReasonReport): boolean {
    return untilMs !== null && untilMs <= this.#clock.wallMs() + CLOCK_SLACK_MS
  }
}

function keysOf (endpoints: readonly Endpoint[]): ReadonlySet<string> {
  return new Set(endpoints.map(endpointKey))
}

/** The endpoints that the worker uses which said this (undefined: nothing), by the rule that it goes by. */
function usedOf (message: HealthMessage | undefined, endpoints: readonly Endpoint[]): readonly string[] {
  if (message?.panic === true) return [...keysOf(endpoints)]
  const reports = new Map(message?.endpoints.map(report => [report.endpoint, report]))
  const members = endpoints.map(endpoint => {
    const key = endpointKey(endpoint)
    const report = reports.get(key)
    return {
      key,
      isPreferred: isPreferred(endpoint),
      health: {
        available: report?.available ?? true, checkFailing: report?.reasons.some(({ kind }) => kind === 'check-failed') ?? false
      }
    }
  })
  return usableMembers(members, 0, new Set(members.filter(member => member.isPreferred))).members.map(({ key }) => key)
}

function ejectionsOf (message: HealthMessage | undefined): ReadonlyMap<string, HealthReasonReport> {
  return new Map((message?.endpoints ?? []).flatMap(({ endpoint, reasons }) =>
    reasons.filter(({ kind }) => kind === 'ejected').map((reason): [string, HealthReasonReport] => [endpoint, reason])))
}

function isSame (left: HealthReasonReport | undefined, right: HealthReasonReport): boolean {
  return left !== undefined && left.detail === right.detail && Math.abs(left.sinceMs - right.sinceMs) < CLOCK_SLACK_MS
}

function summarise (said: readonly EndpointHealthReport[], workers: number): EndpointHealthSummary {
  const unavailable = said.filter(({ available }) => !available).length
  const byKind = Map.groupBy(said.flatMap(({ reasons }) => reasons), ({ kind }) => kind)
  return { available: shareOf(workers - unavailable, workers), reasons: [...byKind].map(([kind, reasons]) => merge(kind, reasons)) }
}

/** How many of the workers it is, in a word. */
export function shareOf (count: number, workers: number): WorkerShare {
  if (count <= 0 && workers > 0) return 'none'
  return count >= workers ? 'all' : 'some'
}

/** One line for a kind of reason: the earliest start, the latest end, and what the latest says. */
function merge (kind: HealthReasonReport['kind'], reasons: readonly HealthReasonReport[]): HealthReasonSummary {
  const latest = reasons.reduce((found, reason) => reason.sinceMs > found.sinceMs ? reason : found)
  const ends = reasons.flatMap(({ untilMs }) => untilMs ?? [])
  return {
    kind,
    workers: reasons.length,
    sinceMs: Math.min(...reasons.map(({ sinceMs }) => sinceMs)),
    untilMs: ends.length === 0 ? null : Math.max(...ends),
    detail: latest.detail
  }
}

/** Names hold no space. */
function keyOf (route: string, version: string): string {
  return `${route} ${version}`
}
