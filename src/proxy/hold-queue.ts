/**
 * Requests that wait for an endpoint, first come first served and bounded: what makes a version bearable that has none for a
 * while (the Recreate strategy, scaling from zero).
 */

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

export interface HoldLimits {
  readonly maxRequests: number
  readonly maxBytes: number
}

/** How often one of the waiting requests tries whether an endpoint that was refused can be used again. */
const SCOUT_MS = 1_000

export class HoldQueue {
  #limits: HoldLimits
  /** With the bytes that were counted for each. */
  readonly #waiting = new Map<HeldRequest, number>()
  #bytes = 0
  #crowded = false
  #nextScoutMs = 0

  constructor (limits: HoldLimits) {
    this.#limits = limits
  }

  get size (): number { return this.#waiting.size }
  get bytes (): number { return this.#bytes }

  /** Some of those that wait have an endpoint, which has no room for more for now. */
  get crowded (): boolean { return this.#crowded }

  /** Takes note that one has to wait though there is an endpoint. */
  noteCrowd (): void { this.#crowded = true }

  /** A request has ended, so there may be room for the first of those that wait. */
  next (): void {
    this.#crowded = false
    // Who follows may find room as well when that one has ended.
    if (this.#inOrder().some(request => request.tryProceed(''))) this.#crowded = this.#waiting.size > 0
  }

  /** Puts other limits in force; those that wait already stay. */
  configure (limits: HoldLimits): void {
    this.#limits = limits
  }

  /** Is there room for another request of that size? */
  hasRoom (bytes: number): boolean {
    const { maxRequests, maxBytes } = this.#limits
    return this.#waiting.size < maxRequests && this.#bytes + bytes <= maxBytes
  }

  /**
   * Takes a request in.
   * @returns false when a bound is met
   */
  add (request: HeldRequest): boolean {
    if (!this.hasRoom(request.heldBytes)) return false
    if (this.#waiting.size === 0) this.#nextScoutMs = Math.max(this.#nextScoutMs, request.sinceMs + SCOUT_MS)
    this.#waiting.set(request, request.heldBytes)
    this.#bytes += request.heldBytes
    return true
  }

  /** A request waits no more. */
  remove (request: HeldRequest): void {
    this.#bytes -= this.#waiting.get(request) ?? 0
    this.#waiting.delete(request)
  }

  /**
   * Lets those go on for which there is an endpoint now, in the order in which they came.
   * @param only the version whose endpoints can be used again; empty when it may be any
   */
  flush (only = ''): void {
    for (const request of this.#inOrder()) {
      if (this.#waiting.has(request)) request.tryProceed(only)
    }
  }

  /**
   * Lets the oldest one try, now and then: an endpoint that refused may accept again without any news of it. When it does, the
   * others follow.
   */
  tick (nowMs: number): void {
    if (this.#waiting.size === 0 || nowMs < this.#nextScoutMs) return
    this.#nextScoutMs = nowMs + SCOUT_MS
    this.#inOrder().find(request => request.tryProceed(''))
  }

  /** One that has waited before may come back: it keeps its place. */
  #inOrder (): readonly HeldRequest[] {
    return [...this.#waiting.keys()].sort((one, other) => one.sinceMs - other.sinceMs)
  }
}
