/**
 * Since when one direction is owed something: bytes that its reader does not take. What moves in the other direction gives it
 * no more time.
 */
export class OwedSince {
  owed = false
  #sinceMs = 0

  /** Something is owed, if nothing was before. */
  begin (nowMs: number): void {
    if (this.owed) return
    this.owed = true
    this.#sinceMs = nowMs
  }

  end (): void { this.owed = false }

  /** For how many milliseconds; 0 when nothing is owed. */
  forMs (nowMs: number): number {
    return this.owed ? nowMs - this.#sinceMs : 0
  }
}
