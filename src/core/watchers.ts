/** A set of listeners. One that throws does not keep the others from hearing. */
export class Watchers<E> {
  readonly #listeners = new Set<(event: E) => void>()
  readonly #onError: (error: unknown) => void

  /** @param onError hears what a listener throws */
  constructor (onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** @returns a function that removes the listener */
  add (listener: (event: E) => void): () => void {
    const entry = (event: E): void => { listener(event) }
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  tell (event: E): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear (): void {
    this.#listeners.clear()
  }
}
