/**
 * Which endpoints of a Service are meant for the place where Weir runs.
 *
 * With `trafficDistribution` (or the annotation service.kubernetes.io/topology-mode) the controller writes hints into the slices: for
 * which zones and nodes an endpoint is meant. They are taken as kube-proxy takes them
 * (https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-distribution, KEP-2433, KEP-3015): if all ready endpoints have
 * hints for nodes and one of them is for this node, those for this node; else the same for zones; else all. Half-written hints count for
 * nothing, for whoever has none would get nothing.
 */
import { type Endpoint, type EndpointChange, endpointKey } from '../core/endpoint.ts'
import type { FoundEndpoint } from './checked-slice.ts'
import { HINT, type OwnPlace } from './endpoint-slice.ts'

/** What the hints of a version come to. */
export interface NearFacts {
  /** What is preferred; `none`: all endpoints are equal. */
  readonly by: 'node' | 'zone' | 'none'
  /** One sentence. */
  readonly detail: string
}

/** Of the ready endpoints, how many there are, have hints, and have one for this place. */
interface ReadyCounts {
  ready: number
  zones: number
  thisZone: number
  nodes: number
  thisNode: number
}

/** The endpoints of one version with their hints, kept by difference. */
export class NearEndpoints {
  readonly #place: OwnPlace
  readonly #found = new Map<string, FoundEndpoint>()
  #counts: ReadyCounts = noneReady()

  constructor (place: OwnPlace) {
    this.#place = place
  }

  /** Takes over all endpoints. @returns them, in their order, each with what it is to this place */
  replace (found: readonly FoundEndpoint[]): readonly Endpoint[] {
    this.#found.clear()
    this.#counts = noneReady()
    for (const each of found) this.#put(each)
    const by = this.#preferred()
    return found.map(each => marked(each, by))
  }

  /** Takes over what is different. @returns the same; when another kind of hint counts now, of all endpoints that are concerned */
  change (set: readonly FoundEndpoint[], gone: readonly string[]): EndpointChange {
    const before = this.#preferred()
    for (const key of gone) this.#take(key)
    for (const each of set) this.#put(each)
    const by = this.#preferred()
    const concerned = by === before ? set : [...this.#found.values()]
    return { set: concerned.map(each => marked(each, by)), gone }
  }

  facts (): NearFacts {
    const { zone, node } = this.#place
    const { ready, thisZone, thisNode } = this.#counts
    const by = this.#preferred()
    if (by === 'node') return { by, detail: `${thisNode} of ${ready} ready endpoints are meant for node "${node}" and preferred` }
    if (by === 'zone') return { by, detail: `${thisZone} of ${ready} ready endpoints are meant for zone "${zone}" and preferred` }
    return { by, detail: `all endpoints are equal: ${this.#whyNone()}` }
  }

  #whyNone (): string {
    const { ready, zones, nodes } = this.#counts
    if (ready === 0) return 'no endpoint is ready'
    if (zones + nodes === 0) return 'no ready endpoint has a hint; the Service has no trafficDistribution, or its controller gives none'
    const { zone, node = '' } = this.#place
    const [kind, name, hinted] = zone === undefined ? ['node', node, nodes] as const : ['zone', zone, zones] as const
    return hinted < ready
      ? `${ready - hinted} of ${ready} ready endpoints have no hint for a ${kind}`
      : `no ready endpoint is meant for ${kind} "${name}"`
  }

  #preferred (): NearFacts['by'] {
    const { ready, zones, thisZone, nodes, thisNode } = this.#counts
    if (thisNode > 0 && nodes === ready) return 'node'
    return thisZone > 0 && zones === ready ? 'zone' : 'none'
  }

  #put (found: FoundEndpoint): void {
    const key = endpointKey(found.endpoint)
    this.#take(key)
    this.#found.set(key, found)
    this.#count(found, 1)
  }

  #take (key: string): void {
    const known = this.#found.get(key)
    if (known === undefined) return
    this.#found.delete(key)
    this.#count(known, -1)
  }

  #count ({ endpoint, hints }: FoundEndpoint, by: 1 | -1): void {
    if (!endpoint.ready) return
    this.#counts.ready += by
    if ((hints & HINT.zones) !== 0) this.#counts.zones += by
    if ((hints & HINT.thisZone) !== 0) this.#counts.thisZone += by
    if ((hints & HINT.nodes) !== 0) this.#counts.nodes += by
    if ((hints & HINT.thisNode) !== 0) this.#counts.thisNode += by
  }
}

function noneReady (): ReadyCounts {
  return { ready: 0, zones: 0, thisZone: 0, nodes: 0, thisNode: 0 }
}

function marked ({ endpoint, hints }: FoundEndpoint, by: NearFacts['by']): Endpoint {
  const bit = by === 'node' ? HINT.thisNode : by === 'zone' ? HINT.thisZone : 0
  return { ...endpoint, near: (hints & bit) !== 0 }
}
