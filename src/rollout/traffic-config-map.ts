/**
 * The traffic state as the data of a ConfigMap: a key a route, so that a person can read it with kubectl, and change the weights.
 *
 *     format: weir-traffic/1
 *     epochFloor: "0"
 *     route.hello: |
 *       {"weights": {"stable": 75, "canary": 25},
 *        "epoch": 3, "revision": 3, "fileWeights": {…},
 *        "history": [
 *       {…}]}
 */
import type { UntrustedObject } from '../kube/kube-api.ts'
import { NewerFormat, type ConfigMapCodec } from '../store/config-map-store.ts'
import { StoreError } from '../store/state-store.ts'
import { decodeRoute } from './traffic-codec.ts'
import { EMPTY_TRAFFIC, type RouteTraffic, type TrafficState } from './traffic-state.ts'
import { isWeight, wasEdited } from './transition.ts'

const FORMAT_KEY = 'format'
const FORMAT = 'weir-traffic'
const FORMAT_VERSION = 1
const FLOOR_KEY = 'epochFloor'
const ROUTE_PREFIX = 'route.'
/** etcd takes objects of up to 1.5 MiB and the API server ConfigMaps of up to 1 MiB of data; there is more in an object than data. */
const MAX_CONFIG_MAP_BYTES = 900 * 1_024
/** Far from where numbers stop to count by one, and far above what Weir comes to. */
const MAX_COUNT = 1e15
/** How many entries each route keeps at most, when not all of them fit. */
const SHORTER_HISTORIES = [100, 70, 50, 35, 25, 15, 10, 5, 2, 1] as const

/** @param maxBytes of all keys and texts; histories are cut to their newest entries to stay below */
export function createTrafficConfigMapCodec (maxBytes = MAX_CONFIG_MAP_BYTES): ConfigMapCodec<TrafficState> {
  const texts = new WeakMap<RouteTraffic, string>()
  const textOf = (route: RouteTraffic): string => {
    const known = texts.get(route) ?? routeText(route)
    texts.set(route, known)
    return known
  }
  return {
    initial: EMPTY_TRAFFIC,
    owns: key => key === FORMAT_KEY || key === FLOOR_KEY || key.startsWith(ROUTE_PREFIX),
    encode (state) {
      for (const length of SHORTER_HISTORIES) {
        const data: Record<string, string> = { [FORMAT_KEY]: `${FORMAT}/${FORMAT_VERSION}`, [FLOOR_KEY]: String(state.epochFloor) }
        let bytes = 0
        for (const [name, route] of state.routes) {
          const kept = route.history.length > length ? { ...route, history: route.history.slice(-length) } : route
          const text = data[ROUTE_PREFIX + name] = textOf(kept)
          bytes += ROUTE_PREFIX.length + name.length + Buffer.byteLength(text)
        }
        if (bytes <= maxBytes) return data
      }
      throw new StoreError('too-large', `the ${state.routes.size} routes take more than the ${maxBytes} bytes that a ConfigMap has for them, without their history; use fewer, or several Weirs`)
    },
    decode: decodeData
  }
}

/** With line breaks where a person reads. */
function routeText ({ weights, epoch, revision, fileWeights, history }: RouteTraffic): string {
  const entries = history.map(entry => JSON.stringify(entry)).join(',\n')
  return `{"weights": ${JSON.stringify(weights)},\n "epoch": ${epoch}, "revision": ${revision}, "fileWeights": ${JSON.stringify(fileWeights)},\n "history": [\n${entries}]}\n`
}

/** @throws Error naming the key that is wrong, and what to do */
function decodeData (data: UntrustedObject): TrafficState {
  checkFormat(data[FORMAT_KEY])
  const routes = new Map<string, RouteTraffic>()
  for (const [key, text] of Object.entries(data)) {
    if (key.startsWith(ROUTE_PREFIX)) routes.set(key.slice(ROUTE_PREFIX.length), readRoute(key, text))
  }
  const floor = data[FLOOR_KEY]
  if (typeof floor !== 'string' || !/^[0-9]{1,15}$/.test(floor.trim())) throw new Error(`${FLOOR_KEY} is not a whole number in quotes`)
  return { routes, epochFloor: Number(floor) }
}

function checkFormat (format: unknown): void {
  const match = typeof format === 'string' ? /^weir-traffic\/([0-9]{1,6})$/.exec(format.trim()) : null
  if (match === null) throw new Error(`${FORMAT_KEY} is not ${FORMAT}/${FORMAT_VERSION}: this is no state of Weir`)
  if (Number(match[1]) > FORMAT_VERSION) {
    throw new NewerFormat(`has the format ${match[0]}, and this Weir writes ${FORMAT}/${FORMAT_VERSION}: update it, or name another ConfigMap`)
  }
}

function readRoute (key: string, text: unknown): RouteTraffic {
  let plain: unknown
  try {
    plain = JSON.parse(String(text))
  } catch {
    throw new Error(`${key} is not JSON`)
  }
  const route = decodeRoute(plain, key)
  if (route.history.length === 0) throw new Error(`${key}.history is empty`)
  if (Math.max(route.epoch, route.revision) > MAX_COUNT) throw new Error(`${key}.epoch or revision is more than ${MAX_COUNT}`)
  // What Weir has written came from the configuration or the API; what people write has the bounds of the API.
  if (!wasEdited(route)) return route
  const wrong = Object.entries(route.weights).find(([, weight]) => !isWeight(weight))
  if (wrong !== undefined) throw new Error(`${key}.weights.${wrong[0]} is ${wrong[1]}, which is not a weight`)
  if (Object.values(route.weights).every(weight => weight === 0)) throw new Error(`${key}.weights are all 0, so nobody would be served`)
  return route
}
