/**
 * The health of one endpoint in one worker: what keeps requests from it, what its outcomes mean, and how it comes back slowly.
 */
import { type ProxyErrorCode, proxyErrorRow } from '../core/proxy-error.ts'
import type { SlowStartPolicy } from '../contract/route-policy.ts'

/** `sinceMs` of an endpoint that never was new: it was there when its version was. */
export const ALWAYS_READY = Number.NEGATIVE_INFINITY

/** How much of its share an endpoint gets while it warms up: from the minimum to all of it, in a straight line over the window. */
export class SlowStart {
  readonly windowMs: number
  readonly #minShare: number

  constructor (policy: SlowStartPolicy) {
    this.windowMs = policy.windowMs
    this.#minShare = policy.minShare
  }

  /**
   * @param sinceMs when the endpoint became ready; ALWAYS_READY has no slow start
   * @returns 0 to 1: the probability with which a request that was meant for the endpoint should stay there
   */
  factor (sinceMs: number, nowMs: number): number {
    const age = nowMs - sinceMs
    if (this.windowMs === 0 || age >= this.windowMs) return 1
    return age <= 0 ? this.#minShare : this.#minShare + (1 - this.#minShare) * (age / this.windowMs)
  }
}

/** Why an endpoint was ejected, and for how long. Times are those of the worker's monotonic clock. */
export interface Ejection {
  readonly cause: 'consecutive-failures' | 'success-rate' | 'verdict'
  readonly sinceMs: number
  readonly untilMs: number
  readonly detail: string
}

/** What active checks say of an endpoint. */
export interface CheckVerdict {
  readonly healthy: boolean
  readonly sinceMs: number
  readonly detail: string
}

/**
 * Something that keeps requests from an endpoint. `ejected` and `check-failed` make it unavailable; `trial` lets one request at a time
 * through, and `slow-start` a part of its share.
 */
export interface HealthReason {
  readonly kind: 'ejected' | 'check-failed' | 'trial' | 'slow-start'
  readonly sinceMs: number
  /** When it ends by itself; null when it waits for an event. */
  readonly untilMs: number | null
  readonly detail: string
}

/** Told when the availability of an endpoint, or what holds it back, has changed. */
export interface HealthWatcher {
  onHealthChange (): void
}

/**
 * What one worker knows of one endpoint's health, and the one gate: `available`. The object belongs to the address, so it
 * lives through updates of endpoints and reloads; every version that has the address as a member watches it. What one
 * version has found out holds for all of them.
 */
export class EndpointHealth {
  /** `address:port`, as in logs. */
  readonly key: string
  #available = true
  /** Attempts with an outcome, and those that failed. Both wrap around at 32 bits: only differences mean something. */
  #requests = 0
  #failures = 0
  #failuresInARow = 0
  #ejection: Ejection | null = null
  /** Ejections that still lengthen the next one. */
  #ejections = 0
  #returns = 0
  #returnedMs = ALWAYS_READY
  #trial = false
  #readySinceMs = ALWAYS_READY
  /** By who asks for the check. */
  readonly #checks = new Map<unknown, CheckVerdict>()
  readonly #watchers = new Set<HealthWatcher>()

  constructor (key: string) {
    this.key = key
  }

  /** Neither ejected nor failing an active check. */
  get available (): boolean { return this.#available }
  get requests (): number { return this.#requests }
  get failures (): number { return this.#failures }
  get failuresInARow (): number { return this.#failuresInARow }
  get ejected (): boolean { return this.#ejection !== null }
  /** When the ejection ends; Infinity when there is none. */
  get ejectedUntilMs (): number { return this.#ejection?.untilMs ?? Number.POSITIVE_INFINITY }
  /** An active check says that the endpoint fails. */
  get checkFailing (): boolean { return !this.#available && this.#failedCheck() !== undefined }
  /** How often it has come back from an ejection. */
  get returns (): number { return this.#returns }
  get returnedMs (): number { return this.#returnedMs }
  /** Back from an ejection, without a success since: one request at a time. */
  get inTrial (): boolean { return this.#trial }
  /** When it became ready, for the slow start; ALWAYS_READY when it has none. */
  get readySinceMs (): number { return this.#readySinceMs }
  /** Is it a member of any version? */
  get watched (): boolean { return this.#watchers.size > 0 }

  /** An attempt went well. Called for every request: it only writes small whole numbers. */
  succeeded (): void {
    this.#requests = (this.#requests + 1) | 0
    this.#failuresInARow = 0
    this.#trial = false
  }

  /** The head of a good answer has come: the trial is passed, however long the body takes. */
  responded (): void {
    this.#trial = false
  }

  /** An attempt failed. Whether that ejects is decided by OutlierEjection. */
  failed (): void {
    this.#requests = (this.#requests + 1) | 0
    this.#failures = (this.#failures + 1) | 0
    this.#failuresInARow++
  }

  /** How many ejections there are to count when it is ejected at `nowMs`: one less for every `decayMs` since it came back. */
  ejectionsAt (nowMs: number, decayMs: number): number {
    return Math.max(0, this.#ejections - Math.floor((nowMs - this.#returnedMs) / decayMs)) + 1
  }

  /** @param ejections what `ejectionsAt` said */
  eject (ejection: Ejection, ejections: number): void {
    this.#ejection = ejection
    this.#ejections = ejections
    this.#trial = false
    this.#changed()
  }

  /** It stays out for longer than was said, and for another reason: no ejection more. */
  prolongEjection (prolonged: Omit<Ejection, 'sinceMs'>): void {
    if (this.#ejection === null) return
    this.#ejection = { ...prolonged, sinceMs: this.#ejection.sinceMs }
    this.#changed()
  }

  /** The ejection is over: the endpoint is on trial. */
  endEjection (nowMs: number): void {
    if (this.#ejection === null) return
    this.#ejection = null
    this.#returns++
    this.#returnedMs = nowMs
    this.#failuresInARow = 0
    this.#trial = true
    this.#changed()
  }

  /** It has just become ready: the slow start begins. */
  becameReady (nowMs: number): void {
    this.#readySinceMs = nowMs
  }

  /**
   * Takes over what the active check of a version says. An endpoint that passes again after it failed starts slowly.
   * @param owner the version whose check it is: the same in each call
   * @param verdict undefined when there is no such check any more
   */
  applyCheck (owner: unknown, verdict: CheckVerdict | undefined, nowMs: number): void {
    const before = this.#checks.get(owner)
    if (verdict === undefined) this.#checks.delete(owner)
    else this.#checks.set(owner, verdict)
    if ((before?.healthy ?? true) === (verdict?.healthy ?? true)) return
    if (verdict?.healthy === true) this.#readySinceMs = nowMs
    this.#changed()
  }

  watch (watcher: HealthWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch (watcher: HealthWatcher): void {
    this.#watchers.delete(watcher)
  }

  /** Everything that keeps requests away; empty when nothing does. For the admin API. */
  reasons (): readonly HealthReason[] {
    const reasons: HealthReason[] = []
    if (this.#ejection !== null) {
      const { sinceMs, untilMs, detail } = this.#ejection
      reasons.push({ kind: 'ejected', sinceMs, untilMs, detail })
    }
    const failed = this.#failedCheck()
    if (failed !== undefined) reasons.push({ kind: 'check-failed', sinceMs: failed.sinceMs, untilMs: null, detail: failed.detail })
    if (this.#trial) reasons.push({ kind: 'trial', sinceMs: this.#returnedMs, untilMs: null, detail: 'back from an ejection, one request at a time until one succeeds' })
    return reasons
  }

  #failedCheck (): CheckVerdict | undefined {
    for (const verdict of this.#checks.values()) if (!verdict.healthy) return verdict
    return undefined
  }

  #changed (): void {
    this.#available = this.#ejection === null && this.#failedCheck() === undefined
    for (const watcher of this.#watchers) watcher.onHealthChange()
  }
}

/** What a failure is called in reasons and logs: the code of the error, or the status that the endpoint sent. */
export type FailureCause = ProxyErrorCode | 'status_502' | 'status_503' | 'status_504'

/** What an attempt says about its endpoint; `none` is nothing, neither good nor bad. */
export type EndpointOutcome = 'success' | 'none' | FailureCause

/**
 * Classifies an attempt that is over. A failure is what the table of errors blames on the endpoint, or an answer of 502, 503 or 504:
 * that the endpoint cannot serve. A 500 is the application's answer and says that the endpoint works.
 * @param error the attempt's error; null when the answer was relayed to its end
 * @param status the status of the endpoint's answer
 */
export function outcomeOf (error: ProxyErrorCode | null, status: number): EndpointOutcome {
  if (error !== null) return proxyErrorRow(error).blamesEndpoint ? error : 'none'
  switch (status) {
    case 502: return 'status_502'
    case 503: return 'status_503'
    case 504: return 'status_504'
    default: return 'success'
  }
}
