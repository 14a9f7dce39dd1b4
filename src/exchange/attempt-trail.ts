/**
 * What the attempts of one request have come to so far: where it need not be sent again, and what counts for the limit. Reused for each
 * request of a client connection.
 */
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import type { VersionRuntime } from './route-runtime.ts'

const NONE: readonly EndpointPool[] = []

export class AttemptTrail {
  /** Another version helps out. */
  failedOver = false
  /** Attempts that have sent something and failed. */
  sent = 0
  /** Endpoints of the present version that have failed, in order. */
  readonly #tried: EndpointPool[] = []
  /** Versions that the request has been taken from, because it could not be sent to any endpoint of theirs. */
  readonly #left: string[] = []
  /** Attempts that do not count for the limit: they sent nothing before the request waited, or another version failed. */
  #uncounted = 0

  reset (): void {
    this.failedOver = false
    this.sent = this.#uncounted = this.#tried.length = this.#left.length = 0
  }

  /** Of so many attempts, those that count for the limit. */
  counted (attempts: number): number { return attempts - this.#uncounted }

  /** An attempt at this endpoint has failed. */
  note (endpoint: EndpointPool): void {
    if (!this.#tried.includes(endpoint)) this.#tried.push(endpoint)
  }

  /**
   * An endpoint that has not been tried; or at least not the one that has just failed, unless it has only closed a connection that it had
   * kept.
   * @param last the endpoint of the attempt that has just failed
   */
  another (
    { pool }: VersionRuntime, keyHash: number, { last, stale }: { readonly last: EndpointPool | null, readonly stale: boolean }
  ): EndpointPool | undefined {
    const endpoint = pool.pick(keyHash, this.#tried)
    if (endpoint !== undefined) return endpoint
    if (stale) return pool.pick(keyHash, NONE)
    return this.#tried.length < 2 ? undefined : pool.pick(keyHash, this.#tried.filter(tried => tried === last))
  }

  /** The versions that are no choice any more, with this one. */
  leftWith ({ name }: VersionRuntime): readonly string[] { return [...this.#left, name] }

  /** The request waits, after so many attempts: what it goes to afterwards is new. Those that have sent something count on. */
  waits (attempts: number): void {
    this.#uncounted = attempts - this.sent
  }

  /** It goes on after it has waited. */
  goesOn (): void {
    this.#tried.length = 0
  }

  /** It goes to its next choice, after so many attempts at the version that it leaves. */
  leave ({ name }: VersionRuntime, attempts: number): void {
    this.#left.push(name)
    this.#tried.length = 0
    this.#uncounted = attempts
  }

  /** It goes to the version that helps out. */
  failOver (attempts: number): void {
    this.failedOver = true
    this.sent = 0
    this.#tried.length = 0
    this.#uncounted = attempts
  }
}
