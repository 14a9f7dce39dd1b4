import { type Endpoint, type EndpointChange, endpointKey } from '../core/endpoint.ts'
import {
  type CheckedSlice, checkSlice, countOverlap, differentKeys, type FoundEndpoint, keepBetter, keepSmaller, noPods, onePerPod,
  type PodCounts, portMatcher, type SliceSelection
} from './checked-slice.ts'
import type { EndpointSlice, OwnPlace, SlicePort } from './endpoint-slice.ts'
import { MAX_IGNORED, type IgnoredAddress } from './endpoint-source.ts'
import { NearEndpoints, type NearFacts } from './near-endpoints.ts'

/** What the slices of a Service say beside their endpoints: enough to tell why there are none. */
export interface SliceFacts {
  readonly slices: number
  /** All TCP ports that they name, by number; at most MAX_PORTS. */
  readonly ports: readonly SlicePort[]
  /** One of the ports is the one that is asked for. */
  readonly portFound: boolean
  /** Endpoints that were left out because they are of the other family than `ipFamily`. */
  readonly otherFamily: number
}

const MAX_PORTS = 20

/**
 * The endpoints of one port of a Service, from its slices: each slice is checked once, and a change of one costs what changes.
 *
 * An endpoint may be in several slices while the controller moves it from one to another, and its conditions may differ.
 * Then the better conditions win, taken whole from one of the slices: ready before not ready; among the ready, not
 * terminating before terminating, then serving before not; among the others, serving while terminating (the last
 * resort of KEP-1669) before serving, before neither.
 */
export class ServiceEndpoints {
  readonly #selection: SliceSelection
  /** By `namespace/name`. */
  readonly #slices = new Map<string, CheckedSlice>()
  /** How many slices have an endpoint, by its key. */
  readonly #holders = new Map<string, number>()
  /** Undefined where all places are equal. */
  readonly #near: NearEndpoints | undefined

  /** @param place where Weir runs; undefined when nothing is preferred */
  constructor (selection: SliceSelection, place?: OwnPlace) {
    this.#selection = { ...selection, withZone: place !== undefined }
    this.#near = place === undefined ? undefined : new NearEndpoints(place)
  }

  /**
   * Takes over all slices of the Service.
   * @returns all endpoints, sorted by key, so that the order of slices and events leaves no trace
   */
  replace (slices: Iterable<readonly [string, EndpointSlice]>): readonly Endpoint[] {
    this.#slices.clear()
    this.#holders.clear()
    for (const [key, slice] of slices) this.#put(key, checkSlice(slice, this.#selection))
    return this.#all()
  }

  /**
   * Takes over slices that came or changed, and those that went (undefined).
   * @returns what is different now; or all endpoints, sorted by key, of a Service with both families
   */
  change (changes: Iterable<readonly [string, EndpointSlice | undefined]>): EndpointChange | readonly Endpoint[] {
    const wasMixed = this.#mixed
    const checked: CheckedSlice[] = []
    const touched = new Set<string>()
    for (const [key, slice] of changes) {
      const before = this.#slices.get(key)
      const after = slice === undefined ? undefined : checkSlice(slice, this.#selection, before)
      for (const endpoint of differentKeys(before, after)) touched.add(endpoint)
      this.#take(key, before)
      if (after !== undefined) {
        this.#put(key, after)
        checked.push(after)
      }
    }
    return wasMixed || this.#mixed ? this.#all() : this.#resolve(touched, checked)
  }

  /** @param first the slices to look into first: most endpoints are in one slice only */
  #resolve (keys: Iterable<string>, first: readonly CheckedSlice[]): EndpointChange {
    const set: FoundEndpoint[] = []
    const gone: string[] = []
    for (const key of keys) {
      const found = this.#best(key, first)
      if (found === undefined) gone.push(key)
      else set.push(found)
    }
    return this.#near === undefined ? { set: set.map(({ endpoint }) => endpoint), gone } : this.#near.change(set, gone)
  }

  #best (key: string, first: readonly CheckedSlice[]): FoundEndpoint | undefined {
    let left = this.#holders.get(key) ?? 0
    const best = new Map<string, FoundEndpoint>()
    const look = ({ endpoints }: CheckedSlice): void => {
      const found = endpoints.get(key)
      if (found === undefined) return
      keepBetter(best, found, key)
      left--
    }
    for (const slice of first) look(slice)
    if (left > 0) for (const slice of this.#slices.values()) look(slice)
    return best.get(key)
  }

  /** A pod may be in slices of both families: what one slice says depends on the others then. */
  get #mixed (): boolean {
    if (this.#selection.ipFamily !== 'auto') return false
    const families = new Set<string>()
    for (const { family, endpoints } of this.#slices.values()) if (endpoints.size > 0) families.add(family)
    return families.size > 1
  }

  #put (key: string, slice: CheckedSlice): void {
    this.#slices.set(key, slice)
    for (const endpoint of slice.endpoints.keys()) this.#holders.set(endpoint, (this.#holders.get(endpoint) ?? 0) + 1)
  }

  #take (key: string, slice: CheckedSlice | undefined): void {
    this.#slices.delete(key)
    for (const endpoint of slice?.endpoints.keys() ?? []) {
      const holders = (this.#holders.get(endpoint) ?? 0) - 1
      if (holders > 0) this.#holders.set(endpoint, holders)
      else this.#holders.delete(endpoint)
    }
  }

  #all (): readonly Endpoint[] {
    const found = [...this.#slices.values()].flatMap(({ endpoints }) => [...endpoints.values()])
    const kept = new Map<string, FoundEndpoint>()
    for (const each of onePerPod(found, this.#selection.ipFamily)) keepBetter(kept, each)
    const sorted = [...kept].sort(([left], [right]) => compareText(left, right)).map(([, each]) => each)
    return this.#near === undefined ? sorted.map(({ endpoint }) => endpoint) : this.#near.replace(sorted)
  }

  /** What the hints of the slices come to; undefined where all places are equal. */
  near (): NearFacts | undefined {
    return this.#near?.facts()
  }

  /** What became of the endpoints by their pods; undefined when all pods are asked for. Costs a look at each slice. */
  pods (): PodCounts | undefined {
    if (this.#selection.pods === undefined) return undefined
    const sum = noPods()
    for (const { pods } of this.#slices.values()) {
      sum.withoutPod += pods?.withoutPod ?? 0
      sum.other += pods?.other ?? 0
      for (const [version, { count, example }] of pods?.lost ?? []) countOverlap(sum.lost, version, count, example)
      for (const [version, { count, example }] of pods?.won ?? []) countOverlap(sum.won, version, count, example)
    }
    return sum
  }

  /** Addresses that are not dialled: at most MAX_IGNORED, sorted by address. */
  ignored (): readonly IgnoredAddress[] {
    const ignored = new Map<string, string>()
    for (const slice of this.#slices.values()) for (const [address, reason] of slice.ignored) keepSmaller(ignored, address, reason)
    return [...ignored].sort(([left], [right]) => compareText(left, right)).slice(0, MAX_IGNORED).map(([address, reason]) => ({
      address, reason
    }))
  }

  facts (): SliceFacts {
    const named = new Map<string, SlicePort>()
    let otherFamily = 0
    for (const slice of this.#slices.values()) {
      otherFamily += slice.otherFamily
      for (const port of slice.ports) named.set(`${port.port} ${port.name}`, port)
    }
    return {
      slices: this.#slices.size,
      ports: [...named.values()].sort(comparePorts).slice(0, MAX_PORTS),
      portFound: [...named.values()].some(portMatcher(this.#selection.port)),
      otherFamily
    }
  }
}

function comparePorts (left: SlicePort, right: SlicePort): number {
  return left.port - right.port || compareText(left.name, right.name)
}

/** In the order of their keys. */
export function sortEndpoints (endpoints: Iterable<Endpoint>): readonly Endpoint[] {
  return [...endpoints].map(endpoint => [endpointKey(endpoint), endpoint] as const)
    .sort(([left], [right]) => compareText(left, right)).map(([, endpoint]) => endpoint)
}

function compareText (left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
