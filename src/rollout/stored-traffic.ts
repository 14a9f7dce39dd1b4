import type { Clock } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import { HolderDuty } from '../core/holder-duty.ts'
import type { Leadership } from '../core/leadership.ts'
import { type EventLog, nameSome } from '../core/logger.ts'
import type { SerialQueue } from '../core/serial-queue.ts'
import { attemptsAt, type StateStore, type StoreStatus, type Versioned } from '../store/state-store.ts'
import { sameWeights } from '../contract/weights.ts'
import { foreignTo, supersededIn } from './shared-config.ts'
import { type ConfiguredRoute, type TrafficState } from './traffic-state.ts'
import { editedAt, goingOnFrom, recordEdits } from './transition.ts'

export interface StoredTrafficDeps {
  readonly store: StateStore<TrafficState>
  readonly clock: Clock
  readonly log: EventLog
  /** Who adds edits by hand to the history. */
  readonly leadership: Leadership
  /** Of all that changes the traffic state: edits are stored in their turn. */
  readonly queue: SerialQueue
  /** The routes of the configuration in force; undefined before the first one. */
  readonly configured: () => readonly ConfiguredRoute[] | undefined
  /** Told when something else was stored while edits by hand were to be. */
  readonly onTaken: () => void
}

/** How a write is made. */
interface TrafficWrite {
  /** Of the configuration for which it is made; by default the one in force. */
  readonly routes?: readonly ConfiguredRoute[]
  readonly timeoutMs?: number
}

/**
 * What is stored, as far as this process knows: written by compare-and-swap, taken over from others, with edits by hand made changes. What
 * is that of another Weir is left alone.
 */
export class StoredTraffic {
  readonly #deps: StoredTrafficDeps
  readonly #recording: HolderDuty
  #current: Versioned<TrafficState> | undefined
  /** `#current` has edits that the store does not have in its history. */
  #hasEdits = false
  /** Why what is stored is not ours; undefined when it is. */
  #foreign: string | undefined
  /** Something of this Weir is in the store: what others write there is a replica's, whatever they name. */
  #isOurs = false
  /** What was said of weights that are not taken over. */
  #superseded = ''

  /** @param current undefined: it was not read yet */
  constructor (deps: StoredTrafficDeps, current: Versioned<TrafficState> | undefined) {
    this.#deps = deps
    this.#current = current
    this.#recording = new HolderDuty({
      leadership: deps.leadership,
      clock: deps.clock,
      isDue: () => this.#hasEdits,
      perform: async () => { await deps.queue.run(async () => { await this.#storeEdits() }) }
    })
  }

  /** With edits by hand made changes. Undefined before a store that is away could be read, and for what is not ours. */
  get current (): Versioned<TrafficState> | undefined { return this.#current }

  /** How often a change is tried that others are faster than. */
  get maxAttempts (): number { return attemptsAt(this.#deps.store) }

  /** How the store is doing. */
  status (): StoreStatus {
    return this.#foreign === undefined ? this.#deps.store.status() : { state: 'read-only', detail: this.#foreign }
  }

  stop (): void {
    this.#recording.stop()
  }

  /** Reads what is stored, as far as that has not been done, and finds out whether it is that of a Weir with these routes. */
  async claim (routes: readonly ConfiguredRoute[]): Promise<void> {
    const { store } = this.#deps
    const { state } = store.status()
    // What can't be used may hold the only copy of the weights: a start does not write over it.
    if (!store.shared || this.#isOurs || state === 'starting' || state === 'refused' || state === 'read-only') return
    this.#take(this.#current ?? await store.read(), routes)
  }

  /** Takes over what others have written. @returns whether there was anything */
  async follow ({ version }: Versioned<TrafficState>): Promise<boolean> {
    if (version === this.#current?.version) return false
    this.#take(await this.#deps.store.read())
    return true
  }

  /**
   * Writes over what is known.
   * @returns whether it was written; if not, what others have written instead is taken
   * @throws StoreError
   */
  async write (value: TrafficState, { routes, timeoutMs }: TrafficWrite = {}): Promise<boolean> {
    if (this.#current === undefined) return false
    const swapped = await this.#deps.store.compareAndSwap(this.#current.version, value, timeoutMs)
    if (swapped.ok) {
      this.#isOurs = true
      this.#hasEdits = false
      this.#current = { value, version: swapped.version }
    } else {
      this.#take(swapped.current, routes)
    }
    return swapped.ok
  }

  /** Weights of the configuration that a newer one has superseded are named once. @param value what they were held against */
  tellSuperseded (value: TrafficState, routes: readonly ConfiguredRoute[]): void {
    const { store, log, configured } = this.#deps
    if (!store.shared) return
    const names = nameSome(supersededIn(value, configured() ?? [], routes))
    if (names !== '' && names !== this.#superseded) {
      log.warn('weights of the configuration are those before a newer one and are not taken over: a reload from the newer one to them would, or the API', { routes: names })
    }
    this.#superseded = names
  }

  /** What others have written is stored now. Until something of this Weir is, it may be that of another one, which is left alone. */
  #take (stored: Versioned<TrafficState>, routes = this.#deps.configured() ?? []): void {
    if (this.#deps.store.shared && !this.#isOurs) {
      const foreign = foreignTo(stored.value, routes)
      if (foreign !== undefined && foreign !== this.#foreign) {
        this.#deps.log.error('the stored traffic state is that of another Weir and is left alone', { fault: foreign })
      }
      this.#foreign = foreign
      this.#isOurs = foreign === undefined && stored.value.routes.size > 0 && routes.length > 0
    }
    const value = this.#deps.store.shared && this.#foreign === undefined ? this.#recorded(stored.value) : stored.value
    this.#hasEdits = value !== stored.value
    this.#current = this.#foreign === undefined ? { value, version: stored.version } : undefined
    // After what is under way, which may store them as well.
    if (this.#hasEdits) void this.#deps.queue.run(async () => { this.#recording.ask() })
  }

  /** Edits by hand become changes, which one of the replicas stores. */
  #recorded (value: TrafficState): TrafficState {
    const known = this.#current?.value
    const at = new Date(this.#deps.clock.wallMs()).toISOString()
    const recorded = recordEdits(known === undefined ? value : goingOnFrom(known, value, editedAt(at)), at)
    const refused = [...value.routes].filter(([name, { weights }]) => !sameWeights(recorded.routes.get(name)?.weights ?? {}, weights))
    if (refused.length > 0) {
      this.#deps.log.error('an edit of the stored weights is not taken: it would serve nobody, or no epoch is left', {
        routes: nameSome(refused.map(([name]) => name))
      })
    }
    return recorded
  }

  /** Makes edits by hand a part of the history. Another replica may be faster. */
  async #storeEdits (): Promise<void> {
    for (let attempt = 1; attempt <= this.maxAttempts && this.#hasEdits && this.#current !== undefined; attempt++) {
      try {
        if (!await this.write(this.#current.value)) this.#deps.onTaken()
      } catch (error) {
        this.#deps.log.error('an edit of the stored weights is in force but could not be added to the history', { error: errorText(error) })
        return
      }
    }
  }
}
