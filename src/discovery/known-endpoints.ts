import type { Endpoint } from '../core/endpoint.ts'
import { type EndpointChange, EndpointSet } from '../core/endpoint-set.ts'
import { sortEndpoints } from './service-endpoints.ts'

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
