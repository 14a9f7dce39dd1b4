/**
 * The endpoints of a version as copies reach them: with connections of their own, so that no real request finds one taken or a limit
 * reached, and counts of their own, so that no balancer or circuit breaker sees them.
 */
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { CalledEndpoint } from '../upstream/transport.ts'
import type { EndpointCalls } from '../upstream/upstream-call.ts'
import type { VersionPool } from '../upstream/version-pool.ts'

class ShadowEndpoint implements CalledEndpoint {
  readonly key: string
  readonly address: string
  readonly port: number
  open = 0
  connecting = 0
  readonly calls: EndpointCalls

  constructor ({ key, address, port, transport }: EndpointPool) {
    this.key = key
    this.address = address
    this.port = port
    this.calls = transport.callsTo(this)
  }
}

export class ShadowEndpoints {
  readonly #known = new Map<EndpointPool, ShadowEndpoint>()
  #closed = false

  callsTo (pool: EndpointPool): EndpointCalls {
    let endpoint = this.#known.get(pool)
    if (endpoint === undefined) {
      endpoint = new ShadowEndpoint(pool)
      this.#known.set(pool, endpoint)
      // Copies that were drawn before may still leave, and nobody looks after connections that they would leave behind.
      if (this.#closed) endpoint.calls.retire()
    }
    return endpoint.calls
  }

  /** Lets go of those that the version has no more. */
  retain (version: VersionPool): void {
    for (const [pool, { calls }] of this.#known) {
      if (version.member(pool.key, pool.calls) !== undefined) continue
      this.#known.delete(pool)
      calls.retire()
    }
  }

  close (): void {
    this.#closed = true
    for (const { calls } of this.#known.values()) calls.retire()
    this.#known.clear()
  }
}
