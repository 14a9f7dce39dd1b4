/**
 * All endpoints of a worker by address. What is alive about an endpoint (connections, requests in flight, health) is kept
 * here and survives every swap of routes and every update of endpoints.
 */
import { endpointKey } from '../core/endpoint.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { EndpointPool } from './endpoint-pool.ts'
import type { UpstreamContext } from './upstream-context.ts'

interface Entry {
  readonly pool: EndpointPool
  users: number
}

export class EndpointPools {
  readonly #entries = new Map<string, Entry>()
  readonly #context: UpstreamContext

  constructor (context: UpstreamContext) {
    this.#context = context
  }

  /** The pool of an endpoint, for one more user. */
  acquire (endpoint: Endpoint): EndpointPool {
    const key = endpointKey(endpoint)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { pool: new EndpointPool(key, endpoint, this.#context), users: 0 }
      this.#entries.set(key, entry)
    }
    entry.users++
    return entry.pool
  }

  /** One user less; without any the endpoint is retired and forgotten. */
  release (pool: EndpointPool): void {
    const entry = this.#entries.get(pool.key)
    if (entry?.pool !== pool || --entry.users > 0) return
    this.#entries.delete(pool.key)
    pool.retire()
  }

  /** Ends all idle connections and keeps no more: the worker is going. */
  retireAll (): void {
    for (const { pool } of this.#entries.values()) pool.retire()
  }
}
