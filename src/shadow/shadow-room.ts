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

/** What a buffer of its own takes besides its bytes, its place in a list included. */
const PIECE_BYTES = 128

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

/** What the copies of one route take of the room. */
export class RouteShare {
  /** Copies that are on their way or not compared yet. */
  underWay = 0
  /** Bytes that are kept for them. */
  bytes = 0
}

export class ShadowRoom {
  /** Copies that are on their way or not compared yet. */
  readonly underWay = new Set<SentCopy>()
  readonly context: ShadowContext
  readonly #mirrored: { readonly size: number }
  readonly #account: ByteAccount

  /** @param mirrored the routes that have a mirror: each may take an equal part, so a shadow that hangs is in the way of no other */
  constructor (context: ShadowContext, mirrored: { readonly size: number }) {
    this.context = context
    this.#mirrored = mirrored
    this.#account = new ByteAccount(context.budget)
  }

  /** Bytes that are kept for copies: bodies of requests, JSON that is to be compared. */
  get bytes (): number { return this.#account.bytes }

  /** Why there can't be another copy of a route now; null when there can. */
  refusal (route: RouteShare): ShadowDrop | null {
    const { budget, page, inFlight, maxDescriptors, settings: { limits: { maxConcurrentRequests }, shadow } } = this.context
    const full = this.#isFull(route, shadow)
    if (full !== null) return full
    if (budget.used >= budget.largeBelow) return 'memory'
    if (maxConcurrentRequests > 0 && inFlight > maxConcurrentRequests * IN_FLIGHT_SHARE) return 'in_flight'
    const connections = (page[WORKER.connectionsOpen] ?? 0) + (page[WORKER.upstreamOpen] ?? 0)
    if (connections > maxDescriptors * DESCRIPTOR_SHARE) return 'descriptors'
    const lagMs = (page[WORKER.loopLagS] ?? 0) * 1000
    const late = shadow.maxLoopLagMs > 0 && lagMs > shadow.maxLoopLagMs
    return late || (page[WORKER.loopUtilization] ?? 0) > shadow.maxLoopUtilization ? 'loop' : null
  }

  #isFull (route: RouteShare, { maxRequests, maxBytes }: ShadowLimits): 'requests' | 'bytes' | null {
    if (this.underWay.size >= maxRequests || route.underWay >= this.#partOf(maxRequests)) return 'requests'
    return this.bytes >= maxBytes || route.bytes >= this.#partOf(maxBytes) ? 'bytes' : null
  }

  /** Ends all copies. */
  close (): void {
    for (const copy of this.underWay) copy.giveUp()
  }

  begin (copy: SentCopy, route: RouteShare): void {
    this.underWay.add(copy)
    route.underWay++
  }

  end (copy: SentCopy, route: RouteShare): void {
    if (this.underWay.delete(copy)) route.underWay--
  }

  /** @returns false when there are not so many bytes left for the route: it may go past its part with its only copy */
  take (bytes: number, route: RouteShare, isOnly: boolean): boolean {
    const { maxBytes } = this.context.settings.shadow
    if (this.bytes + bytes > maxBytes || (!isOnly && route.bytes + bytes > this.#partOf(maxBytes))) return false
    this.#account.set(this.bytes + bytes)
    route.bytes += bytes
    return true
  }

  give (bytes: number, route: RouteShare): void {
    this.#account.set(this.bytes - bytes)
    route.bytes -= bytes
  }

  #partOf (most: number): number {
    return Math.max(1, Math.floor(most / Math.max(1, this.#mirrored.size)))
  }
}

/** The bytes of one copy, given back all at once. */
export class ShadowBytes {
  readonly #room: ShadowRoom
  readonly #route: RouteShare
  #bytes = 0

  constructor (room: ShadowRoom, route: RouteShare) {
    this.#room = room
    this.#route = route
  }

  get bytes (): number { return this.#bytes }

  take (bytes: number): boolean {
    if (!this.#room.take(bytes, this.#route, this.#route.bytes === this.#bytes)) return false
    this.#bytes += bytes
    return true
  }

  /** Takes a piece that is kept by itself: who sends single bytes makes more of the memory around them. */
  takePiece (bytes: number): boolean {
    return this.take(bytes + PIECE_BYTES)
  }

  close (): void {
    this.#room.give(this.#bytes, this.#route)
    this.#bytes = 0
  }
}
