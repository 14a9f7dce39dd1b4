import type { RouteSplit, SplitPublisher, SplitReceipt } from '../../src/rollout/traffic-state.ts'

/** A data plane of `workers` workers of which `applied` answer. */
export class FakePublisher implements SplitPublisher {
  readonly splits: RouteSplit[] = []
  readonly timeouts: number[] = []
  workers = 2
  applied = 2

  async publish (split: RouteSplit, timeoutMs: number): Promise<SplitReceipt> {
    this.splits.push(split)
    this.timeouts.push(timeoutMs)
    return { workers: this.workers, applied: this.applied, tookMs: 1.5 }
  }
}
