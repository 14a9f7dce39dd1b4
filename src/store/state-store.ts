/**
 * The port behind which Weir remembers: one value, changed only by compare-and-swap, watched by whoever needs it.
 */

/** A value and the version under which the store knows it. */
export interface Versioned<T> {
  readonly value: T
  /** Opaque: compare it, pass it back, read nothing into it. Kubernetes calls it resourceVersion. */
  readonly version: string
}

/** `ok: false` means that somebody else was faster; `current` is what they wrote. */
export type SwapResult<T> =
  | { readonly ok: true, readonly version: string }
  | { readonly ok: false, readonly reason: 'conflict', readonly current: Versioned<T> }

export interface StateStore<T> {
  /** @throws StoreError when the store can't be read */
  read (): Promise<Versioned<T>>
  /**
   * Calls `listener` after every commit, in the order of the commits, whoever made it.
   * @returns a function that ends the watching
   */
  watch (listener: (current: Versioned<T>) => void): () => void
  /**
   * Writes `value` if the store still holds `expectedVersion`. Once this resolves with `ok`, the value survives a crash
   * of the process, and with a durable store a crash of the machine.
   * @throws StoreError when nothing could be written; the store keeps the old value
   */
  compareAndSwap (expectedVersion: string, value: T): Promise<SwapResult<T>>
  /** Waits for writes under way and lets go of files and locks. Operations after it throw a StoreError. */
  close (): Promise<void>
}

/** How a value is turned into text and back. */
export interface StateCodec<T> {
  /** What the store holds before the first write. */
  readonly initial: T
  /** The value as JSON text. */
  encode (value: T): string
  /**
   * Reads parsed JSON. It comes from a file that anybody may have changed, so nothing about it may be assumed.
   * @throws Error with a message for people when it is not a value
   */
  decode (plain: unknown): T
}
