import type { RouteConfig } from '../../src/config/schema.ts'
import type { ProxyBench } from './data-plane.ts'
import { ok, type OriginHandler, type RawOrigin } from './raw-origin.ts'
import { ROUTE_DEFAULTS } from './route-defaults.ts'
import { RETRY_REASONS, type RetryReason } from '../../src/contract/route-policy.ts'

/** Nothing is ejected, so that a test sees attempts alone. */
export const NO_EJECTION = { health: { ...ROUTE_DEFAULTS.health, passive: { ...ROUTE_DEFAULTS.health.passive, enabled: false } } }

export function retries (different: Partial<RouteConfig['retries']> = {}): Partial<RouteConfig> {
  return { ...NO_EJECTION, retries: { ...ROUTE_DEFAULTS.retries, ...different } }
}

/** Further attempts by what the one before failed of; reasons that did not happen are left out. */
export function retriesOf (bench: ProxyBench, version = 'v1'): Readonly<Partial<Record<RetryReason, number>>> {
  const counts = bench.version(version).retries
  return Object.fromEntries(RETRY_REASONS.flatMap((reason, index) => counts[index] === 0 ? [] : [[reason, counts[index]]]))
}

/** Ends the connection instead of answering. */
export const reset: OriginHandler = (_, connection) => { connection.reset() }
export const closes: OriginHandler = (_, connection) => { connection.end() }

/** Sends these bytes. */
export const says = (bytes: string): OriginHandler => (_, connection) => { connection.send(bytes) }

/** An answer of a gateway. */
export const unavailable = (status: number): string => `HTTP/1.1 ${status} Not Now\r\nContent-Length: 3\r\n\r\nnot`

/** Answers with its name. */
export const named = (name: string): OriginHandler => (_, connection) => { connection.send(ok(name)) }

/**
 * A version whose first request goes to an origin that does what the test wants, and any other attempt to one that answers with
 * `good`: that one joins as soon as the first has got a request.
 */
export async function badThenGood (bench: ProxyBench, bad: OriginHandler, policy: Partial<RouteConfig> = retries()): Promise<{ readonly bad: RawOrigin, readonly good: RawOrigin }> {
  const good = await bench.extraOrigin(named('good'))
  const origin: RawOrigin = await bench.extraOrigin((request, connection) => {
    bench.endpoints('v1', [origin.port, good.port])
    bad(request, connection)
  })
  bench.route([{ weights: { v1: 1 }, policy }])
  bench.endpoints('v1', [origin.port])
  return { bad: origin, good }
}

/** The lines of the access log so far, as objects. */
export function accessLines (bench: ProxyBench): ReadonlyArray<Readonly<Record<string, unknown>>> {
  return bench.logLines.map(line => Object(JSON.parse(line)))
}
