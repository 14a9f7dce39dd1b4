/**
 * The configuration of the data plane, and the policies of its routes, in the units that the code uses.
 */
import { messageChanges, routeActions } from './configured-actions.ts'
import { parseDurationMs } from '../core/duration.ts'
import type { Config, RouteConfig, VersionConfig } from '../config/schema.ts'
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import type { Authorities, RouteSpec, UpstreamTls } from '../contract/route-spec.ts'
import type { DataPlaneOptions } from '../contract/data-plane-options.ts'
import type { HealthPolicy, RoutePolicy, RouteTimeouts } from '../contract/route-policy.ts'

/** `limits.maxConnections: auto`. Descriptors may allow fewer, of which each worker sees to by itself. */
const MOST_CONNECTIONS = 60_000

/**
 * What a worker has to know besides its routes.
 * @param maxBufferedBytes what it may keep for its clients and endpoints
 */
export function dataPlaneOptions (config: Config, maxBufferedBytes: number): DataPlaneOptions {
  const { limits, accessLog, shadow } = config
  return {
    trustedProxies: config.clientIp.trustedProxies,
    responseFields: config.responseFields,
    timeoutsMs: timeoutsOf(config),
    limits: { ...limits, maxConnections: limits.maxConnections === 'auto' ? MOST_CONNECTIONS : limits.maxConnections, maxBufferedBytes },
    shadow: {
      maxRequests: shadow.maxRequests,
      maxBytes: shadow.maxBytes,
      maxLoopLagMs: parseDurationMs(shadow.maxLoopLag),
      maxLoopUtilization: shadow.maxLoopUtilization
    },
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
    placement: null,
    mirror: route.mirror === undefined ? null : mirrorSpec(route.mirror),
    ...(route.filters === undefined ? {} : { actions: routeActions(route.filters, route.match) }),
    versions: route.versions.map(({ name, tls, filters, maxBodyBytes }) => ({
      name,
      slot: slotFor(route.name, name),
      ...(tls === undefined ? {} : { tls: upstreamTls(tls, authoritiesOf) }),
      ...(filters === undefined ? {} : { actions: messageChanges(filters, route.match) }),
      ...(maxBodyBytes === undefined ? {} : { maxBodyBytes })
    }))
  }))
}

/**
 * A route's `mirror` as workers need it.
 * @public
 */
export function mirrorSpec (mirror: NonNullable<RouteConfig['mirror']>): MirrorSpec {
  const { compare } = mirror
  const lower = (names: readonly string[]): readonly string[] => names.map(name => name.toLowerCase())
  return {
    to: mirror.to,
    percent: mirror.percent,
    maxBodyBytes: mirror.maxBodyBytes,
    maxAnswerBytes: mirror.maxAnswerBytes,
    methods: mirror.methods,
    cookies: mirror.cookies,
    authorization: mirror.authorization,
    removeHeaders: lower(mirror.removeHeaders),
    timeoutMs: parseDurationMs(mirror.timeout),
    compare: !compare.enabled
      ? null
      : {
          headers: compare.headers === undefined ? null : lower(compare.headers),
          ignoreHeaders: lower(compare.ignoreHeaders),
          body: compare.body,
          ignoreJsonPaths: compare.ignoreJsonPaths,
          maxJsonBytes: compare.maxJsonBytes,
          exampleBytes: compare.exampleBodyBytes
        }
  }
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

/** What holds for the requests of a route that says nothing of its own. */
export interface CommonLimits {
  readonly timeoutsMs: RouteTimeouts
  readonly limits: { readonly maxBodyBytes: number }
}

/** The policy of a route: what it says, and where it says nothing what holds for all. */
export function routePolicy (route: RouteConfig, { timeoutsMs, limits }: CommonLimits): RoutePolicy {
  const { hold, retries, failover } = route
  return {
    whenEmpty: route.whenEmpty,
    upgrades: new Set(route.upgrades.map(name => name.toLowerCase())),
    defaultHost: route.defaultHost ?? '',
    timeoutsMs: routeTimeouts(route.timeouts ?? {}, timeoutsMs),
    maxBodyBytes: route.maxBodyBytes ?? limits.maxBodyBytes,
    hold: { maxRequests: hold.maxRequests, maxBytes: hold.maxBytes, maxAgeMs: parseDurationMs(hold.maxAge) },
    retries: {
      attempts: retries.attempts,
      on: new Set(retries.on),
      perTryTimeoutMs: parseDurationMs(retries.perTryTimeout),
      idempotentOnly: retries.idempotentOnly,
      bufferBytes: retries.bufferBytes,
      budget: retries.budget
    },
    failover: failover === undefined ? null : { to: failover.to, on: new Set(failover.on) },
    health: healthPolicy(route),
    circuitBreaker: route.circuitBreaker
  }
}

function routeTimeouts (own: NonNullable<RouteConfig['timeouts']>, common: RouteTimeouts): RouteTimeouts {
  const { requestBody, upstreamConnect, upstreamResponse, tunnelIdle, streamIdle } = own
  const orCommon = (text: string | undefined, commonMs: number): number => text === undefined ? commonMs : parseDurationMs(text)
  return {
    requestBody: orCommon(requestBody, common.requestBody),
    upstreamConnect: orCommon(upstreamConnect, common.upstreamConnect),
    upstreamResponse: orCommon(upstreamResponse, common.upstreamResponse),
    tunnelIdle: orCommon(tunnelIdle, common.tunnelIdle),
    streamIdle: orCommon(streamIdle, common.streamIdle)
  }
}

function healthPolicy ({ health: { passive, panicThreshold }, slowStart }: RouteConfig): HealthPolicy {
  const { successRate } = passive
  return {
    panicThreshold,
    slowStart: { windowMs: parseDurationMs(slowStart.window), minShare: slowStart.minShare },
    ejection: {
      consecutiveFailures: passive.enabled ? passive.consecutiveFailures : 0,
      intervalMs: parseDurationMs(passive.interval),
      baseMs: parseDurationMs(passive.baseEjection),
      maxMs: parseDurationMs(passive.maxEjection),
      maxShare: passive.maxEjectedShare,
      successRate: !passive.enabled || !successRate.enabled
        ? null
        : {
            minEndpoints: successRate.minEndpoints,
            minRequests: successRate.minRequests,
            stdevFactor: successRate.stdevFactor,
            minDifference: successRate.minDifference
          }
    }
  }
}
