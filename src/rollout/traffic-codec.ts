import type { StateCodec } from '../store/state-store.ts'
import { sameVersions, type Weights } from '../contract/weights.ts'
import type { ChangeAction, ChangeSource, Revision, RouteTraffic, TrafficState } from './traffic-state.ts'
import { EMPTY_TRAFFIC, MAX_HISTORY, MAX_SUPERSEDED } from './traffic-state.ts'

type Plain = Readonly<Record<string, unknown>>

const SOURCES: readonly ChangeSource[] = ['api', 'config', 'kubernetes', 'step', 'verdict']
const ACTIONS: readonly ChangeAction[] = ['weights', 'switch', 'undo', 'config', 'rollout']

/**
 * The traffic state as JSON. A commit changes one route of perhaps thousands, so the text of each route is remembered as
 * long as the route's object lives.
 */
export function createTrafficCodec (): StateCodec<TrafficState> {
  const texts = new WeakMap<RouteTraffic, string>()
  return {
    initial: EMPTY_TRAFFIC,
    encode (state) {
      const routes = []
      for (const [name, route] of state.routes) {
        const text = texts.get(route) ?? JSON.stringify(route)
        texts.set(route, text)
        routes.push(`${JSON.stringify(name)}:${text}`)
      }
      return `{"epochFloor":${state.epochFloor},"routes":{${routes.join(',')}}}`
    },
    decode: decodeTraffic
  }
}

/** @throws Error naming the first place that is wrong */
function decodeTraffic (plain: unknown): TrafficState {
  const value = record(plain, 'value')
  const routes = new Map<string, RouteTraffic>()
  for (const [name, route] of Object.entries(record(value['routes'], 'value.routes'))) {
    routes.set(name, decodeRoute(route, `value.routes.${name}`))
  }
  return { routes, epochFloor: count(value['epochFloor'], 'value.epochFloor') }
}

/** @throws Error naming the first place that is wrong */
export function decodeRoute (plain: unknown, place: string): RouteTraffic {
  const value = record(plain, place)
  const history = list(value['history'], `${place}.history`)
  const former = value['supersededFileWeights']
  const route = {
    epoch: count(value['epoch'], `${place}.epoch`),
    revision: count(value['revision'], `${place}.revision`),
    weights: weights(value['weights'], `${place}.weights`),
    fileWeights: weights(value['fileWeights'], `${place}.fileWeights`),
    ...(former === undefined ? {} : { supersededFileWeights: supersededList(former, `${place}.supersededFileWeights`) }),
    history: history.slice(-MAX_HISTORY).map((entry, index) => decodeRevision(entry, `${place}.history[${index}]`))
  }
  if (!sameVersions(route.fileWeights, route.weights)) {
    throw new Error(`${place}.weights and fileWeights name different versions`)
  }
  return route
}

function supersededList (plain: unknown, place: string): readonly Weights[] {
  return list(plain, place).slice(-MAX_SUPERSEDED).map((each, index) => weights(each, `${place}[${index}]`))
}

function decodeRevision (plain: unknown, place: string): Revision {
  const value = record(plain, place)
  return {
    revision: count(value['revision'], `${place}.revision`),
    epoch: count(value['epoch'], `${place}.epoch`),
    actor: text(value['actor'], `${place}.actor`),
    reason: text(value['reason'], `${place}.reason`),
    source: oneOf(SOURCES, value['source'], `${place}.source`),
    action: oneOf(ACTIONS, value['action'], `${place}.action`),
    before: weights(value['before'], `${place}.before`),
    after: weights(value['after'], `${place}.after`),
    at: text(value['at'], `${place}.at`)
  }
}

function weights (plain: unknown, place: string): Weights {
  return Object.fromEntries(Object.entries(record(plain, place)).map(([name, weight]) => {
    // The file may hold weights that the API would refuse, because the configuration may set them.
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) throw new Error(`${place}.${name} is not a weight`)
    return [name, weight]
  }))
}

function record (plain: unknown, place: string): Plain {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) throw new Error(`${place} is not an object`)
  return { ...plain }
}

function list (plain: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(plain)) throw new Error(`${place} is not a list`)
  return plain
}

function count (plain: unknown, place: string): number {
  if (typeof plain !== 'number' || !Number.isSafeInteger(plain) || plain < 0) throw new Error(`${place} is not a whole number`)
  return plain
}

function text (plain: unknown, place: string): string {
  if (typeof plain !== 'string' || plain.length > 2000) throw new Error(`${place} is not a text`)
  return plain
}

function oneOf<V extends string> (allowed: readonly V[], plain: unknown, place: string): V {
  const found = allowed.find(value => value === plain)
  if (found === undefined) throw new Error(`${place} is not one of ${allowed.join(', ')}`)
  return found
}
