export interface ActiveCheckPolicy {
  /** From the end of one probe to the start of the next, in milliseconds. */
  readonly intervalMs: number
  /** The interval varies by this part of it, both ways, 0 to 1, so that probes do not march in step. */
  readonly jitter: number
  /** Passes in a row after which a failing endpoint is healthy. */
  readonly rise: number
  /** Failures in a row after which a healthy endpoint is failing. */
  readonly fall: number
}

/** What a probe found. */
export interface ProbeResult {
  readonly passed: boolean
  /** For operators: `status 200`, `connect: ECONNREFUSED`. */
  readonly detail: string
  /** The probe could not be made, for reasons of Weir's own: it says nothing of the endpoint. */
  readonly unmade?: boolean
}

const RANDOM_RANGE = 2 ** 32
/** Parts of a detail may come from the endpoint. */
const MAX_DETAIL = 200

/**
 * What the probes of one endpoint say: healthy until the first result, which decides at once; from then on the state
 * turns after `fall` failures or `rise` passes in a row. It also says when the next probe is due.
 */
export class ActiveCheck {
  #policy: ActiveCheckPolicy
  readonly #random: () => number
  #decided = false
  #healthy = true
  #sinceMs: number
  #detail = 'not probed yet'
  /** Results in a row that speak against the state. */
  #against = 0
  #nextProbeMs: number

  /**
   * @param random 32 random bits for each call, signed or unsigned
   * @param nowMs the first probe is due within `jitter` intervals of it
   */
  constructor (policy: ActiveCheckPolicy, random: () => number, nowMs: number) {
    this.#policy = policy
    this.#random = random
    this.#sinceMs = nowMs
    this.#nextProbeMs = nowMs + policy.intervalMs * policy.jitter * this.#draw()
  }

  get healthy (): boolean { return this.#healthy }
  /** When the present state began. */
  get sinceMs (): number { return this.#sinceMs }
  /** What the latest result said that agrees with the state. */
  get detail (): string { return this.#detail }
  get nextProbeMs (): number { return this.#nextProbeMs }

  /** Takes over another policy; the state and what was counted stay. */
  configure (policy: ActiveCheckPolicy, nowMs: number): void {
    this.#policy = policy
    this.#nextProbeMs = Math.min(this.#nextProbeMs, nowMs + policy.intervalMs)
  }

  /**
   * Takes the result of a probe that has ended at `nowMs`.
   * @returns true when the state has turned
   */
  record (result: ProbeResult, nowMs: number): boolean {
    const { intervalMs, jitter } = this.#policy
    this.#nextProbeMs = nowMs + intervalMs * (1 + jitter * (2 * this.#draw() - 1))
    if (result.unmade === true) return false
    if (result.passed === this.#healthy) {
      this.#decided = true
      this.#against = 0
      this.#detail = result.detail.slice(0, MAX_DETAIL)
      return false
    }
    this.#against++
    if (this.#decided && this.#against < (this.#healthy ? this.#policy.fall : this.#policy.rise)) return false
    this.#decided = true
    this.#healthy = result.passed
    this.#against = 0
    this.#sinceMs = nowMs
    this.#detail = result.detail.slice(0, MAX_DETAIL)
    return true
  }

  /** 0 to 1, without 1. */
  #draw (): number {
    return (this.#random() >>> 0) / RANDOM_RANGE
  }
}
