/**
 * Requests that wait for an endpoint, first come first served and bounded: what makes a version bearable that has none for a
 * while (the Recreate strategy, scaling from zero).
 */
import type { HoldLimits } from '../contract/route-policy.ts'

/**
 * Requests that wait, in the order in which they came. One that has waited before and comes back has its old place.
 */

/** Where a request stands: by its time, then by its number. */
interface WaitingPlace<Request> {
  readonly request: Request
  /** What was counted for it. */
  readonly bytes: number
  readonly sinceMs: number
  /** Rises with each place that is taken. */
  readonly number: number
}

class WaitingOrder<Request> {
  readonly #places: Array<WaitingPlace<Request>> = []

  /** Mostly the place is the last one. */
  add (place: WaitingPlace<Request>): void {
    this.#places.splice(this.#indexAfter(place), 0, place)
  }

  remove (place: WaitingPlace<Request>): void {
    const index = this.#indexAfter(place) - 1
    if (this.#places[index] === place) this.#places.splice(index, 1)
  }

  /**
   * The first place behind another one, which need not be taken any more.
   * @param behind null for the first of all
   * @param upTo places with higher numbers are passed over: they were taken later
   */
  next (behind: WaitingPlace<Request> | null, upTo: number): WaitingPlace<Request> | undefined {
    for (let index = behind === null ? 0 : this.#indexAfter(behind); index < this.#places.length; index++) {
      const place = this.#places[index]
      if (place !== undefined && place.number <= upTo) return place
    }
    return undefined
  }

  /** How many stand up to that place, itself included. */
  #indexAfter ({ sinceMs, number }: WaitingPlace<Request>): number {
    const places = this.#places
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = places[middle]
      if (at !== undefined && (at.sinceMs < sinceMs || (at.sinceMs === sinceMs && at.number <= number))) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A request that waits. */
export interface HeldRequest {
  /** Bytes that are kept of it. */
  readonly heldBytes: number
  /** When it came. */
  readonly sinceMs: number
  /**
   * Something has changed: the request goes on if there is an endpoint for it now, and has removed itself from the queue then.
   * @param only the version to which it may go; empty for any
   * @returns false when it has to wait on
   */
  tryProceed (only: string): boolean
}
/** How much may wait. */
type QueueLimits = Pick<HoldLimits, 'maxRequests' | 'maxBytes'>

/** Who may go on. */
interface Release {
  /** The version whose endpoints can be used again; empty when it may be any. */
  readonly only: string
  /** The first one that can, or all. */
  readonly one: boolean
  /** When one has gone on, the next one may try as soon as a request has ended. */
  readonly follows: boolean
}

/** A release under way: each request that waited when it began is asked once. */
interface Pass extends Release {
  readonly upTo: number
  behind: WaitingPlace<HeldRequest> | null
}

/** How often one of the waiting requests tries whether an endpoint that was refused can be used again. */
const SCOUT_MS = 1_000
/** Requests that go on in one turn of the event loop: each may open a connection, and other clients want their turn. */
const SLICE = 32

export class HoldQueue {
  #limits: QueueLimits
  readonly #later: (callback: () => void) => void
  readonly #places = new Map<HeldRequest, WaitingPlace<HeldRequest>>()
  readonly #order = new WaitingOrder<HeldRequest>()
  #lastNumber = 0
  #bytes = 0
  /** Some of those that wait have an endpoint, which has no room for more for now. */
  crowded = false
  #nextScoutMs = 0
  #pass: Pass | null = null
  /** What is to be released when the present pass is over: it has asked some already. */
  #wanted: Release | null = null
  readonly #proceed = (): void => { this.#slice() }

  /** @param later calls back in another turn of the event loop */
  constructor (limits: QueueLimits, later: (callback: () => void) => void) {
    this.#limits = limits
    this.#later = later
  }

  get size (): number { return this.#places.size }

  /** Takes note that one has to wait though there is an endpoint. */
  noteCrowd (): void { this.crowded = true }

  /** A request has ended, so there may be room for the first of those that wait. */
  next (): void {
    this.crowded = false
    this.#release({ only: '', one: true, follows: true })
  }

  /** Puts other limits in force; those that wait already stay. */
  configure (limits: QueueLimits): void {
    this.#limits = limits
  }

  /** Is there room for another request of that size? */
  hasRoom (bytes: number): boolean {
    const { maxRequests, maxBytes } = this.#limits
    return this.#places.size < maxRequests && this.#bytes + bytes <= maxBytes
  }

  /**
   * Takes a request in.
   * @returns false when a bound is met
   */
  add (request: HeldRequest): boolean {
    const { heldBytes: bytes, sinceMs } = request
    if (!this.hasRoom(bytes)) return false
    // One that tries alone, and is refused, comes back into an empty queue: its next try is due no sooner for that.
    if (this.#places.size === 0) this.#nextScoutMs = Math.max(this.#nextScoutMs, sinceMs + SCOUT_MS)
    const place = { request, bytes, sinceMs, number: ++this.#lastNumber }
    this.#places.set(request, place)
    this.#order.add(place)
    this.#bytes += bytes
    return true
  }

  /** A request waits no more. */
  remove (request: HeldRequest): void {
    const place = this.#places.get(request)
    if (place === undefined) return
    this.#places.delete(request)
    this.#order.remove(place)
    this.#bytes -= place.bytes
  }

  /**
   * Lets those go on for which there is an endpoint now, in the order in which they came: some at once, the others in the turns that
   * follow.
   * @param only the version whose endpoints can be used again; empty when it may be any
   */
  flush (only = ''): void {
    this.#release({ only, one: false, follows: false })
  }

  /**
   * Lets the oldest one try, now and then: an endpoint that refused may accept again without any news of it. When it does, the
   * others follow.
   */
  tick (nowMs: number): void {
    if (this.#places.size === 0 || nowMs < this.#nextScoutMs) return
    this.#nextScoutMs = nowMs + SCOUT_MS
    this.#release({ only: '', one: true, follows: false })
  }

  #release (release: Release): void {
    if (this.#pass !== null) {
      this.#wanted = this.#wanted === null ? release : union(this.#wanted, release)
      return
    }
    this.#begin(release)
    this.#slice()
  }

  #begin (release: Release): void {
    this.#wanted = null
    this.#pass = { ...release, upTo: this.#lastNumber, behind: null }
  }

  #slice (): void {
    const pass = this.#pass
    if (pass === null) return
    for (let asked = 0; asked < SLICE; asked++) {
      const place = this.#order.next(pass.behind, pass.upTo)
      if (place === undefined) return this.#end()
      pass.behind = place
      if (place.request.tryProceed(pass.only) && pass.one) {
        // Who follows may find room as well when that one has ended.
        if (pass.follows) this.crowded = this.#places.size > 0
        return this.#end()
      }
    }
    this.#later(this.#proceed)
  }

  /** What was wanted meanwhile has its own turn. */
  #end (): void {
    this.#pass = null
    if (this.#wanted === null) return
    this.#begin(this.#wanted)
    this.#later(this.#proceed)
  }
}

/** Lets go whom either of the two would. */
function union (one: Release, other: Release): Release {
  return {
    only: one.only === other.only ? one.only : '',
    one: one.one && other.one,
    follows: one.follows || other.follows
  }
}
