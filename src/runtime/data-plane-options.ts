/**
 * The configuration of the data plane in the units the code uses.
 */
import { parseDurationMs } from '../core/duration.ts'
import type { Config } from '../config/schema.ts'
import type { DataPlaneOptions, RouteSpec } from '../snapshot/messages.ts'

/** What a worker has to know besides its routes. */
export function dataPlaneOptions (config: Config): DataPlaneOptions {
  const { timeouts, limits, accessLog } = config
  return {
    trustedProxies: config.clientIp.trustedProxies,
    timeoutsMs: {
      requestHead: parseDurationMs(timeouts.requestHead),
      requestBody: parseDurationMs(timeouts.requestBody),
      keepAliveIdle: parseDurationMs(timeouts.keepAliveIdle),
      upstreamConnect: parseDurationMs(timeouts.upstreamConnect),
      upstreamResponse: parseDurationMs(timeouts.upstreamResponse),
      upstreamIdle: parseDurationMs(timeouts.upstreamIdle),
      streamIdle: parseDurationMs(timeouts.streamIdle)
    },
    limits,
    accessLog: { mode: accessLog.mode, sampleRate: accessLog.sampleRate }
  }
}

/**
 * The routes of a configuration as workers need them.
 * @param slotFor the counter slot of a version
 */
export function routeSpecs (config: Config, slotFor: (route: string, version: string) => number): readonly RouteSpec[] {
  return config.routes.map(route => ({
    name: route.name,
    match: route.match ?? {},
    affinity: route.affinity,
    balancing: route.balancing,
    whenEmpty: route.whenEmpty,
    versions: route.versions.map(({ name }) => ({ name, slot: slotFor(route.name, name) }))
  }))
}
