import { ALL_IS_WELL, type StateStore, StoreError, type StoreStatus, type SwapResult, type Versioned, Watchers } from './state-store.ts'

/** Keeps the value in memory: it is gone when the process ends. */
export class MemoryStore<T> implements StateStore<T> {
  readonly shared = false
  #value: T
  #commits = 0
  #closed = false
  readonly #watchers: Watchers<Versioned<T>>

  /** @param onWatcherError hears what a watcher throws */
  constructor (initial: T, onWatcherError: (error: unknown) => void) {
    this.#value = initial
    this.#watchers = new Watchers(onWatcherError)
  }

  status (): StoreStatus { return ALL_IS_WELL }

  async read (): Promise<Versioned<T>> {
    this.#assertOpen()
    return this.#current()
  }

  watch (listener: (current: Versioned<T>) => void): () => void {
    return this.#watchers.add(listener)
  }

  async compareAndSwap (expectedVersion: string, value: T): Promise<SwapResult<T>> {
    this.#assertOpen()
    if (expectedVersion !== String(this.#commits)) return { ok: false, reason: 'conflict', current: this.#current() }
    this.#value = value
    this.#commits += 1
    const current = this.#current()
    this.#watchers.tell(current)
    return { ok: true, version: current.version }
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#watchers.clear()
  }

  #current (): Versioned<T> {
    return { value: this.#value, version: String(this.#commits) }
  }

  #assertOpen (): void {
    if (this.#closed) throw new StoreError('closed', 'the state store has been closed')
  }
}
