/**
 * The endpoints of a version as copies reach them: with connections of their own, so that no real request finds one taken or a limit
 * reached, and counts of their own, so that no balancer or circuit breaker sees them.
 */
import type { Clock } from '../core/clock.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { CalledEndpoint } from '../upstream/transport.ts'
import type { EndpointCalls } from '../upstream/upstream-call.ts'
import type { VersionPool } from '../upstream/version-pool.ts'

/**
 * Where a connection could not be opened none is tried for so long. Each try costs several times what a request does: without a rest, a
 * shadow that is dead took real requests three quarters of their throughput. It is short, so that the failures of a version that nobody
 * reaches are still many enough for a verdict.
 */
const REST_MS = 20

export class ShadowEndpoint implements CalledEndpoint {
  readonly key: string
  readonly address: string
  readonly port: number
  open = 0
  connecting = 0
  readonly calls: EndpointCalls
  /** -Infinity while it can be reached, as far as is known. */
  #restsUntilMs = -Infinity

  constructor ({ key, address, port, transport }: EndpointPool) {
    this.key = key
    this.address = address
    this.port = port
    this.calls = transport.callsTo(this)
  }

  /** Not now: no connection to it could be opened a moment ago, and none is left; or another copy is just trying again. */
  rests (clock: Pick<Clock, 'nowMs'>): boolean {
    return this.#restsUntilMs >= 0 && !this.calls.hasIdle && (this.connecting > 0 || clock.nowMs() < this.#restsUntilMs)
  }

  /** What a copy has found. */
  note (reached: boolean, clock: Pick<Clock, 'nowMs'>): void { this.#restsUntilMs = reached ? -Infinity : clock.nowMs() + REST_MS }
}

export class ShadowEndpoints {
  readonly #known = new Map<EndpointPool, ShadowEndpoint>()
  #closed = false

  of (pool: EndpointPool): ShadowEndpoint {
    let endpoint = this.#known.get(pool)
    if (endpoint === undefined) {
      endpoint = new ShadowEndpoint(pool)
      this.#known.set(pool, endpoint)
      // Copies that were drawn before may still leave, and nobody looks after connections that they would leave behind.
      if (this.#closed) endpoint.calls.retire()
    }
    return endpoint
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
