import type { RolloutControl, RolloutResult } from './rollout-control.ts'

/** Stands where the engine of the rollouts will: refuses everything. */
export class NoRollouts implements RolloutControl {
  async start (): Promise<RolloutResult> { return this.#refuse() }
  async act (): Promise<RolloutResult> { return this.#refuse() }
  status (): undefined { return undefined }
  verdict (): undefined { return undefined }

  #refuse (): RolloutResult {
    return { ok: false, error: { code: 'no_rollout', message: 'this Weir has no rollouts' } }
  }
}
