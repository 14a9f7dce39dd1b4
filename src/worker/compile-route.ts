/**
 * Turns what the control plane says of a route into what requests read.
 */
import { compileEntry } from '../actions/route-entry.ts'
import { compileEdits } from '../actions/version-edits.ts'
import { createBalancer } from '../balancing/balancer.ts'
import type { EndpointSet } from '../core/endpoint.ts'
import type { CheckVerdict } from '../health/endpoint-health.ts'
import type { HealthEvent } from '../health/version-health.ts'
import { type RouteState, RouteRuntime, VersionRuntime } from '../exchange/route-runtime.ts'
import type { Membership } from '../placement/membership.ts'
import type { PlacementBook } from '../placement/placement-book.ts'
import { Split } from '../routing/split.ts'
import { compileStickyKey } from '../routing/sticky-key.ts'
import { slotView, TURNED_AWAY_REASONS } from '../telemetry/counter-layout.ts'
import type { EndpointPools } from '../upstream/endpoint-pools.ts'
import type { TransportBook } from '../upstream/transport-book.ts'
import { VersionPool } from '../upstream/version-pool.ts'
import type { RouteSpec } from '../contract/route-spec.ts'

/** What every route of a worker is compiled with. */
export interface RouteMaterial {
  readonly pools: EndpointPools
  readonly transports: TransportBook
  readonly segments: readonly SharedArrayBuffer[]
  /** 32 random bits, signed. */
  readonly random: () => number
  readonly nowMs: () => number
  readonly wallMs: () => number
  readonly placements: PlacementBook
  readonly onHealthEvent: (route: string, version: string, event: HealthEvent) => void
}

/** What the worker knows of a route besides its configuration. */
export interface RouteKnowledge {
  readonly epoch: number
  readonly weights: Readonly<Record<string, number>>
  /** Of the rollout; '' without one. */
  readonly salt: string
  readonly endpoints: ReadonlyMap<string, EndpointSet>
  /** What active checks found to fail, by version, then `address:port`. */
  readonly failing: ReadonlyMap<string, ReadonlyMap<string, CheckVerdict>>
  readonly state: RouteState
  /** Who is on a list of the route. */
  readonly listOf: (list: string) => Membership
}

export function compileRoute (spec: RouteSpec, material: RouteMaterial, knowledge: RouteKnowledge): RouteRuntime {
  const { random, nowMs, pools, transports } = material
  const { health, circuitBreaker, failover } = spec.policy
  const edits = compileEdits(spec.actions, spec.versions.map(({ actions }) => actions))
  const versions = spec.versions.map(({ name, slot, tls, maxBodyBytes = 0 }, index) => {
    const pool = new VersionPool(pools, createBalancer(spec.balancing, spec.affinity.level, random), {
      transport: transports.of(tls),
      health,
      circuitBreaker,
      random,
      nowMs,
      onHealthEvent: event => { material.onHealthEvent(spec.name, name, event) }
    })
    pool.update([...knowledge.endpoints.get(name)?.values() ?? []])
    const failing = knowledge.failing.get(name)
    if (failing !== undefined) pool.applyChecks(failing)
    const version = new VersionRuntime(name, index, pool, slotView(material.segments, slot))
    version.edits = edits[index] ?? null
    version.maxBodyBytes = maxBodyBytes
    return version
  })
  const names = versions.map(({ name }) => name)
  const split = new Split(spec.affinity.salt ?? spec.name, names, names.map(name => knowledge.weights[name] ?? 0), knowledge.salt)
  const to = versions.find(({ name }) => name === failover?.to)
  const clientCookies = material.placements.cookiesOf(spec.affinity, random)
  return new RouteRuntime(spec.name, {
    stickyKey: clientCookies ?? compileStickyKey(spec.affinity, random),
    clientCookies,
    placement: material.placements.placementOf(spec, {
      versions: names, listOf: knowledge.listOf, wallMs: material.wallMs
    }),
    policy: spec.policy,
    entry: compileEntry(spec.actions, {
      defaultHost: spec.policy.defaultHost,
      table: spec.rateTable,
      counts: spec.entrySlot === undefined ? new Float64Array(TURNED_AWAY_REASONS.length) : slotView(material.segments, spec.entrySlot)
    }),
    failover: failover === null || to === undefined ? null : { to, on: failover.on }
  }, { versions, split, epoch: knowledge.epoch }, knowledge.state)
}
