/**
 * One making of an answer for all who ask for it at the same time. Nobody gets one that was begun before they asked: who has changed
 * something reads the change.
 */
export class SharedAnswer<Answer> {
  readonly #make: () => Promise<Answer>
  #running: Promise<Answer> | undefined
  /** Begins when the one that runs is over. */
  #next: Promise<Answer> | undefined

  constructor (make: () => Promise<Answer>) {
    this.#make = make
  }

  /** Is nobody waiting for one? */
  get idle (): boolean { return this.#running === undefined && this.#next === undefined }

  /** @throws what making it throws */
  async ask (): Promise<Answer> {
    if (this.#running === undefined) return await this.#begin()
    this.#next ??= this.#afterThis(this.#running)
    return await this.#next
  }

  async #afterThis (running: Promise<Answer>): Promise<Answer> {
    await running.catch(() => {})
    this.#next = undefined
    return await this.#begin()
  }

  async #begin (): Promise<Answer> {
    const making = this.#make()
    this.#running = making
    try {
      return await making
    } finally {
      if (this.#running === making) this.#running = undefined
    }
  }
}
