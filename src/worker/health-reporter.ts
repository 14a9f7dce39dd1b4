/**
 * Tells the control plane what the worker has found out about its endpoints: once a tick at most, only what differs from what was
 * told before, and of each version only the endpoints with something to say.
 */
import type { Clock } from '../core/clock.ts'
import type { HealthReason } from '../health/endpoint-health.ts'
import type { VersionHealthStatus } from '../health/version-health.ts'
import type { RouteRuntime } from '../exchange/route-runtime.ts'
import type { EndpointHealthReport, HealthMessage, HealthReasonReport } from '../contract/messages.ts'

/** Endpoints of a version that are told; of more it is known only that they are many. */
const MAX_ENDPOINTS = 1_000
/** Versions told of in one tick; others that have changed wait for the next. */
const MAX_VERSIONS = 64

export class HealthReporter {
  readonly #clock: Clock
  /** What was told, as text, by route and version; nothing for a version without anything to say. */
  readonly #told = new Map<string, string>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** What is new since the last call. */
  collect (routes: Iterable<RouteRuntime>): readonly HealthMessage[] {
    const messages: HealthMessage[] = []
    for (const route of routes) {
      for (const { name, pool } of route.versions) {
        if (messages.length >= MAX_VERSIONS) return messages
        if (!pool.takeHealthChange()) continue
        const message = this.#news(route.name, name, pool.notices())
        if (message !== undefined) messages.push(message)
      }
    }
    return messages
  }

  #news (route: string, version: string, { panic, members }: VersionHealthStatus): HealthMessage | undefined {
    const key = `${route} ${version}`
    const notable = members.slice(0, MAX_ENDPOINTS)
    // Compared in the worker's own time: the wall clock may be set meanwhile.
    const text = panic || notable.length > 0 ? JSON.stringify([panic, notable]) : undefined
    if (this.#told.get(key) === text) return undefined
    if (text === undefined) this.#told.delete(key)
    else this.#told.set(key, text)
    return {
      type: 'health',
      route,
      version,
      panic,
      endpoints: notable.map(({ endpoint, available, reasons }): EndpointHealthReport => ({
        endpoint, available, reasons: reasons.map(reason => this.#inWallTime(reason))
      }))
    }
  }

  #inWallTime ({ kind, sinceMs, untilMs, detail }: HealthReason): HealthReasonReport {
    const offsetMs = this.#clock.wallMs() - this.#clock.nowMs()
    return { kind, sinceMs: sinceMs + offsetMs, untilMs: untilMs === null ? null : untilMs + offsetMs, detail }
  }

  /** Forgets what is not there any more. */
  retain (routes: ReadonlyMap<string, RouteRuntime>): void {
    const known = new Set([...routes.values()].flatMap(({ name, versions }) => versions.map(version => `${name} ${version.name}`)))
    for (const key of this.#told.keys()) if (!known.has(key)) this.#told.delete(key)
  }
}
