import { type Endpoint, endpointKey, sameEndpoint } from './endpoint.ts'

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
