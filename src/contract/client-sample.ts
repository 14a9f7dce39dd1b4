/**
 * What a worker tells of the clients that a route has had lately: a sample, from which the control plane foretells what a change would
 * move.
 */

/** A sample of the clients of the last minutes, and counts of all their requests. Numbers that belong together have the same index. */
export interface ClientSample {
  /** The sample speaks of so long a time, in milliseconds. */
  readonly coversMs: number
  /** The part of all clients that is in the sample, from 0 to 1: a client is in it by its key alone, in every worker alike. */
  readonly part: number
  /** The keys of the clients, as the split draws by them: signed 32-bit integers. */
  readonly keys: Int32Array
  /** The requests of each of them. */
  readonly requests: Uint32Array
  /** The place in `versions` of the version that served each of them last. */
  readonly servedBy: Uint8Array
  /** How long ago that was, in milliseconds. */
  readonly agesMs: Float64Array
  /** The versions of the route. */
  readonly versions: readonly string[]
  /** All requests that a version has had, those without a key and those that were placed included. */
  readonly requestsByVersion: readonly number[]
  /** Of these, the requests that no weight moves, because something else than the split has chosen their version. */
  readonly placedByVersion: readonly number[]
  /** The requests whose clients are not known: each is drawn for itself. */
  readonly unkeyed: number
  /** The clients with the most requests where the sample does not have all clients; at most 16. */
  readonly heavy: ReadonlyArray<{ readonly key: number, readonly requests: number }>
}
