import type { ByteBudget } from './byte-budget.ts'

/**
 * What one connection keeps, as a part of the budget. It says how much that is now, never how much more, so that nothing can be
 * charged twice or forgotten.
 */
export class ByteAccount {
  /** Bytes that are charged. */
  bytes = 0
  readonly #budget: ByteBudget
  #closed = false

  constructor (budget: ByteBudget) {
    this.#budget = budget
  }

  /** So many bytes are kept now. */
  set (bytes: number): void {
    const change = bytes - this.bytes
    if (change === 0 || this.#closed) return
    this.bytes = bytes
    this.#budget.change(change)
  }

  /** Nothing is kept any more, whatever is said later. */
  close (): void {
    this.set(0)
    this.#closed = true
  }
}
