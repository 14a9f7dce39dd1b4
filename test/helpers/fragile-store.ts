import { createTrafficCodec } from '../../src/rollout/traffic-codec.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StateStore, SwapResult, Versioned } from '../../src/store/state-store.ts'

/** A store that a test makes fail, or hang. What is in it is text, as in a file. */
export class FragileStore implements StateStore<TrafficState> {
  readonly shared: boolean
  readonly #codec = createTrafficCodec()
  readonly #inner = new MemoryStore(this.#codec.encode(EMPTY_TRAFFIC), error => { throw error })
  fault: Error | undefined
  /** The same for one of several who write to it. */
  faultOf: ((writer: string) => Error | undefined) | undefined
  #held: Array<(fault?: Error) => void> | undefined
  writes = 0

  constructor (shared = false) {
    this.shared = shared
  }

  status () { return this.#inner.status() }
  async close (): Promise<void> {}

  async read (): Promise<Versioned<TrafficState>> {
    return this.#read(await this.#inner.read())
  }

  watch (listener: (current: Versioned<TrafficState>) => void): () => void {
    return this.#inner.watch(current => { listener(this.#read(current)) })
  }

  #read ({ value, version }: Versioned<string>): Versioned<TrafficState> {
    return { value: this.#codec.decode(JSON.parse(value)), version }
  }

  /** No write ends until `release`. */
  hang (): void { this.#held ??= [] }

  release (): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  /** The store as one of several sees it. */
  as (writer: string): StateStore<TrafficState> {
    return {
      shared: this.shared,
      status: () => this.status(),
      read: () => this.read(),
      watch: listener => this.watch(listener),
      close: () => this.close(),
      compareAndSwap: async (version, value) => {
        const fault = this.faultOf?.(writer)
        if (fault !== undefined) throw fault
        return await this.compareAndSwap(version, value)
      }
    }
  }

  /** Writes under way come to nothing: who asked for them is gone. */
  drop (): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go(new Error('nobody asks any more'))
  }

  async compareAndSwap (version: string, value: TrafficState): Promise<SwapResult<TrafficState>> {
    this.writes++
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    if (this.#held === undefined) resolve(undefined)
    else this.#held.push(resolve)
    const dropped = await promise
    if (dropped !== undefined) throw dropped
    if (this.fault !== undefined) throw this.fault
    const swapped = await this.#inner.compareAndSwap(version, this.#codec.encode(value))
    return swapped.ok ? swapped : { ...swapped, current: this.#read(swapped.current) }
  }
}
