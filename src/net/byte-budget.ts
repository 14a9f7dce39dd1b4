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
  readonly #onFull: () => void
  /** The owner is told when so many are kept. */
  #tellFrom = Infinity

  /**
   * @param onFull requests are refused from now on, or the limit has been passed; called once until `watch`, from within whatever has
   *   brought that about: close nothing there
   */
  constructor (limit: number, onFull: () => void) {
    this.#onFull = onFull
    this.configure(limit)
  }

  configure (limit: number): void {
    this.limit = limit
    this.largeBelow = limit * LARGE_SHARE
    this.refuseFrom = limit * REFUSE_SHARE
    this.rest = limit * REST_SHARE
    this.relieved = limit * RELIEVED_SHARE
    this.watch()
  }

  /** So many bytes more, or fewer, are kept. */
  change (bytes: number): void {
    this.used += bytes
    if (bytes <= 0 || this.used < this.#tellFrom) return
    this.#tellFrom = Infinity
    this.#onFull()
  }

  /** The owner wants to be told of the next mark. */
  watch (): void {
    this.#tellFrom = this.used < this.refuseFrom ? this.refuseFrom : this.limit + 1
  }
}
