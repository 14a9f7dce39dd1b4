/**
 * The traffic state as the data of a ConfigMap: a key a route, so that a person can read it with kubectl, and change the weights.
 *
 *     format: weir-traffic/1
 *     epochFloor: "0"
 *     route.hello: |
 *       {"weights": {"stable": 75, "canary": 25},
 *        "epoch": 3, "revision": 3, "fileWeights": {…},
 *        "supersededFileWeights": [{…}],
 *        "history": [
 *       {…}]}
 */
import type { UntrustedObject } from '../core/untrusted.ts'
import { NewerFormat, type ConfigMapCodec } from '../store/config-map-codec.ts'
import { StoreError } from '../store/state-store.ts'
import { isAllZero, sameWeights, type Weights } from '../contract/weights.ts'
import type { DroppedListener } from './match-codec.ts'
import { decodeRoute, formatOf, NEWEST_FORMAT } from './traffic-codec.ts'
import { MAX_WEIGHT } from '../contract/route-spec.ts'
import { repeatedKey } from './repeated-key.ts'
import { EMPTY_TRAFFIC, MAX_COUNT, type RouteTraffic, type TrafficState } from './traffic-state.ts'
import { isWeight, wasEdited } from './transition.ts'

const FORMAT_KEY = 'format'
const FORMAT = 'weir-traffic'
const FLOOR_KEY = 'epochFloor'
const ROUTE_PREFIX = 'route.'
/** etcd takes objects of up to 1.5 MiB and the API server ConfigMaps of up to 1 MiB of data; there is more in an object than data. */
const MAX_CONFIG_MAP_BYTES = 900 * 1_024
/** Of an epoch or a revision that somebody has written: there is room for a billion changes after it. */
const MAX_EDITED_COUNT = MAX_COUNT - 1e9
const COUNTED_OUT = 'stop all replicas and delete the ConfigMap: they begin anew with the weights of the configuration'
/** What each route keeps when not all fits: first not what its rollout has measured, which can be measured again; then less history. */
const SMALLER: ReadonlyArray<{ readonly length: number, readonly withEvidence: boolean }> = [
  { length: 100, withEvidence: true }, ...[100, 70, 50, 35, 25, 15, 10, 5, 2, 1].map(length => ({ length, withEvidence: false }))
]

/**
 * @param dropped hears what of a route that is read is left out
 * @param maxBytes of all keys and texts; histories are cut to their newest entries to stay below
 */
export function createTrafficConfigMapCodec (
  dropped: DroppedListener = () => {}, maxBytes = MAX_CONFIG_MAP_BYTES
): ConfigMapCodec<TrafficState> {
  const texts = new WeakMap<RouteTraffic, string>()
  const textOf = (route: RouteTraffic): string => {
    const known = texts.get(route) ?? routeText(route)
    texts.set(route, known)
    return known
  }
  const routeOf = readRoutesOnce(dropped)
  return {
    initial: EMPTY_TRAFFIC,
    owns: key => key === FORMAT_KEY || key === FLOOR_KEY || key.startsWith(ROUTE_PREFIX),
    encode (state) {
      checkCounts(state)
      for (const { length, withEvidence } of SMALLER) {
        const data: Record<string, string> = { [FORMAT_KEY]: `${FORMAT}/${formatOf(state)}`, [FLOOR_KEY]: String(state.epochFloor) }
        let bytes = 0
        for (const [name, route] of state.routes) {
          const kept = shortened(withEvidence ? route : withoutEvidence(route), length)
          const text = data[ROUTE_PREFIX + name] = textOf(kept)
          bytes += ROUTE_PREFIX.length + name.length + Buffer.byteLength(text)
        }
        if (bytes <= maxBytes) return data
      }
      throw new StoreError('too-large', `the ${state.routes.size} routes take more than the ${maxBytes} bytes that a ConfigMap has for them, without their history; use fewer, or several Weirs`)
    },
    decode: data => decodeData(data, routeOf)
  }
}

/** What is written can be read again, by every replica. */
function checkCounts ({ routes, epochFloor }: TrafficState): void {
  const faults = [...routes].map(([name, route]) => countFault(ROUTE_PREFIX + name, route))
  if (epochFloor > MAX_COUNT) faults.push(`${FLOOR_KEY} is more than ${MAX_COUNT}`)
  const fault = faults.find(each => each !== undefined)
  if (fault !== undefined) throw new StoreError('too-large', `${fault}, and can't be counted on: ${COUNTED_OUT}`)
}

/** Why no replica may go on from these counts. */
function countFault (key: string, route: RouteTraffic): string | undefined {
  const latest = route.history.at(-1)
  const isCounted = latest?.epoch === route.epoch && latest.revision === route.revision
  // Other weights than those of the latest entry become an entry with the next epoch.
  const bound = isCounted ? MAX_COUNT - (wasEdited(route) ? 1 : 0) : MAX_EDITED_COUNT
  return Math.max(route.epoch, route.revision) > bound ? `${key}.epoch or revision is more than ${bound}` : undefined
}

function shortened (route: RouteTraffic, length: number): RouteTraffic {
  const { history, supersededFileWeights: superseded = [] } = route
  if (Math.max(history.length, superseded.length) <= length) return route
  const kept = { ...route, history: history.slice(-length) }
  return superseded.length > length ? { ...kept, supersededFileWeights: superseded.slice(-length) } : kept
}

function withoutEvidence (route: RouteTraffic): RouteTraffic {
  const { rollout } = route
  return rollout === undefined || rollout.evidence === null ? route : { ...route, rollout: { ...rollout, evidence: null } }
}

/** With line breaks where a person reads. */
function routeText ({ weights, epoch, revision, fileWeights, supersededFileWeights, history, salt, rollout }: RouteTraffic): string {
  const entries = history.map(entry => JSON.stringify(entry)).join(',\n')
  const superseded = supersededFileWeights === undefined ? '' : ` "supersededFileWeights": ${JSON.stringify(supersededFileWeights)},\n`
  const salted = salt === undefined ? '' : ` "salt": ${JSON.stringify(salt)},\n`
  const rolledOut = rollout === undefined ? '' : ` "rollout": ${JSON.stringify(rollout)},\n`
  const head = `{"weights": ${JSON.stringify(weights)},\n "epoch": ${epoch}, "revision": ${revision}, "fileWeights": ${JSON.stringify(fileWeights)},\n`
  return `${head}${superseded}${salted}${rolledOut} "history": [\n${entries}]}\n`
}

type RouteReader = (key: string, text: unknown) => RouteTraffic

/** @throws Error naming the key that is wrong, and what to do */
function decodeData (data: UntrustedObject, routeOf: (keys: readonly string[]) => RouteReader): TrafficState {
  checkFormat(data[FORMAT_KEY])
  const routes = new Map<string, RouteTraffic>()
  const keys = Object.keys(data).filter(key => key.startsWith(ROUTE_PREFIX))
  const read = routeOf(keys)
  for (const key of keys) routes.set(key.slice(ROUTE_PREFIX.length), read(key, data[key]))
  const floor = data[FLOOR_KEY]
  if (typeof floor !== 'string' || !/^[0-9]{1,15}$/.test(floor.trim())) throw new Error(`${FLOOR_KEY} is not a whole number in quotes`)
  if (Number(floor) > MAX_COUNT) throw new Error(`${FLOOR_KEY} is more than ${MAX_COUNT}`)
  return { routes, epochFloor: Number(floor) }
}

/** A change is one route of perhaps thousands: a text that was read before is not read again. */
function readRoutesOnce (dropped: DroppedListener): (keys: readonly string[]) => RouteReader {
  let before = new Map<string, { readonly text: unknown, readonly route: RouteTraffic }>()
  return keys => {
    before = new Map(keys.flatMap(key => {
      const known = before.get(key)
      return known === undefined ? [] : [[key, known] as const]
    }))
    return (key, text) => {
      const known = before.get(key)
      if (known !== undefined && known.text === text) return known.route
      const route = readRoute(key, text, dropped)
      before.set(key, { text, route })
      return route
    }
  }
}

function checkFormat (format: unknown): void {
  const match = typeof format === 'string' ? /^weir-traffic\/([0-9]{1,6})$/.exec(format.trim()) : null
  if (match === null) throw new Error(`${FORMAT_KEY} is not ${FORMAT}/1 or ${FORMAT}/${NEWEST_FORMAT}: this is no state of Weir`)
  if (Number(match[1]) > NEWEST_FORMAT) {
    throw new NewerFormat(`has the format ${match[0]}, and this Weir reads up to ${FORMAT}/${NEWEST_FORMAT}: update it, or name another ConfigMap`)
  }
}

function readRoute (key: string, text: unknown, dropped: DroppedListener): RouteTraffic {
  let plain: unknown
  try {
    plain = JSON.parse(String(text))
  } catch {
    throw new Error(`${key} is not JSON`)
  }
  const repeated = repeatedKey(String(text))
  if (repeated !== undefined) throw new Error(`${key} has ${JSON.stringify(repeated)} twice in one object: which of them counts?`)
  const route = decodeRoute(plain, key, dropped)
  if (route.history.length === 0) throw new Error(`${key}.history is empty`)
  const fault = countFault(key, route)
  if (fault !== undefined) throw new Error(`${fault}, and leaves no room to count`)
  checkWeights(key, route)
  return route
}

/** Also of weights that Weir may have written itself: somebody may have changed the history with them. */
function checkWeights (key: string, { weights, fileWeights, supersededFileWeights = [], history }: RouteTraffic): void {
  checkHighest(`${key}.fileWeights`, fileWeights)
  for (const each of supersededFileWeights) checkHighest(`${key}.supersededFileWeights`, each)
  for (const { revision, before, after } of history) {
    for (const each of [before, after]) checkHighest(`${key}.history, revision ${revision},`, each)
  }
  checkHighest(`${key}.weights`, weights)
  // The configuration may take all clients from a route, and an older Weir's has less than the API's least weight.
  if (history.at(-1)?.source === 'config' && sameWeights(weights, fileWeights)) return
  const wrong = Object.entries(weights).find(([, weight]) => !isWeight(weight))
  if (wrong !== undefined) throw new Error(`${key}.weights.${wrong[0]} is ${wrong[1]}, which is not a weight`)
  if (isAllZero(weights)) throw new Error(`${key}.weights are all 0, so nobody would be served`)
}

function checkHighest (place: string, weights: Weights): void {
  const wrong = Object.entries(weights).find(([, weight]) => weight > MAX_WEIGHT)
  if (wrong !== undefined) throw new Error(`${place}.${wrong[0]} is ${wrong[1]}, which is more than ${MAX_WEIGHT}`)
}
