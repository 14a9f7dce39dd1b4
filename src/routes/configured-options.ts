/**
 * The configuration of the data plane, and the policies of its routes, in the units that the code uses.
 */
import { messageChanges, routeActions, turnsAway } from './configured-actions.ts'
import { parseDurationMs } from '../core/duration.ts'
import type { AffinityConfig, Config, OverridesConfig, RouteConfig, VersionConfig } from '../config/schema.ts'
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import type { PlacementSpec, SigningKey } from '../contract/placement-spec.ts'
import type { Affinity, Authorities, RouteSpec, UpstreamTls } from '../contract/route-spec.ts'
import { listSpecs } from '../lists/list-specs.ts'
import { knownMatch } from '../plans/read-match.ts'
import type { DataPlaneOptions } from '../contract/data-plane-options.ts'
import type { HealthPolicy, RoutePolicy, RouteTimeouts } from '../contract/route-policy.ts'
import { ROUTE_ITSELF } from '../telemetry/counter-layout.ts'

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

/** The content of files that a configuration names. */
interface NamedContents {
  readonly authoritiesOf: (file: string) => Authorities
  /** The keys of several files, in their order. */
  readonly keysOf: (files: readonly string[]) => readonly SigningKey[]
}

/** What routes are made with. */
interface RouteMakings {
  /** What holds for a route that says nothing of its own. */
  readonly common: CommonLimits & { readonly overrides: OverridesConfig }
  /** The counter slot of a version. */
  readonly slotFor: (route: string, version: string) => number
  readonly files: NamedContents
}

/** The routes of a configuration as workers need them. */
export function routeSpecs (routes: readonly RouteConfig[], { common, slotFor, files }: RouteMakings): readonly RouteSpec[] {
  return routes.map(route => ({
    name: route.name,
    match: route.match ?? {},
    affinity: affinityOf(route.affinity, files),
    balancing: route.balancing,
    policy: routePolicy(route, common),
    placement: placementOf(route, common.overrides, files),
    mirror: route.mirror === undefined ? null : mirrorSpec(route.mirror),
    ...(route.filters === undefined ? {} : { actions: routeActions(route.filters, route.match) }),
    ...(turnsAway(route) ? { entrySlot: slotFor(route.name, ROUTE_ITSELF) } : {}),
    versions: route.versions.map(({ name, tls, filters, maxBodyBytes }) => ({
      name,
      slot: slotFor(route.name, name),
      ...(tls === undefined ? {} : { tls: upstreamTls(tls, files.authoritiesOf) }),
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

function affinityOf ({ issue, ...affinity }: AffinityConfig, { keysOf }: NamedContents): Affinity {
  if (issue === undefined) return affinity
  const { name, path, sameSite, secure, maxAge, httpOnly, keyFiles } = issue
  const keys = keysOf(keyFiles)
  return { ...affinity, issue: { name, path, sameSite, secure, maxAgeSeconds: parseDurationMs(maxAge) / 1_000, httpOnly, keys } }
}

/** Null when nothing chooses a version but the split. */
function placementOf (
  { name, overrides: own, lists, versions }: RouteConfig, common: OverridesConfig, { keysOf }: NamedContents
): PlacementSpec | null {
  const { keyFiles, trustedNetworks } = own ?? common
  const overrides = keyFiles.length + trustedNetworks.length === 0 ? null : { route: name, keys: keysOf(keyFiles), trustedNetworks }
  const matches = versions.flatMap(({ name: version, match }) => match === undefined ? [] : [{ version, ...knownMatch(match, 'match') }])
  return overrides === null && lists.length + matches.length === 0 ? null : { overrides, lists: listSpecs({ lists }), matches }
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
