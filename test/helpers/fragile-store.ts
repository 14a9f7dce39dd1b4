import { createTrafficCodec } from '../../src/rollout/traffic-codec.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { StateStore, SwapResult, Versioned } from '../../src/store/state-store.ts'

/** A store that a test makes fail, or hang. What is in it is text, as on a disk. */
export class FragileStore implements StateStore<TrafficState> {
  readonly shared: boolean
  readonly #inner: MemoryStore<string>
  readonly #codec = createTrafficCodec()
  fault: Error | undefined
  #held: Array<() => void> | undefined
  writes = 0

  constructor (shared = false) {
    this.shared = shared
    this.#inner = new MemoryStore(this.#codec.encode(EMPTY_TRAFFIC), error => { throw error })
  }

  status () { return this.#inner.status() }
  async close (): Promise<void> {}

  async read (): Promise<Versioned<TrafficState>> {
    return this.#decoded(await this.#inner.read())
  }

  watch (listener: (current: Versioned<TrafficState>) => void): () => void {
    return this.#inner.watch(current => { listener(this.#decoded(current)) })
  }

  /** No write ends until `release`. */
  hang (): void { this.#held ??= [] }

  release (): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const go of held) go()
  }

  async compareAndSwap (version: string, value: TrafficState): Promise<SwapResult<TrafficState>> {
    this.writes++
    const { promise, resolve } = Promise.withResolvers<undefined>()
    if (this.#held === undefined) resolve(undefined)
    else this.#held.push(() => { resolve(undefined) })
    await promise
    if (this.fault !== undefined) throw this.fault
    const swapped = await this.#inner.compareAndSwap(version, this.#codec.encode(value))
    return swapped.ok ? swapped : { ...swapped, current: this.#decoded(swapped.current) }
  }

  #decoded ({ value, version }: Versioned<string>): Versioned<TrafficState> {
    return { version, value: this.#codec.decode(JSON.parse(value)) }
  }
}
