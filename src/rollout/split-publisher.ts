import type { Weights } from './traffic-state.ts'

/** The weights of one route, as the workers get them. */
export interface RouteSplit {
  readonly route: string
  readonly epoch: number
  readonly weights: Weights
}

/** How far a split has come. */
export interface SplitReceipt {
  /** The workers that should apply it. */
  readonly workers: number
  /** The workers that have said so. Fewer than `workers` when the time was over. */
  readonly applied: number
  readonly tookMs: number
}

/** Sends splits to the data plane. */
export interface SplitPublisher {
  /**
   * Sends a split to every worker, in the order of the calls, before it returns. Sending an epoch again is harmless:
   * workers that have it answer at once.
   * @param timeoutMs how long to wait for the slowest worker
   * @returns resolves when all workers have applied this epoch or a later one, or the time is over; never rejects
   */
  publish (split: RouteSplit, timeoutMs: number): Promise<SplitReceipt>
}
