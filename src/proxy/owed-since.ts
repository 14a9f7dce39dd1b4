/**
 * Since when one direction is owed something: bytes that its reader does not take. What moves in the other direction gives it
 * no more time.
 */
export class OwedSince {
  #sinceMs = -1

  get owed (): boolean { return this.#sinceMs >= 0 }

  /** Something is owed, if nothing was before. */
  begin (nowMs: number): void {
    if (this.#sinceMs < 0) this.#sinceMs = nowMs
  }

  end (): void { this.#sinceMs = -1 }

  /** For how many milliseconds; 0 when nothing is owed. */
  forMs (nowMs: number): number {
    return this.#sinceMs < 0 ? 0 : nowMs - this.#sinceMs
  }
}
