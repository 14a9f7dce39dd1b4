/**
 * The port behind which Weir remembers: one value, changed only by compare-and-swap, watched by whoever needs it; and its errors.
 */
import { errorCode } from '../core/error-text.ts'

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

/**
 * How a store is doing:
 * - `starting`: it has not been read yet
 * - `synced`: all is well
 * - `stale`: it can't be reached, or the last write has failed; the last known value is used
 * - `refused`: it holds something that can't be used; the last good value is used, and the next change writes over it
 * - `read-only`: it holds what only a newer Weir, or another one, may change
 */
type StoreState = 'starting' | 'synced' | 'stale' | 'refused' | 'read-only'

export interface StoreStatus {
  readonly state: StoreState
  /** What is wrong, for people; empty when all is well. */
  readonly detail: string
}

/** Of a store that nothing stands between. */
export const ALL_IS_WELL: StoreStatus = { state: 'synced', detail: '' }

const MAX_ATTEMPTS = 10
/** With a store that others write to, each attempt may lose against one of them. */
const MAX_SHARED_ATTEMPTS = 100

/** How often a change is tried that others are faster than. */
export function attemptsAt ({ shared }: { readonly shared: boolean }): number {
  return shared ? MAX_SHARED_ATTEMPTS : MAX_ATTEMPTS
}

export interface StateStore<T> {
  /** Others may write to it too: what they know and this process does not has to stay. */
  readonly shared: boolean
  status (): StoreStatus
  /** @throws StoreError when the store can't be read; `unavailable` when it was not read yet */
  read (): Promise<Versioned<T>>
  /**
   * Calls `listener` after every commit, in the order of the commits, whoever made it.
   * @returns a function that ends the watching
   */
  watch (listener: (current: Versioned<T>) => void): () => void
  /**
   * Writes `value` if the store still holds `expectedVersion`. Once this resolves with `ok`, the value survives a crash
   * of the process, and with a durable store a crash of the machine.
   * @param timeoutMs how long a store that is reached over the network may take
   * @throws StoreError when nothing could be written; the store keeps the old value, but for `unavailable`, of which that can't be known
   */
  compareAndSwap (expectedVersion: string, value: T, timeoutMs?: number): Promise<SwapResult<T>>
  /** Waits for writes under way and lets go of files and locks. Operations after it throw a StoreError. */
  close (): Promise<void>
}

/** How a value is turned into text and back. */
export interface StateCodec<T> {
  /** What the store holds before the first write. */
  readonly initial: T
  /** The newest format of values that `decode` reads; 1 without it. */
  readonly newestFormat?: number
  /** The format of a value: who knows only older ones must not read it. 1 without it. */
  formatOf? (value: T): number
  /** The value as JSON text. */
  encode (value: T): string
  /**
   * Reads parsed JSON. It comes from a file that anybody may have changed, so nothing about it may be assumed.
   * @throws Error with a message for people when it is not a value
   */
  decode (plain: unknown): T
}

/**
 * What went wrong with a store:
 * - `locked`: another process uses the file
 * - `lock-lost`: the lock was taken away while the store was open
 * - `no-space`: disk or quota is full
 * - `not-permitted`: missing permission, or a read-only file system
 * - `too-large`: the value is past the store's bound
 * - `closed`: the store has been closed
 * - `unavailable`: the store can't be reached; what was written last may be in it or not
 * - `read-only`: what is in the store belongs to a newer Weir, or to another one
 * - `io`: anything else that the operating system reports
 */
type StoreErrorCode = 'locked' | 'lock-lost' | 'no-space' | 'not-permitted' | 'too-large' | 'closed' | 'unavailable' | 'read-only' | 'io'

interface StoreErrorOptions {
  readonly cause?: unknown
  readonly advice?: string
}

/** A failed operation of a store. The message names the place and the remedy; the value in the store is the old one. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** What a client of the admin API may know of it; undefined: no more than the code says. */
  readonly advice: string | undefined

  constructor (code: StoreErrorCode, message: string, options: StoreErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.advice = options.advice
  }
}

/** Turns an error of the file system into a StoreError that says what was being done, where, and what helps. */
export function fileError (error: unknown, doing: string, path: string): StoreError {
  if (error instanceof StoreError) return error
  const errno = errorCode(error)
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new StoreError('no-space', `${doing} ${path} failed: no space left (${errno}); free some, the old state is kept`, { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new StoreError('not-permitted', `${doing} ${path} failed: not permitted (${errno}); let the user of Weir write the file and its directory`, { cause: error })
    case 'EROFS':
      return new StoreError('not-permitted', `${doing} ${path} failed: the file system is read-only (${errno}); mount it writable or set state.path`, { cause: error })
    case 'EMFILE':
    case 'ENFILE':
      return new StoreError('io', `${doing} ${path} failed: no file descriptor is free (${errno}); raise RLIMIT_NOFILE or lower limits.maxConnections, the old state is kept`, { cause: error })
    default:
      return new StoreError('io', `${doing} ${path} failed: ${errno ?? String(error)}; check state.path`, { cause: error })
  }
}

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
