/**
 * How many bytes a worker may keep for its clients and endpoints, and how many it keeps. Whoever keeps some has a ByteAccount.
 */

/** The part of the limit from which on no buffer is large and nothing is kept for a repeat. */
const LARGE_SHARE = 0.25
/** The part of the limit from which on new requests are refused. */
const REFUSE_SHARE = 0.75
/** The part of the limit that is left when the limit was passed and connections have been closed for it. */
const REST_SHARE = 0.9
/** The part of the limit that is left when requests were refused and connections that are stuck have been closed for it. */
const RELIEVED_SHARE = 0.65

export class ByteBudget {
  /** Bytes that are kept now. */
  used = 0
  /** All in bytes. Fields and not methods, because good requests look at them. */
  limit = Infinity
  largeBelow = Infinity
  refuseFrom = Infinity
  /** Where closing for want of memory stops: when the limit was passed, and when requests are refused. */
  rest = Infinity
  relieved = Infinity
  readonly #onOver: () => void
  /** The owner has been told, and has not made room yet. */
  #told = false

  /** @param onOver the limit has been passed; called once until `madeRoom`, from within whatever has passed it: close nothing there */
  constructor (limit: number, onOver: () => void) {
    this.#onOver = onOver
    this.configure(limit)
  }

  configure (limit: number): void {
    this.limit = limit
    this.largeBelow = limit * LARGE_SHARE
    this.refuseFrom = limit * REFUSE_SHARE
    this.rest = limit * REST_SHARE
    this.relieved = limit * RELIEVED_SHARE
  }

  /** So many bytes more, or fewer, are kept. */
  change (bytes: number): void {
    this.used += bytes
    if (this.used <= this.limit || this.#told || bytes <= 0) return
    this.#told = true
    this.#onOver()
  }

  /** The owner has seen to it. */
  madeRoom (): void { this.#told = false }
}
