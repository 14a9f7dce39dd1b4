/**
 * An endpoint: one address and port of a version, with the conditions of discovery.k8s.io/v1 EndpointSlice.
 */
export interface Endpoint {
  /** An IPv4 or IPv6 address without brackets. */
  readonly address: string
  readonly port: number
  /** May get new requests. Kubernetes: nil means true; false while the pod is terminating. */
  readonly ready: boolean
  /** Passes its readiness probe whether or not it is terminating. Kubernetes: nil means the value of `ready`. */
  readonly serving: boolean
  /** The pod has been told to stop. */
  readonly terminating: boolean
  /** The zone that it is in; only where Weir knows its own place, and the slice that of the endpoint. */
  readonly zone?: string
  /** It is meant for Weir's own place (see src/discovery/near-endpoints.ts); only where Weir knows it. */
  readonly near?: boolean
}

/** The name by which registries, metrics and logs know an endpoint: `10.0.0.1:80` or `[fd00::1]:80`. */
export function endpointKey (endpoint: Pick<Endpoint, 'address' | 'port'>): string {
  return endpoint.address.includes(':') ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`
}

/** The same address and port with the same conditions, in the same place. */
export function sameEndpoint (left: Endpoint, right: Endpoint): boolean {
  return left.address === right.address && left.port === right.port && left.ready === right.ready &&
    left.serving === right.serving && left.terminating === right.terminating && left.near === right.near && left.zone === right.zone
}

/** What is different about the endpoints of a version: those that came or whose conditions changed, and the keys of those that went. */
export interface EndpointChange {
  readonly set: readonly Endpoint[]
  /** As `endpointKey` writes them. */
  readonly gone: readonly string[]
}

/** The endpoints of one version by key. A version may have thousands, so it is told by difference what becomes of them. */
export class EndpointSet {
  readonly #byKey = new Map<string, Endpoint>()

  get size (): number { return this.#byKey.size }

  get (key: string): Endpoint | undefined { return this.#byKey.get(key) }

  /** In the order in which they came. */
  values (): IterableIterator<Endpoint> { return this.#byKey.values() }

  entries (): IterableIterator<[string, Endpoint]> { return this.#byKey.entries() }

  /** Takes over all endpoints. @returns what differs from those before */
  replace (endpoints: readonly Endpoint[]): EndpointChange {
    const present = new Set(endpoints.map(endpointKey))
    const gone: string[] = []
    for (const key of this.#byKey.keys()) if (!present.has(key)) gone.push(key)
    return this.apply({ set: endpoints, gone })
  }

  /** Takes over a change. @returns what of it is one */
  apply (change: EndpointChange): EndpointChange {
    const gone = change.gone.filter(key => this.#byKey.delete(key))
    const set = change.set.filter(endpoint => {
      const key = endpointKey(endpoint)
      const known = this.#byKey.get(key)
      if (known !== undefined && sameEndpoint(known, endpoint)) return false
      this.#byKey.set(key, endpoint)
      return true
    })
    return { set, gone }
  }
}

/** Does it change nothing? */
export function isNoChange ({ set, gone }: EndpointChange): boolean {
  return set.length === 0 && gone.length === 0
}
