/**
 * What would become of a request that comes now: a worker's own choice, made without the request. It asks the routes, splits, pools
 * and limits that requests ask, by the code that they run, and changes nothing. Cold.
 */
import { PlainRequest } from '../routing/plain-request.ts'
import type { PlainRequestParts } from '../routing/plain-request.ts'
import type { VersionScore } from '../routing/split.ts'
import { StickyKey } from '../routing/sticky-key.ts'
import type { StickyKeyKind } from '../routing/sticky-key.ts'
import { standIn, withoutEndpoint } from './choose-version.ts'
import type { DataPlane } from './data-plane.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** A request that somebody asks about. */
export interface ChoiceQuestion {
  /** The route that is explained, even when another one would take the request. */
  readonly route: string
  /** The address of the client, after trusted proxies. */
  readonly ip: string
  readonly request: PlainRequestParts
}

/** One version as the worker has it. */
export interface VersionFacts extends VersionScore {
  /** Endpoints that requests may go to now, of those that the source allows. */
  readonly used: number
  readonly members: number
  /** So few are available that all are used. */
  readonly panic: boolean
  /** Endpoints that are left out, and what they are left out for; at most MAX_LEFT_OUT. */
  readonly leftOut: readonly string[]
}

/**
 * `attempt`: the request goes to an endpoint of the version. `waits`: it is held until there is one. `undecided`: it is drawn at random
 * between versions. `overloaded` and the others are the error that the client gets.
 */
export type ChoiceOutcome = 'attempt' | 'waits' | 'undecided' | 'overloaded' | 'no_endpoint' | 'circuit_open' | 'hold_full'

/** What a worker would do. */
export interface Choice {
  /** The epoch of the weights that it applies. */
  readonly epoch: number
  readonly keyKind: StickyKeyKind
  /** A signed 32-bit integer; null for a random draw. */
  readonly keyHash: number | null
  /** In the order of the route's versions. */
  readonly versions: readonly VersionFacts[]
  /** The version of the split; null when every weight is 0, or it is drawn at random. */
  readonly chosen: string | null
  /** The version that would serve, or be waited for. */
  readonly version: string | null
  /** The endpoint of the first attempt, where it is certain. */
  readonly endpoint: string | null
  readonly outcome: ChoiceOutcome
  /** The version that helps out when the last attempt fails. */
  readonly failoverTo: string | null
}

export interface ChoiceAnswer {
  /** The route that would take the request; null when none would. */
  readonly matchedRoute: string | null
  /** Null when the worker has no such route. */
  readonly choice: Choice | null
}

const MAX_LEFT_OUT = 5

export function explainChoice (plane: DataPlane, { route: name, ip, request }: ChoiceQuestion): ChoiceAnswer {
  const view = new PlainRequest(request)
  const route = plane.routes.get(name)
  const matchedRoute = plane.table.match(view)?.name ?? null
  if (route === undefined) return { matchedRoute, choice: null }
  const key = new StickyKey()
  route.stickyKey.resolve(view, ip, key)
  const { maxConcurrentRequests } = plane.settings.limits
  const full = maxConcurrentRequests > 0 && plane.inFlight >= maxConcurrentRequests
  const choice = key.kind === 'random' ? randomChoice(route) : keyedChoice(route, key)
  return { matchedRoute, choice: full ? { ...choice, outcome: 'overloaded', version: null, endpoint: null } : choice }
}

/** What would become of a request with this key, whatever else it says. Null when there is no such route. */
export function explainKey (plane: DataPlane, routeName: string, key: StickyKey): Choice | null {
  const route = plane.routes.get(routeName)
  if (route === undefined) return null
  return key.kind === 'random' ? randomChoice(route) : keyedChoice(route, key)
}

function keyedChoice (route: RouteRuntime, { hash, kind }: StickyKey): Choice {
  const chosen = route.versions[route.split.choose(hash)]
  return {
    ...commonFacts(route, hash),
    keyKind: kind,
    keyHash: hash,
    chosen: chosen?.name ?? null,
    ...prospectOf(route, chosen === undefined || chosen.pool.ready ? chosen : standIn(route, chosen, hash), hash)
  }
}

/** Each request draws anew: only what is the same for every draw can be said. */
function randomChoice (route: RouteRuntime): Choice {
  const weighted = route.versions.filter((_, index) => route.split.weightOf(index) > 0)
  const ready = weighted.filter(({ pool }) => pool.ready)
  const filled = ready.length > 0 ? ready : weighted.filter(({ pool }) => !pool.empty)
  const possible = route.policy.whenEmpty === 'fallback' && filled.length > 0 ? filled : weighted
  const { versions, ...facts } = commonFacts(route, 0)
  const common = { ...facts, versions: versions.map(version => ({ ...version, score: undefined })), keyKind: 'random', keyHash: null } as const
  const chosen = weighted.length === 1 ? weighted[0]?.name ?? null : null
  if (possible.length > 1) return { ...common, chosen, version: null, endpoint: null, outcome: 'undecided' }
  const [only] = possible
  const prospect = prospectOf(route, only, 0)
  // Where there are several, the endpoint is drawn by the random key as well.
  const single = versions.find(({ version }) => version === only?.name)?.used === 1
  return { ...common, chosen, ...prospect, endpoint: single ? prospect.endpoint : null }
}

function commonFacts (route: RouteRuntime, keyHash: number): Pick<Choice, 'epoch' | 'versions' | 'failoverTo'> {
  const scores = route.split.scores(keyHash)
  return {
    epoch: route.epoch,
    failoverTo: route.failover?.to.name ?? null,
    versions: route.versions.flatMap((version, index) => {
      const score = scores[index]
      return score === undefined ? [] : [{ ...score, ...poolFacts(version) }]
    })
  }
}

function poolFacts ({ pool }: VersionRuntime): Omit<VersionFacts, keyof VersionScore> {
  const { panic, members } = pool.status()
  const out = members.filter(({ used }) => !used)
  return {
    used: members.length - out.length,
    members: members.length,
    panic,
    leftOut: out.slice(0, MAX_LEFT_OUT).map(({ endpoint, reasons }) => `${endpoint} (${reasons.map(({ kind, detail }) => `${kind}: ${detail}`).join('; ')})`)
  }
}

function prospectOf (route: RouteRuntime, version: VersionRuntime | undefined, keyHash: number): Pick<Choice, 'version' | 'endpoint' | 'outcome'> {
  if (version === undefined) return { version: null, endpoint: null, outcome: 'no_endpoint' }
  const { open, endpoint } = version.pool.foretell(keyHash)
  if (open && !version.pool.empty) return { version: version.name, endpoint: endpoint?.key ?? null, outcome: 'attempt' }
  const error = withoutEndpoint(route, version)
  if (error !== null) return { version: null, endpoint: null, outcome: error === 'circuit_open' ? 'circuit_open' : 'no_endpoint' }
  return { version: null, endpoint: null, outcome: route.hold.hasRoom(0) ? 'waits' : 'hold_full' }
}
