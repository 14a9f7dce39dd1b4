import type { StateCodec } from '../store/state-store.ts'
import { sameVersions, type Weights } from '../contract/weights.ts'
import { countAt, listAt, oneOfAt, recordAt, wordsAt } from '../core/values-at.ts'
import type { ChangeAction, ChangeSource, Revision, RouteTraffic, TrafficState } from './traffic-state.ts'
import { EMPTY_TRAFFIC, MAX_HISTORY, MAX_SUPERSEDED } from './traffic-state.ts'
import type { DroppedListener } from './match-codec.ts'
import { decodeRollout, weightsAt } from './rollout-codec.ts'
import type { RolloutState } from './rollout-state.ts'

const SOURCES: readonly ChangeSource[] = ['api', 'config', 'kubernetes', 'step', 'verdict']
const ACTIONS: readonly ChangeAction[] = ['weights', 'switch', 'undo', 'config', 'rollout']

const MAX_SALT = 128

/**
 * What a Weir has to know that reads a state: 1, or 2 for one with rollouts, which a Weir without them would drop at its first change, or 3
 * for rollouts with steps, or a preset, that came later.
 */
export function formatOf ({ routes }: TrafficState): 1 | 2 | typeof NEWEST_FORMAT {
  const all = [...routes.values()]
  if (all.some(({ rollout }) => rollout !== undefined && isOfLaterKind(rollout))) return NEWEST_FORMAT
  return all.some(({ salt, rollout }) => salt !== undefined || rollout !== undefined) ? 2 : 1
}

function isOfLaterKind ({ plan: { preset, steps } }: RolloutState): boolean {
  return preset === 'a-b' || steps.some(({ kind }) => kind === 'set-match' || kind === 'mirror')
}

export const NEWEST_FORMAT = 3

/**
 * The traffic state as JSON. A commit changes one route of perhaps thousands, so the text of each route is remembered as
 * long as the route's object lives.
 * @param dropped hears what of a state that is read is left out
 */
export function createTrafficCodec (dropped: DroppedListener = () => {}): StateCodec<TrafficState> {
  const texts = new WeakMap<RouteTraffic, string>()
  return {
    initial: EMPTY_TRAFFIC,
    newestFormat: NEWEST_FORMAT,
    formatOf,
    encode (state) {
      const routes = []
      for (const [name, route] of state.routes) {
        const text = texts.get(route) ?? JSON.stringify(route)
        texts.set(route, text)
        routes.push(`${JSON.stringify(name)}:${text}`)
      }
      return `{"epochFloor":${state.epochFloor},"routes":{${routes.join(',')}}}`
    },
    decode: plain => decodeTraffic(plain, dropped)
  }
}

/** @throws Error naming the first place that is wrong */
function decodeTraffic (plain: unknown, dropped: DroppedListener): TrafficState {
  const value = recordAt(plain, 'value')
  const routes = new Map<string, RouteTraffic>()
  for (const [name, route] of Object.entries(recordAt(value['routes'], 'value.routes'))) {
    routes.set(name, decodeRoute(route, `value.routes.${name}`, dropped))
  }
  return { routes, epochFloor: countAt(value['epochFloor'], 'value.epochFloor') }
}

/** @throws Error naming the first place that is wrong */
export function decodeRoute (plain: unknown, place: string, dropped: DroppedListener): RouteTraffic {
  const value = recordAt(plain, place)
  const history = listAt(value['history'], `${place}.history`)
  const { supersededFileWeights: former, salt, rollout } = value
  const weights = weightsAt(value['weights'], `${place}.weights`)
  const fileWeights = weightsAt(value['fileWeights'], `${place}.fileWeights`)
  // Before the rollout, which has something to say of other versions too.
  if (!sameVersions(fileWeights, weights)) throw new Error(`${place}.weights and fileWeights name different versions`)
  return {
    epoch: countAt(value['epoch'], `${place}.epoch`),
    revision: countAt(value['revision'], `${place}.revision`),
    weights,
    fileWeights,
    ...(former === undefined ? {} : { supersededFileWeights: supersededList(former, `${place}.supersededFileWeights`) }),
    history: history.slice(-MAX_HISTORY).map((entry, index) => decodeRevision(entry, `${place}.history[${index}]`)),
    ...(salt === undefined ? {} : { salt: saltAt(salt, `${place}.salt`) }),
    ...(rollout === undefined ? {} : { rollout: decodeRollout(rollout, `${place}.rollout`, weights, dropped) })
  }
}

function saltAt (plain: unknown, place: string): string {
  const salt = wordsAt(plain, place)
  if (salt.length > MAX_SALT) throw new Error(`${place} is longer than ${MAX_SALT} characters`)
  return salt
}

function supersededList (plain: unknown, place: string): readonly Weights[] {
  return listAt(plain, place).slice(-MAX_SUPERSEDED).map((each, index) => weightsAt(each, `${place}[${index}]`))
}

function decodeRevision (plain: unknown, place: string): Revision {
  const value = recordAt(plain, place)
  return {
    revision: countAt(value['revision'], `${place}.revision`),
    epoch: countAt(value['epoch'], `${place}.epoch`),
    actor: wordsAt(value['actor'], `${place}.actor`),
    reason: wordsAt(value['reason'], `${place}.reason`),
    source: oneOfAt(SOURCES, value['source'], `${place}.source`),
    action: oneOfAt(ACTIONS, value['action'], `${place}.action`),
    before: weightsAt(value['before'], `${place}.before`),
    after: weightsAt(value['after'], `${place}.after`),
    at: wordsAt(value['at'], `${place}.at`)
  }
}
