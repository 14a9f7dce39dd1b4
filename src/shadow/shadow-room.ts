/**
 * What the copies of a worker take together, and whether there is room for one more. Real traffic goes first: copies end long before a
 * limit that refuses a real request.
 */
import type { ShadowLimits } from '../contract/mirror-spec.ts'
import type { ShadowDrop } from '../contract/shadow-report.ts'
import type { Clock } from '../core/clock.ts'
import { ByteAccount, type ByteBudget } from '../net/byte-budget.ts'
import type { Deadlines } from '../net/deadlines.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import type { AfterReads } from '../upstream/upstream-context.ts'

/** From this part of `limits.maxConcurrentRequests` on nothing is copied. */
const IN_FLIGHT_SHARE = 0.75
/** And of the descriptors: a connection of a copy leaves one less for a client. */
const DESCRIPTOR_SHARE = 0.75

/** What copies share with everything else in a worker. */
export interface ShadowContext extends AfterReads {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly budget: ByteBudget
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  /** Real requests. */
  readonly inFlight: number
  /** Descriptors that the connections of the worker may have. */
  readonly maxDescriptors: number
  readonly requestIds: { text (requestNumber: number): string }
  readonly settings: {
    readonly limits: { readonly maxConcurrentRequests: number }
    readonly shadow: ShadowLimits
  }
}

/** A copy that has left. */
export interface SentCopy {
  /** Ends it: it is not compared any more. */
  giveUp (): void
}

export class ShadowRoom {
  /** Copies that are on their way or not compared yet. */
  readonly underWay = new Set<SentCopy>()
  readonly context: ShadowContext
  readonly #account: ByteAccount

  constructor (context: ShadowContext) {
    this.context = context
    this.#account = new ByteAccount(context.budget)
  }

  /** Bytes that are kept for copies: bodies of requests, JSON that is to be compared. */
  get bytes (): number { return this.#account.bytes }

  /** Why there can't be another copy now; null when there can. */
  refusal (): ShadowDrop | null {
    const { budget, page, inFlight, maxDescriptors, settings: { limits: { maxConcurrentRequests }, shadow } } = this.context
    if (this.underWay.size >= shadow.maxRequests) return 'requests'
    if (this.bytes >= shadow.maxBytes) return 'bytes'
    if (budget.used >= budget.largeBelow) return 'memory'
    if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests * IN_FLIGHT_SHARE) return 'in_flight'
    const connections = (page[WORKER.connectionsOpen] ?? 0) + (page[WORKER.upstreamOpen] ?? 0)
    if (connections > maxDescriptors * DESCRIPTOR_SHARE) return 'descriptors'
    const lagMs = (page[WORKER.loopLagS] ?? 0) * 1000
    const late = shadow.maxLoopLagMs > 0 && lagMs > shadow.maxLoopLagMs
    return late || (page[WORKER.loopUtilization] ?? 0) > shadow.maxLoopUtilization ? 'loop' : null
  }

  /** Ends all copies. */
  close (): void {
    for (const copy of this.underWay) copy.giveUp()
  }

  /** @returns false when there are not so many bytes left */
  take (bytes: number): boolean {
    if (this.bytes + bytes > this.context.settings.shadow.maxBytes) return false
    this.#account.set(this.bytes + bytes)
    return true
  }

  give (bytes: number): void {
    this.#account.set(this.bytes - bytes)
  }
}

/** The bytes of one copy, given back all at once. */
export class ShadowBytes {
  readonly #room: ShadowRoom
  #bytes = 0

  constructor (room: ShadowRoom) {
    this.#room = room
  }

  get bytes (): number { return this.#bytes }

  take (bytes: number): boolean {
    if (!this.#room.take(bytes)) return false
    this.#bytes += bytes
    return true
  }

  close (): void {
    this.#room.give(this.#bytes)
    this.#bytes = 0
  }
}
