/**
 * Who holds a Lease: what one replica makes of what it sees of it, without a request and without a timer.
 *
 * No two of them hold at once as long as their monotonic clocks run at about the same rate; what time they show does not matter. A holder
 * counts from when it has *sent* its last successful renewal and stops after `giveUpMs`. The others count from when they have *seen* the
 * Lease change last and take it after `durationMs`, by a write that fails when it has changed meanwhile. As they saw the change after it
 * was sent, the holder has stopped by then. https://pkg.go.dev/k8s.io/client-go/tools/leaderelection does the same.
 */
import type { HolderStanding } from '../core/leadership.ts'
import { isReleased, type LeaseRecord, type LeaseSpec, microTime, nextTransition, RELEASED_SECONDS } from './lease-record.ts'

/** In milliseconds. */
export interface LeaseTimes {
  /** For how long others leave a Lease alone that does not change: its leaseDurationSeconds. */
  readonly durationMs: number
  /** They ask for it so much earlier, so that one of them has it by then. */
  readonly earlyMs: number
  /** A holder that has not renewed it for so long does not hold it any more. Well below `durationMs` less `earlyMs`. */
  readonly giveUpMs: number
  /** How often it is renewed, give or take a tenth. */
  readonly renewMs: number
}

const DEFAULT_LEASE_TIMES: LeaseTimes = { durationMs: 15_000, earlyMs: 1_000, giveUpMs: 10_000, renewMs: 5_000 }

/** Writes over what was seen, or makes the Lease when that is undefined. */
export interface LeaseWrite {
  readonly type: 'write'
  readonly over: LeaseRecord | undefined
  readonly spec: LeaseSpec
}

/** What to do next. */
export type LeaseStep =
  | { readonly type: 'wait', readonly ms: number }
  | { readonly type: 'read' }
  | LeaseWrite

/** A Lease may ask to be left alone for longer than Weir's own, but not for ever. */
const MAX_DURATION_MS = 60_000
/** Those who wait for the same moment take it one after the other. */
const SPREAD_MS = 200
/** Tries whose answers were lost, and that may have been made. */
const MAX_TERMS = 8
/** For so long after the Lease was deleted its holder may make it again. Longer than from one renewal to the next. */
const REMAKE_MS = 6_000

export class LeaseElection {
  readonly #identity: string
  readonly #times: LeaseTimes
  readonly #random: () => number
  #record: LeaseRecord | undefined
  /** The server has to be asked: nothing was seen yet, or what was seen is not what it has. */
  #unsure = true
  #looked = false
  /** When the Lease was seen to change. */
  #changedMs = 0
  /** There was none when this replica came: nobody has to be waited for. */
  #isFirst = false
  #spreadMs = 0
  /** When the last renewal was sent that has succeeded. */
  #renewedMs = -Infinity
  #renewAtMs = 0
  /** Each acquireTime under which this replica may have got it. A Lease that names this replica with another was made by somebody else. */
  #terms: readonly string[] = []
  #transitions = 0
  #retired = false

  /** @param identity what no other process has. @param random uniform in [0, 1) */
  constructor (identity: string, random: () => number, times = DEFAULT_LEASE_TIMES) {
    this.#identity = identity
    this.#random = random
    this.#times = times
  }

  /** The Lease as it was seen last. */
  get record (): LeaseRecord | undefined { return this.#record }

  /** Does this replica hold it? To be asked with the time of its use. */
  holds (nowMs: number): boolean {
    return !this.#retired && nowMs < this.#renewedMs + this.#times.giveUpMs
  }

  standing (nowMs: number): HolderStanding {
    if (this.holds(nowMs)) return 'holder'
    const record = this.#record
    const isLive = record !== undefined && record.holder !== '' && !this.#isOwn(record) && nowMs < this.#freeAtMs()
    return isLive ? 'follower' : 'vacant'
  }

  /** When `standing` changes if nothing is seen before. */
  standsUntilMs (nowMs: number): number {
    switch (this.standing(nowMs)) {
      case 'holder': return this.#renewedMs + this.#times.giveUpMs
      case 'follower': return this.#freeAtMs()
      default: return Infinity
    }
  }

  /** The server has this Lease now, or none. */
  observe (record: LeaseRecord | undefined, nowMs: number): void {
    const first = !this.#looked
    this.#looked = true
    this.#unsure = false
    if (first || !isSame(record, this.#record)) {
      this.#changedMs = nowMs
      this.#isFirst = first && record === undefined
      this.#spreadMs = this.#random() * SPREAD_MS
    }
    this.#record = record
    if (record === undefined || this.#isOwn(record)) return
    this.#transitions = record.transitions
    this.#renewedMs = -Infinity
    this.#terms = []
  }

  /** A write of this replica, sent at `sentMs`, has made it this. */
  wrote (record: LeaseRecord, sentMs: number, nowMs: number): void {
    this.observe(record, nowMs)
    if (!this.#isOwn(record)) return
    this.#terms = [record.acquireTime]
    this.#transitions = record.transitions
    this.#renewedMs = sentMs
    this.#renewAtMs = sentMs + this.#times.renewMs * (0.9 + 0.2 * this.#random())
  }

  /** What was seen may not be what the server has. */
  doubt (): void {
    this.#unsure = true
  }

  /**
   * A write was refused, or there was no answer to it. That of a Lease that exists fails when others have changed it, however late it
   * comes. One that makes it may come when it was made and deleted again, so what comes of it is nobody's.
   */
  failed (): void {
    if (this.#record === undefined) this.#terms = []
  }

  /** What to do now. A write that it asks for is taken to be sent: it may be made whatever is heard of it. */
  decide (nowMs: number, wallMs: number): LeaseStep {
    if (this.#retired) return { type: 'wait', ms: Infinity }
    if (this.#unsure) return { type: 'read' }
    const record = this.#record
    if (record !== undefined && this.#isOwn(record)) {
      const waitMs = this.holds(nowMs) ? this.#renewAtMs - nowMs : 0
      return waitMs > 0 ? { type: 'wait', ms: waitMs } : this.#write(record, wallMs, record.transitions, record.acquireTime)
    }
    if (record === undefined && !this.#isFirst) return this.#remake(nowMs, wallMs)
    const waitMs = this.#freeAtMs() - nowMs
    return waitMs > 0 ? { type: 'wait', ms: waitMs } : this.#acquire(record, wallMs)
  }

  /**
   * Somebody has deleted it. Its holder makes it again. The others can't know of one, so what they make belongs to nobody, until they have
   * seen for long enough that nobody renews it.
   */
  #remake (nowMs: number, wallMs: number): LeaseStep {
    const [term] = this.#terms
    if (this.holds(nowMs)) {
      if (term === undefined) return { type: 'wait', ms: this.standsUntilMs(nowMs) - nowMs }
      return this.#write(undefined, wallMs, this.#transitions, term)
    }
    const waitMs = this.#changedMs + REMAKE_MS + this.#spreadMs - nowMs
    if (waitMs > 0) return { type: 'wait', ms: waitMs }
    const step = this.#write(undefined, wallMs, this.#transitions, microTime(wallMs))
    return { ...step, spec: { ...step.spec, holderIdentity: '' } }
  }

  /** Holds it no more, and takes it never again. */
  retire (): void {
    this.#retired = true
  }

  /** What a replica that has retired has to leave behind; undefined when the Lease does not name it. */
  farewell (wallMs: number): LeaseWrite | undefined {
    const record = this.#record
    if (record === undefined || !this.#isOwn(record)) return undefined
    const nowTime = microTime(wallMs, record.renewTime)
    return {
      type: 'write',
      over: record,
      spec: {
        holderIdentity: '',
        leaseDurationSeconds: RELEASED_SECONDS,
        acquireTime: nowTime,
        renewTime: nowTime,
        leaseTransitions: record.transitions
      }
    }
  }

  #isOwn ({ holder, acquireTime }: LeaseRecord): boolean {
    return holder === this.#identity && this.#terms.includes(acquireTime)
  }

  /** From when on another replica may take it: only then has whoever holds it certainly stopped. */
  #freeAtMs (): number {
    const record = this.#record
    if (this.#isFirst) return this.#changedMs
    if (record !== undefined && isReleased(record)) return this.#changedMs + this.#spreadMs
    const { durationMs, earlyMs } = this.#times
    const askedMs = Math.min(Math.max(durationMs, record?.durationMs ?? 0), Math.max(durationMs, MAX_DURATION_MS))
    return this.#changedMs + askedMs - earlyMs + this.#spreadMs
  }

  #acquire (over: LeaseRecord | undefined, wallMs: number): LeaseStep {
    const acquireTime = microTime(wallMs, over?.acquireTime)
    this.#terms = [...this.#terms, acquireTime].slice(-MAX_TERMS)
    return this.#write(over, wallMs, nextTransition(over), acquireTime)
  }

  #write (over: LeaseRecord | undefined, wallMs: number, leaseTransitions: number, acquireTime: string): LeaseWrite {
    return {
      type: 'write',
      over,
      spec: {
        holderIdentity: this.#identity,
        leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1_000),
        acquireTime,
        renewTime: microTime(wallMs, over?.renewTime),
        leaseTransitions
      }
    }
  }
}

/** A resourceVersion alone is not enough: an etcd that was restored from a backup gives it out again. */
function isSame (left: LeaseRecord | undefined, right: LeaseRecord | undefined): boolean {
  return left?.uid === right?.uid && left?.resourceVersion === right?.resourceVersion && left?.text === right?.text
}
