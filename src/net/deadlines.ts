/**
 * All deadlines of a worker, driven by one coarse tick: setting one is writing a number, and there is no timer per request.
 */

/** What closing a connection would give back. */
export interface Sheddable {
  /** Who goes first: those that nobody misses, those that wait for a peer, all others. */
  readonly rank: 0 | 1 | 2
  readonly bytes: number
  /** When something moved last, on the clock's scale. */
  readonly movedMs: number
}

/** Something that has at most one deadline at a time. */
export interface Deadlined {
  /** When onDeadline is due, on the clock's scale in milliseconds; 0 when nothing is. */
  deadlineMs: number
  /** The deadline has passed; it has been set to 0 before the call. */
  onDeadline (): void
  /**
   * The worker is going: what serves a client sees to its end.
   * @param over the time for that is over: it ends now
   */
  drain? (over: boolean): void
  /**
   * Looks after a connection that is not read: it ends itself when its peer has reset it.
   * @returns the key under which the system knows it, when it has not been read for a while; undefined otherwise
   */
  look? (): string | undefined
  /** The peer has sent a FIN, behind what has been read. */
  onEndSeen? (): void
  /** What it would give back if it had to end for want of memory; undefined when that is nothing. */
  sheddable? (): Sheddable | undefined
  /** It has to end for want of memory. */
  shed? (): void
  /** Where the object stands in the list; kept by Deadlines. */
  deadlineIndex: number
}

export class Deadlines {
  readonly #members: Deadlined[] = []

  get size (): number { return this.#members.length }

  add (member: Deadlined): void {
    member.deadlineIndex = this.#members.length
    this.#members.push(member)
  }

  remove (member: Deadlined): void {
    const index = member.deadlineIndex
    if (index < 0 || this.#members[index] !== member) return
    const last = this.#members.pop()
    if (last !== undefined && last !== member) {
      this.#members[index] = last
      last.deadlineIndex = index
    }
    member.deadlineIndex = -1
  }

  /** Calls everything that is due at `nowMs`. */
  sweep (nowMs: number): void {
    // From the end, so that members that remove themselves or others disturb nothing but places already looked at.
    for (let index = this.#members.length - 1; index >= 0; index--) {
      const member = this.#members[index]
      if (member !== undefined && member.deadlineMs !== 0 && member.deadlineMs <= nowMs) {
        member.deadlineMs = 0
        member.onDeadline()
      }
    }
  }

  /** All members, for a drain. The copy may be used while members come and go. */
  snapshot (): readonly Deadlined[] {
    return [...this.#members]
  }
}
