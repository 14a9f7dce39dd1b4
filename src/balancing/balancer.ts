/** An endpoint of a version, as a balancer sees it. */
export interface Candidate {
  /** Requests in flight from this worker. */
  readonly inFlight: number
  /** A hash of the endpoint's address and port: 32 bits, the same on every worker and replica. */
  readonly hash: number
  /** May get new requests now. A balancer asks nothing else. */
  readonly eligible: boolean
}

/**
 * Chooses an endpoint of a version. One balancer serves one version of one route in one worker, and lives on when the
 * endpoints change. `pick` runs for every request: it allocates nothing.
 */
export interface Balancer {
  /**
   * @param keyHash the hash of the request's sticky key, 32 bits
   * @returns a position in `candidates`; -1 when none is eligible
   */
  pick (candidates: readonly Candidate[], keyHash: number): number
}
