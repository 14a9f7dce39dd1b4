/**
 * The endpoints that may get new requests: the ready ones; if none is ready, those that are terminating but still
 * serve; else none. (KEP-1669, as kube-proxy does.)
 */
import { type Endpoint, type EndpointChange, endpointKey, EndpointSet } from '../core/endpoint.ts'
import { sortEndpoints } from './service-endpoints.ts'

export function usableEndpoints (endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter(isReady)
  return ready.length > 0 ? ready : endpoints.filter(isLastResort)
}

function isReady ({ ready }: Endpoint): boolean {
  return ready
}

function isLastResort ({ serving, terminating }: Endpoint): boolean {
  return serving && terminating
}

/** Is it preferred for the place where Weir runs? Of those that terminate none is: they are the last resort. */
export function isPreferred ({ near, ready }: Endpoint): boolean {
  return near === true && ready
}

/** What a change of endpoints means for those that may get new requests. */
export interface UsableChange {
  readonly joined: readonly Endpoint[]
  /** As `endpointKey` writes them. */
  readonly left: readonly string[]
  /** Which of the usable endpoints are near is different now. */
  readonly nearChanged: boolean
}

/** The usable endpoints of one version, kept by difference: a change costs what changes, however many endpoints there are. */
export class UsableEndpoints {
  readonly #known = new EndpointSet()
  readonly #near = new Set<string>()
  #ready = 0

  /** The ready endpoints that are meant for the place where Weir runs, as `endpointKey` writes them. */
  get near (): ReadonlySet<string> { return this.#near }

  /** No endpoint is ready: the usable ones, if there are any, are terminating. */
  get lastResort (): boolean { return this.#ready === 0 }

  /** Takes over all endpoints of the version. */
  replace (endpoints: readonly Endpoint[]): UsableChange {
    const before = this.#usable()
    this.#known.replace(endpoints)
    this.#ready = 0
    for (const endpoint of this.#known.values()) if (endpoint.ready) this.#ready++
    return { ...difference(before, this.#usable()), nearChanged: this.#findNear([...this.#near, ...endpoints.map(endpointKey)]) }
  }

  /** Takes over what is different. */
  apply (change: EndpointChange): UsableChange {
    const keys = [...change.gone, ...change.set.map(endpointKey)]
    const readyAfter = this.#ready + this.#readiesBy(change)
    if ((this.#ready === 0) !== (readyAfter === 0)) return this.#turn(change, readyAfter)
    const isUsable = readyAfter > 0 ? isReady : isLastResort
    const before = new Map(keys.flatMap(key => this.#entry(key, isUsable)))
    this.#known.apply(change)
    this.#ready = readyAfter
    return { ...difference(before, new Map(keys.flatMap(key => this.#entry(key, isUsable)))), nearChanged: this.#findNear(keys) }
  }

  /** Looks again at endpoints that may have changed. */
  #findNear (keys: readonly string[]): boolean {
    let changed = false
    for (const key of keys) {
      const endpoint = this.#known.get(key)
      const isNear = endpoint !== undefined && isPreferred(endpoint)
      if (isNear === this.#near.has(key)) continue
      changed = true
      if (isNear) this.#near.add(key)
      else this.#near.delete(key)
    }
    return changed
  }

  /** The first ready endpoint has come, or the last one has gone: all that were usable are not, and others are. */
  #turn (change: EndpointChange, readyAfter: number): UsableChange {
    const before = this.#usable()
    this.#known.apply(change)
    this.#ready = readyAfter
    const keys = [...change.gone, ...change.set.map(endpointKey)]
    return { ...difference(before, this.#usable()), nearChanged: this.#findNear(keys) }
  }

  /** How many more endpoints are ready after a change. */
  #readiesBy ({ set, gone }: EndpointChange): number {
    const after = new Map<string, boolean>(gone.map(key => [key, false]))
    for (const endpoint of set) after.set(endpointKey(endpoint), endpoint.ready)
    let more = 0
    for (const [key, ready] of after) more += Number(ready) - Number(this.#known.get(key)?.ready ?? false)
    return more
  }

  #entry (key: string, isUsable: (endpoint: Endpoint) => boolean): Array<[string, Endpoint]> {
    const endpoint = this.#known.get(key)
    return endpoint !== undefined && isUsable(endpoint) ? [[key, endpoint]] : []
  }

  #usable (): ReadonlyMap<string, Endpoint> {
    const isUsable = this.#ready > 0 ? isReady : isLastResort
    const usable = new Map<string, Endpoint>()
    for (const [key, endpoint] of this.#known.entries()) if (isUsable(endpoint)) usable.set(key, endpoint)
    return usable
  }
}

/** By key: an endpoint that stays has neither joined nor left, whatever its conditions are now. */
function difference (before: ReadonlyMap<string, Endpoint>, after: ReadonlyMap<string, Endpoint>): Omit<UsableChange, 'nearChanged'> {
  const left: string[] = []
  for (const key of before.keys()) if (!after.has(key)) left.push(key)
  const joined: Endpoint[] = []
  for (const [key, endpoint] of after) if (!before.has(key)) joined.push(endpoint)
  return { joined, left }
}

/** The endpoints of one version as last known, and the list that is shown of them. */
export class KnownEndpoints {
  readonly #set = new EndpointSet()
  #list: readonly Endpoint[] | undefined

  get size (): number { return this.#set.size }

  /** As their source gave them, or, after changes, in the order of their keys. */
  list (): readonly Endpoint[] {
    this.#list ??= sortEndpoints(this.#set.values())
    return this.#list
  }

  /** @returns what differs from those before */
  replace (endpoints: readonly Endpoint[]): EndpointChange {
    this.#list = endpoints
    return this.#set.replace(endpoints)
  }

  /** @returns what of it is a change */
  apply (change: EndpointChange): EndpointChange {
    this.#list = undefined
    return this.#set.apply(change)
  }
}
