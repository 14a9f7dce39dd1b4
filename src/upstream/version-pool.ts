/**
 * The endpoints of one version of one route, and the choice among them.
 */
import type { Balancer } from '../balancing/balancer.ts'
import type { Endpoint } from '../core/endpoint.ts'
import { usableEndpoints } from '../discovery/usable-endpoints.ts'
import type { EndpointPool } from './endpoint-pool.ts'
import type { EndpointPools } from './endpoint-pools.ts'
import { plainTransport } from './plain-transport.ts'
import type { Transport } from './transport.ts'

export class VersionPool {
  readonly #pools: EndpointPools
  readonly #balancer: Balancer
  readonly #transport: Transport
  /** Endpoints that may get new requests; replaced as a whole. */
  #candidates: readonly EndpointPool[] = []

  constructor (pools: EndpointPools, balancer: Balancer, transport: Transport = plainTransport) {
    this.#pools = pools
    this.#balancer = balancer
    this.#transport = transport
  }

  get empty (): boolean { return this.#candidates.length === 0 }

  /** Takes over the endpoints as discovery sees them now. Those that only finish what they have are no candidates. */
  update (endpoints: readonly Endpoint[]): void {
    const before = this.#candidates
    this.#candidates = usableEndpoints(endpoints).map(endpoint => this.#pools.acquire(endpoint, this.#transport))
    for (const pool of before) this.#pools.release(pool)
  }

  /** Chooses an endpoint; undefined when there is none. */
  pick (keyHash: number): EndpointPool | undefined {
    const index = this.#balancer.pick(this.#candidates, keyHash)
    return index < 0 ? undefined : this.#candidates[index]
  }

  /** No new request comes here. Those in flight may still ask for another endpoint, so the candidates stay. */
  close (): void {
    for (const pool of this.#candidates) this.#pools.release(pool)
  }
}
