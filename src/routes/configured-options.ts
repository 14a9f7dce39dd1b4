/**
 * The configuration of the data plane in the units the code uses.
 */
import { parseDurationMs } from '../core/duration.ts'
import type { Config, RouteConfig, VersionConfig } from '../config/schema.ts'
import { routePolicy, type CommonLimits } from './configured-policy.ts'
import type { Authorities, RouteSpec, UpstreamTls } from '../contract/route-spec.ts'
import type { DataPlaneOptions } from '../contract/data-plane-options.ts'

/** `limits.maxConnections: auto`. Descriptors may allow fewer, of which each worker sees to by itself. */
const MOST_CONNECTIONS = 60_000

/**
 * What a worker has to know besides its routes.
 * @param maxBufferedBytes what it may keep for its clients and endpoints
 */
export function dataPlaneOptions (config: Config, maxBufferedBytes: number): DataPlaneOptions {
  const { limits, accessLog } = config
  return {
    trustedProxies: config.clientIp.trustedProxies,
    responseFields: config.responseFields,
    timeoutsMs: timeoutsOf(config),
    limits: { ...limits, maxConnections: limits.maxConnections === 'auto' ? MOST_CONNECTIONS : limits.maxConnections, maxBufferedBytes },
    accessLog: { mode: accessLog.mode, sampleRate: accessLog.sampleRate }
  }
}

function timeoutsOf ({ timeouts, drain }: Config): DataPlaneOptions['timeoutsMs'] {
  return {
    firstByte: parseDurationMs(timeouts.firstByte),
    tlsHandshake: parseDurationMs(timeouts.tlsHandshake),
    requestHead: parseDurationMs(timeouts.requestHead),
    requestBody: parseDurationMs(timeouts.requestBody),
    keepAliveIdle: parseDurationMs(timeouts.keepAliveIdle),
    upstreamConnect: parseDurationMs(timeouts.upstreamConnect),
    upstreamResponse: parseDurationMs(timeouts.upstreamResponse),
    upstreamIdle: parseDurationMs(timeouts.upstreamIdle),
    tunnelIdle: parseDurationMs(timeouts.tunnelIdle),
    tunnelGrace: parseDurationMs(drain.tunnels),
    streamIdle: parseDurationMs(timeouts.streamIdle)
  }
}

/**
 * The routes of a configuration as workers need them.
 * @param common what holds for a route that says nothing of its own
 * @param slotFor the counter slot of a version
 * @param authoritiesOf the content of a file that a version names
 */
export function routeSpecs (
  routes: readonly RouteConfig[],
  common: CommonLimits,
  slotFor: (route: string, version: string) => number,
  authoritiesOf: (file: string) => Authorities
): readonly RouteSpec[] {
  return routes.map(route => ({
    name: route.name,
    match: route.match ?? {},
    affinity: route.affinity,
    balancing: route.balancing,
    policy: routePolicy(route, common),
    versions: route.versions.map(({ name, tls }) => ({
      name,
      slot: slotFor(route.name, name),
      ...(tls === undefined ? {} : { tls: upstreamTls(tls, authoritiesOf) })
    }))
  }))
}

function upstreamTls (
  { ca, serverName, verify }: NonNullable<VersionConfig['tls']>, authoritiesOf: (file: string) => Authorities
): UpstreamTls {
  return {
    verify,
    ...(ca === undefined ? {} : { ca: authoritiesOf(ca) }),
    ...(serverName === undefined ? {} : { serverName })
  }
}
