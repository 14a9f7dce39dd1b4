/**
 * What would become of a request that comes now: a worker's own choice, made without the request. It asks the routes, splits, pools
 * and limits that requests ask, by the code that they run, and changes nothing. Cold.
 */
import { editTraces } from '../actions/explain-edits.ts'
import { PlainRequest } from '../routing/plain-request.ts'
import { StickyKey } from '../routing/sticky-key.ts'
import { ownVersion, standIn, withoutEndpoint } from './choose-version.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'
import type { PlacementKind } from '../contract/placement-spec.ts'
import type {
  ActionTrace, Choice, ChoiceAnswer, ChoiceQuestion, RuleTrace, VersionFacts, VersionScore, RecallAnswer
} from '../contract/questions.ts'
import type { PlacedTerms } from '../placement/placement.ts'

const MAX_LEFT_OUT = 5

export function explainChoice (context: ExchangeContext, { route: name, ip, request }: ChoiceQuestion): ChoiceAnswer {
  const view = new PlainRequest(request)
  const route = context.routes.get(name)
  const matchedRoute = context.table.match(view)?.name ?? null
  if (route === undefined) return { matchedRoute, choice: null }
  const key = new StickyKey()
  route.stickyKey.resolve(view, ip, key)
  const { maxConcurrentRequests } = context.settings.limits
  const full = maxConcurrentRequests > 0 && context.inFlight >= maxConcurrentRequests
  const placing = placingOf(route, view, ip)
  const choice = key.kind === 'random' && placing.terms.placed === '' ? randomChoice(route, placing) : keyedChoice(route, key, placing)
  if (full) return { matchedRoute, choice: { ...choice, outcome: 'overloaded', version: null, endpoint: null } }
  const entry = route.entry?.foretell({ view, clientIp: ip, wallMs: context.clock.wallMs() }) ?? []
  const outcome = entry.at(-1)?.outcome ?? null
  if (outcome !== null) return { matchedRoute, choice: { ...choice, actions: entry, outcome, version: null, endpoint: null } }
  return { matchedRoute, choice: { ...choice, actions: [...entry, ...editsOf(route, choice, view.path())] } }
}

/** What is changed by the version that serves, or that is waited for; by each that may be drawn. */
function editsOf ({ versions, split, policy }: RouteRuntime, { version, chosen }: Choice, path: string): readonly ActionTrace[] {
  const one = version ?? chosen
  return versions
    .filter(({ name }, index) => one === null ? split.weightOf(index) > 0 : name === one)
    .flatMap(each => editTraces(each, path, policy.maxBodyBytes))
}

/** What would become of a request with this key, whatever else it says. Null when there is no such route. */
function explainKey (context: ExchangeContext, routeName: string, key: StickyKey): Choice | null {
  const route = context.routes.get(routeName)
  if (route === undefined) return null
  return key.kind === 'random' ? randomChoice(route, UNPLACED) : keyedChoice(route, key, UNPLACED)
}

/** What the placement of the route makes of a request. */
interface Placing {
  readonly terms: PlacedTerms
  readonly placement: PlacementKind
  readonly rules: readonly RuleTrace[]
}

const UNPLACED: Placing = { terms: { placed: '', excluded: [] }, placement: '', rules: [] }

function placingOf ({ placement }: RouteRuntime, view: PlainRequest, clientIp: string): Placing {
  if (placement === null) return UNPLACED
  const terms: PlacedTerms = { placed: '', excluded: [] }
  let kind: PlacementKind = ''
  placement.place(view, { clientIp, notePlaced: noted => { kind = noted } }, terms)
  return { terms, placement: kind, rules: placement.trace(view, clientIp) }
}

function keyedChoice (route: RouteRuntime, { hash, kind }: StickyKey, { terms, placement, rules }: Placing): Choice {
  const own = { ...terms, keyHash: hash }
  const chosen = ownVersion(route, own)
  const random = kind === 'random'
  const { versions, ...facts } = commonFacts(route, hash)
  return {
    ...facts,
    versions: random ? versions.map(version => ({ ...version, score: undefined })) : versions,
    placement,
    rules,
    keyKind: kind,
    keyHash: random ? null : hash,
    chosen: chosen?.name ?? null,
    ...prospectOf(route, chosen === undefined || chosen.pool.ready ? chosen : standIn(route, chosen, own), hash)
  }
}

/** Each request draws anew: only what is the same for every draw can be said. */
function randomChoice (route: RouteRuntime, { terms: { excluded }, placement, rules }: Placing): Choice {
  const drawn = route.versions.filter((_, index) => route.split.weightOf(index) > 0)
  const left = drawn.filter(({ name }) => !excluded.includes(name))
  const weighted = left.length > 0 ? left : drawn
  const ready = weighted.filter(({ pool }) => pool.ready)
  const filled = ready.length > 0 ? ready : weighted.filter(({ pool }) => !pool.empty)
  const possible = route.policy.whenEmpty === 'fallback' && filled.length > 0 ? filled : weighted
  const { versions, ...facts } = commonFacts(route, 0)
  const common = {
    ...facts, versions: versions.map(version => ({ ...version, score: undefined })), placement, rules, keyKind: 'random', keyHash: null
  } as const
  const chosen = weighted.length === 1 ? weighted[0]?.name ?? null : null
  if (possible.length > 1) return { ...common, chosen, version: null, endpoint: null, outcome: 'undecided' }
  const [only] = possible
  const prospect = prospectOf(route, only, 0)
  // Where there are several, the endpoint is drawn by the random key as well.
  const single = versions.find(({ version }) => version === only?.name)?.used === 1
  return { ...common, chosen, ...prospect, endpoint: single ? prospect.endpoint : null }
}

function commonFacts (route: RouteRuntime, keyHash: number): Pick<Choice, 'actions' | 'epoch' | 'versions' | 'failoverTo'> {
  const scores = route.split.scores(keyHash)
  return {
    actions: [],
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
    leftOut: out.slice(0, MAX_LEFT_OUT).map(({ endpoint, far, reasons }) =>
      `${endpoint} (${far === true ? 'in another zone or on another node' : reasons.map(({ kind, detail }) => `${kind}: ${detail}`).join('; ')})`)
  }
}

function prospectOf (
  route: RouteRuntime, version: VersionRuntime | undefined, keyHash: number
): Pick<Choice, 'version' | 'endpoint' | 'outcome'> {
  if (version === undefined) return { version: null, endpoint: null, outcome: 'no_endpoint' }
  const { open, endpoint } = version.pool.foretell(keyHash)
  if (open && !version.pool.empty) return { version: version.name, endpoint: endpoint?.key ?? null, outcome: 'attempt' }
  const error = withoutEndpoint(route, version)
  if (error !== null) return { version: null, endpoint: null, outcome: error === 'circuit_open' ? 'circuit_open' : 'no_endpoint' }
  return { version: null, endpoint: null, outcome: route.hold.hasRoom(0) ? 'waits' : 'hold_full' }
}

/**
 * What a worker can say of a request that is over, by its id. Cold.
 */

export function recallRequest (context: ExchangeContext, id: string): RecallAnswer {
  const { recent, clock } = context
  const toWall = (ms: number): number => ms + clock.wallMs() - clock.nowMs()
  const found = recent.find(id)
  const facts = { remembered: recent.size, oldestWallMs: recent.size === 0 ? null : toWall(recent.oldestMs) }
  if (found === undefined) return { ...facts, request: null }
  const { startMs, ...request } = found
  const { keyKind: kind, keyHash: hash } = found
  const now = kind === 'none' ? null : explainKey(context, found.route, { kind, hash })
  return { ...facts, request: { ...request, wallMs: toWall(startMs), now } }
}
