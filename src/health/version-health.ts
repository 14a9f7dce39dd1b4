/**
 * The health of one version in one worker: which of its endpoints requests may go to.
 */
import {
  ALWAYS_READY, type CheckVerdict, type EndpointHealth, type EndpointOutcome, type HealthReason, type HealthWatcher, SlowStart
} from './endpoint-health.ts'
import { type EjectionEvent, OutlierEjection } from './outlier-ejection.ts'
import type { HealthPolicy } from '../contract/route-policy.ts'

/** Something that has the health of an endpoint: what is chosen from. */
interface HealthMember {
  readonly health: EndpointHealth
}

/** The members that requests may go to. */
interface UsableMembers<Member> {
  /** In the order of the members; the same array when it is all of them. */
  readonly members: readonly Member[]
  /** Those and the ones in other places, for a request that none of those can take. The same array where no place is preferred. */
  readonly wider: readonly Member[]
  /** So few are available that all are used: what is left would only be crushed by the load of the others. */
  readonly panic: boolean
}

/**
 * The near members are used alone while so many of them are available: then each gets at most 1.4 times what it would get if all were.
 * With fewer, the load of the place is shared by all places. (It is the factor by which Envoy overprovisions a priority level.)
 */
const NEAR_SHARE = 1 / 1.4

/**
 * Chooses the members to use: the available ones, or all of them when their share is below the threshold. Without a threshold (0) those
 * that fail an active check stay out, even if nothing is left, but ejections alone never leave nothing. Of the available ones those that
 * are near are used, while enough of them are available; in panic all places are equal.
 * @param panicThreshold 0 to 1
 * @param near the members that are preferred while they carry their share; empty when no place is preferred
 */
export function usableMembers<Member extends { readonly health: Pick<EndpointHealth, 'available' | 'checkFailing'> }> (
  members: readonly Member[], panicThreshold: number, near: ReadonlySet<Member> = new Set()
): UsableMembers<Member> {
  const available = members.filter(({ health }) => health.available)
  if (available.length < members.length * panicThreshold) return { members, wider: members, panic: true }
  if (available.length === 0 && members.length > 0) {
    const passing = members.filter(({ health }) => !health.checkFailing)
    return { members: passing, wider: passing, panic: false }
  }
  const wider = available.length === members.length ? members : available
  return { members: near.size === 0 ? wider : nearOrAll(wider, near), wider, panic: false }
}

function nearOrAll<Member> (available: readonly Member[], near: ReadonlySet<Member>): readonly Member[] {
  const carrying = available.filter(member => near.has(member))
  const enough = carrying.length > 0 && carrying.length < available.length && carrying.length >= near.size * NEAR_SHARE
  return enough ? carrying : available
}

/** What happened, for the log and the metrics. Panic that begins or ends has the figures of that moment. */
export type HealthEvent = EjectionEvent | {
  readonly kind: 'panic', readonly begins: boolean, readonly available: number, readonly members: number
}

/** The state of a member, for the admin API. Times are those of the worker's monotonic clock. */
interface MemberStatus {
  readonly endpoint: string
  readonly available: boolean
  /** Requests go to it: mostly that is what is available. */
  readonly used: boolean
  /** It is left out for its place alone: nearer ones carry their share. */
  readonly far?: true
  readonly reasons: readonly HealthReason[]
}

export interface VersionHealthStatus {
  readonly panic: boolean
  readonly members: readonly MemberStatus[]
}

const DRAW_RANGE = 2 ** 32

export class VersionHealth<Member extends HealthMember> implements HealthWatcher {
  readonly #onEvent: (event: HealthEvent) => void
  readonly #panicThreshold: number
  readonly #ejection: OutlierEjection
  readonly #slowStart: SlowStart
  /** What the active checks of the version found to fail, by endpoint. */
  #failing: ReadonlyMap<string, CheckVerdict> = new Map()
  #members: readonly Member[] = []
  #usable: readonly Member[] = []
  #wider: readonly Member[] = []
  #near: ReadonlySet<Member> = new Set()
  #panic = false
  #restrained = false
  /** There was nothing to say of any member when all were looked at. */
  #allWell = true
  #changed = true
  /** The time of the latest tick or change: exact enough for a slow start, and no clock is read for a request. */
  #recentMs = 0

  /** @param onEvent told at once, in the middle of the change; it must not call back */
  constructor (policy: HealthPolicy, onEvent: (event: HealthEvent) => void) {
    this.#onEvent = onEvent
    this.#panicThreshold = policy.panicThreshold
    this.#ejection = new OutlierEjection(policy.ejection, onEvent)
    this.#slowStart = new SlowStart(policy.slowStart)
  }

  /** The members that requests may go to: replaced as a whole, when something has changed. */
  get usable (): readonly Member[] { return this.#usable }
  /** Those and the ones in other places, for a request that none of `usable` can take; mostly the same array. */
  get wider (): readonly Member[] { return this.#wider }
  /** Some member is on trial or starts slowly: ask `admits` about the one that was picked. Mostly false. */
  get restrained (): boolean { return this.#restrained }

  /**
   * Takes over members that came and went. An endpoint that no version had before starts slowly, unless the version had no
   * endpoint at all: then there is nobody to leave the requests to.
   * @param joined none of them a member
   * @param left all of them members
   */
  changeMembers (joined: readonly Member[], left: readonly Member[], nowMs: number): void {
    const before = this.#members
    this.#recentMs = nowMs
    for (const { health } of joined) {
      if (!health.watched) health.becameReady(before.length === 0 ? ALWAYS_READY : nowMs)
      health.watch(this)
    }
    this.#members = exchanged(before, joined, left)
    for (const { health } of left) this.#letGo(health)
    for (const { health } of joined) this.#applyFailingTo(health)
    this.#ejection.changeMembers(joined.map(({ health }) => health), left.map(({ health }) => health), nowMs)
    // Among thousands that are well, who comes and goes well is no reason to look at each.
    const plain = this.#allWell && this.#near.size === 0
    if (plain && joined.every(({ health }) => this.#isWell(health))) this.#usable = this.#wider = this.#members
    else this.#refresh()
  }

  /** Says which members are preferred while they carry their share. @param near all of them members; empty: all places are equal */
  prefer (near: ReadonlySet<Member>): void {
    this.#near = near
    this.#refresh()
  }

  /**
   * Takes the outcome of an attempt. Called for every attempt; a success costs a few stores.
   * @param startedMs when the attempt began
   */
  report (endpoint: EndpointHealth, outcome: EndpointOutcome, nowMs: number, startedMs = nowMs): void {
    if (outcome === 'success') endpoint.succeeded()
    else if (outcome !== 'none') this.#ejection.failed(endpoint, outcome, nowMs, startedMs)
  }

  /** Takes an endpoint out of use by order of the control plane; see OutlierEjection.order. */
  eject (endpoint: EndpointHealth, forMs: number, nowMs: number): void {
    this.#ejection.order(endpoint, forMs, nowMs)
  }

  /**
   * Should a request that the balancer gave to this endpoint go there? False now and then while it starts slowly, and
   * while it is on trial and busy. A caller that hears false asks the balancer for others, a few times, asks
   * about them as well, and takes the first one if all are refused.
   * @param trials requests in flight that it got on trial; what it had before, such as tunnels, says nothing
   * @param draw 32 random bits, signed or unsigned; a hash of the client and the endpoint where clients are kept on their endpoint, so
   * that each of them moves once
   */
  admits (endpoint: EndpointHealth, trials: number, draw: number): boolean {
    if (endpoint.inTrial) return trials === 0
    const share = this.#slowStart.factor(endpoint.readySinceMs, this.#recentMs)
    return share >= 1 || (draw >>> 0) < share * DRAW_RANGE
  }

  /** Does what is due at `nowMs`. To be called a few times a second; mostly it is one comparison. */
  tick (nowMs: number): void {
    this.#recentMs = nowMs
    this.#ejection.tick(nowMs)
    if (!this.#restrained) return
    this.#restrained = this.#anyRestrained()
    this.#allWell = this.#wider === this.#members && !this.#restrained && !this.#panic
    // A trial is passed, and a slow start is over, without a word.
    this.#changed = true
  }

  /**
   * Takes over what the active checks of the version say; an endpoint that is not named passes.
   * @param failing by `address:port`; endpoints that are no members yet may be among them
   */
  applyChecks (failing: ReadonlyMap<string, CheckVerdict>, nowMs: number): void {
    this.#recentMs = nowMs
    const before = this.#failing
    this.#failing = failing
    for (const { health } of this.#members) {
      const passed = before.get(health.key)
      if (passed !== undefined && !failing.has(health.key)) health.applyCheck(this, { ...passed, healthy: true, sinceMs: nowMs }, nowMs)
    }
    for (const { health } of this.#members) this.#applyFailingTo(health)
  }

  #applyFailingTo (health: EndpointHealth): void {
    const verdict = this.#failing.size === 0 ? undefined : this.#failing.get(health.key)
    if (verdict !== undefined) health.applyCheck(this, verdict, this.#recentMs)
  }

  /** May `status` say something else than when this was asked last? */
  takeChange (): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  /** Lets go of the members. */
  close (): void {
    for (const { health } of this.#members) this.#letGo(health)
  }

  #letGo (health: EndpointHealth): void {
    health.unwatch(this)
    health.applyCheck(this, undefined, this.#recentMs)
  }

  onHealthChange (): void {
    this.#ejection.reschedule()
    this.#refresh()
  }

  status (): VersionHealthStatus {
    return this.#describe(this.#members)
  }

  /** The status without the members that are well: of thousands mostly nothing. */
  notices (): VersionHealthStatus {
    return this.#describe(this.#members.filter(({ health }) => !this.#isWell(health)))
  }

  #describe (members: readonly Member[]): VersionHealthStatus {
    const usable = new Set(members.length > 0 ? this.#usable : [])
    const wider = new Set(members.length > 0 && this.#wider !== this.#usable ? this.#wider : [])
    return {
      panic: this.#panic,
      members: members.map(member => {
        const { health } = member
        return {
          endpoint: health.key,
          available: health.available,
          used: usable.has(member),
          ...(wider.has(member) && !usable.has(member) ? { far: true } : {}),
          reasons: [...health.reasons(), ...this.#slowStartOf(health)]
        }
      })
    }
  }

  #isWell ({ available, inTrial, readySinceMs }: EndpointHealth): boolean {
    return available && !inTrial && this.#slowStart.factor(readySinceMs, this.#recentMs) >= 1
  }

  #slowStartOf ({ readySinceMs }: EndpointHealth): readonly HealthReason[] {
    if (this.#slowStart.factor(readySinceMs, this.#recentMs) >= 1) return []
    return [{
      kind: 'slow-start', sinceMs: readySinceMs, untilMs: readySinceMs + this.#slowStart.windowMs, detail: 'joined the others and warms up'
    }]
  }

  #refresh (): void {
    const { members, wider, panic } = usableMembers(this.#members, this.#panicThreshold, this.#near)
    this.#usable = members
    this.#wider = wider
    this.#restrained = this.#anyRestrained()
    this.#allWell = wider === this.#members && !panic && !this.#restrained
    this.#changed = true
    if (panic === this.#panic) return
    this.#panic = panic
    const available = this.#members.filter(({ health }) => health.available).length
    this.#onEvent({ kind: 'panic', begins: panic, available, members: this.#members.length })
  }

  #anyRestrained (): boolean {
    return this.#members.some(({ health }) => health.inTrial || this.#slowStart.factor(health.readySinceMs, this.#recentMs) < 1)
  }
}

/** A version of thousands changes by a few: so many are looked up and moved by the engine, and no closure is called for each that stays. */
const FEW = 4

/** The members without those that left, and those that joined behind them. */
function exchanged<Member> (before: readonly Member[], joined: readonly Member[], left: readonly Member[]): readonly Member[] {
  if (joined.length > FEW || left.length > FEW) {
    const leaving = new Set(left)
    return [...before.filter(member => !leaving.has(member)), ...joined]
  }
  const after = before.slice()
  for (const member of left) after.splice(after.indexOf(member), 1)
  after.push(...joined)
  return after
}
