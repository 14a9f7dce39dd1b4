/** Runs asynchronous tasks one after another, in the order in which they came. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve()

  /** Runs `task` when all earlier ones have ended, whether they succeeded or not. Settles as the task does. */
  run<R> (task: () => Promise<R>): Promise<R> {
    const result = this.#tail.then(task)
    this.#tail = result.catch(() => undefined)
    return result
  }

  /** Resolves when everything that is in the queue now has ended. */
  async idle (): Promise<void> {
    await this.#tail
  }
}
