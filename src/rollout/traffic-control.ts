import type { Clock } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import { HolderDuty } from '../core/holder-duty.ts'
import { type Leadership, SOLE_REPLICA } from '../core/leadership.ts'
import { nameSome } from '../core/logger.ts'
import type { EventLog } from '../core/logger.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import { type StateStore, StoreError, type StoreStatus, type SwapResult, type Versioned, Watchers } from '../store/state-store.ts'
import { applySharedConfig, foreignTo, supersededIn } from './shared-config.ts'
import {
  type ChangeMeta, type ConfiguredRoute, EMPTY_TRAFFIC, type Revision, type RouteTraffic, sameWeights, type SplitPublisher,
  type SplitReceipt, type TrafficCommand, type TrafficState
} from './traffic-state.ts'
import type { TransitionErrorCode } from './transition.ts'
import { applyConfig, changeRoute, editedAt, goingOnFrom, ownView, recordEdits, withRoute } from './transition.ts'

/** Why a change was not made. */
type ChangeErrorCode = TransitionErrorCode | 'unknown_route' | 'epoch_mismatch' | 'store_conflict' | 'store_failed'

export type ChangeResult =
  | {
    readonly ok: true
    /** False when the route already had these weights: no new epoch, no entry in the history. */
    readonly changed: boolean
    readonly traffic: RouteTraffic
    /** Resolves when the workers have applied it or the time is over; never rejects. */
    readonly published: Promise<SplitReceipt>
  }
  | {
    readonly ok: false
    readonly error: {
      readonly code: ChangeErrorCode
      readonly message: string
      /** The epoch of the route, where there is one. */
      readonly epoch?: number
    }
  }

export interface ChangeOptions {
  /** The change is made only if the route's epoch is one of these. */
  readonly ifEpoch?: readonly number[]
  /** How long `published` waits for the workers. 5 s by default. */
  readonly publishTimeoutMs?: number
}

/** A route has got new weights. */
export interface TrafficEvent {
  readonly route: string
  readonly traffic: RouteTraffic
  /** What changed. */
  readonly revision?: Revision
}

export interface TrafficControlDeps {
  readonly store: StateStore<TrafficState>
  readonly publisher: SplitPublisher
  readonly clock: Clock
  readonly log: EventLog
  /** Who adds edits by hand to the history; without it, this replica does. */
  readonly leadership?: Leadership
}

/** What a configuration that fails after all has to go back to. */
interface Standing {
  readonly configured: readonly ConfiguredRoute[] | undefined
  readonly state: TrafficState
  readonly stored: Versioned<TrafficState> | undefined
}

/** What came of storing the routes of a configuration. */
interface StoredRoutes {
  readonly state: TrafficState
  /** What was stored before; undefined when nothing was written. */
  readonly overwritten: TrafficState | undefined
}

const MAX_ATTEMPTS = 10
/** With a store that others write to, each attempt may lose against one of them. */
const MAX_SHARED_ATTEMPTS = 100
/** A change is made or refused within so long, whatever the store does. */
const CHANGE_MS = 4_000
const DEFAULT_PUBLISH_TIMEOUT_MS = 5_000

/**
 * Owns the traffic state of this process. Every change is stored first and published to the workers after it: what a
 * worker applies survives a crash. Changes are made one at a time; another replica that is faster makes it try again on
 * what that one wrote.
 */
export class TrafficControl {
  readonly #deps: TrafficControlDeps
  readonly #queue = new SerialQueue()
  readonly #watchers: Watchers<TrafficEvent>
  readonly #stopWatching: () => void
  readonly #recording: HolderDuty
  /** Undefined before the first configuration. */
  #configured: readonly ConfiguredRoute[] | undefined
  #state: TrafficState = EMPTY_TRAFFIC
  /** With edits by hand made changes. Undefined before a store that is away could be read. */
  #stored: Versioned<TrafficState> | undefined
  /** What is stored, with edits that are not in its history there; undefined when there are none. */
  #edited: TrafficState | undefined
  /** Why what is stored is not ours; undefined when it is. */
  #foreign: string | undefined
  /** Something of this Weir is in the store: what others write there is a replica's, whatever they name. */
  #isOurs = false
  /** What was said of weights that are not taken over. */
  #superseded = ''
  readonly #known = Promise.withResolvers<undefined>()

  /** Use `open`. */
  constructor (deps: TrafficControlDeps, stored: Versioned<TrafficState> | undefined) {
    this.#deps = deps
    this.#stored = stored
    if (stored !== undefined) this.#known.resolve(undefined)
    this.#watchers = new Watchers(error => { deps.log.error('a listener to traffic changes failed', { error: String(error) }) })
    this.#recording = new HolderDuty({
      leadership: deps.leadership ?? SOLE_REPLICA,
      clock: deps.clock,
      isDue: () => this.#edited !== undefined && this.#edited === this.#stored?.value,
      perform: async () => { await this.#queue.run(async () => { await this.#storeEdits() }) }
    })
    this.#stopWatching = deps.store.watch(current => { this.#follow(current) })
  }

  /**
   * Reads the store, unless others may have written to it: a configuration has to tell whether that is this Weir's. There are no routes
   * until one names them.
   * @throws StoreError
   */
  static async open (deps: TrafficControlDeps): Promise<TrafficControl> {
    return new TrafficControl(deps, deps.store.shared ? undefined : await deps.store.read())
  }

  /** What is stored has been read. Until then the weights are those of the configuration, and can't be changed. */
  get isKnown (): boolean { return this.#stored !== undefined }

  /** Resolves when `isKnown`. */
  get known (): Promise<undefined> { return this.#known.promise }

  /** How the store is doing. */
  storeStatus (): StoreStatus {
    return this.#foreign === undefined ? this.#deps.store.status() : { state: 'read-only', detail: this.#foreign }
  }

  /** The traffic state of a route, or undefined if the configuration has no such route. */
  route (name: string): RouteTraffic | undefined {
    return this.#state.routes.get(name)
  }

  /** All routes, in the order of the configuration. */
  routes (): ReadonlyMap<string, RouteTraffic> {
    return this.#state.routes
  }

  /**
   * Takes the routes of a configuration. To be settled, it publishes every split that it changed (all of them the first time). From
   * `persist` on changes by others wait until it is settled or discarded, and what was changed before stays.
   *
   * A store that fails refuses it; but at the start, where there is nothing to stay with, it is logged only: the configuration
   * says the same at the next start.
   */
  prepare (routes: readonly ConfiguredRoute[]): PreparedChange {
    const turn = Promise.withResolvers<undefined>()
    let before: Standing | undefined
    let stored: StoredRoutes | undefined
    return {
      persist: async () => {
        await this.#takeTurn(turn.promise)
        await this.#claim(routes)
        before = { configured: this.#configured, state: this.#state, stored: this.#stored }
        stored = await this.#storeConfigured(routes)
      },
      commit: () => {
        this.#configured = routes
        if (stored !== undefined) this.#state = this.#viewOf(stored.state)
      },
      settle: () => {
        if (before !== undefined) this.#announce(before.state, this.#state)
        if (this.#stored !== undefined) this.#known.resolve(undefined)
        turn.resolve(undefined)
      },
      discard: async () => {
        if (before !== undefined) await this.#goBackTo(before, stored)
        turn.resolve(undefined)
      }
    }
  }

  /** Waits for all that was asked before; what is asked later waits for `over`. */
  #takeTurn (over: Promise<unknown>): Promise<void> {
    return new Promise(resolve => {
      void this.#queue.run(async () => {
        resolve()
        await over
      })
    })
  }

  /** Changes the weights of a route, stores them, then publishes them. Never rejects. */
  change (route: string, command: TrafficCommand, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions = {}): Promise<ChangeResult> {
    const { clock } = this.#deps
    const deadlineMs = clock.nowMs() + CHANGE_MS
    return this.#queue.run(async () => {
      for (let attempt = 1; attempt <= this.#maxAttempts; attempt++) {
        const leftMs = deadlineMs - clock.nowMs()
        if (leftMs <= 0) return refuse('store_failed', 'the state store takes too long; nothing was changed')
        const result = await this.#attempt(route, command, meta, { ...options, leftMs })
        if (result !== 'conflict') return result
      }
      return refuse('store_conflict', `the state was changed by others ${this.#maxAttempts} times in a row; try again`)
    })
  }

  get #maxAttempts (): number { return this.#deps.store.shared ? MAX_SHARED_ATTEMPTS : MAX_ATTEMPTS }

  /** Hears of every change of weights, after it was stored. Returns a function that ends it. */
  subscribe (listener: (event: TrafficEvent) => void): () => void {
    return this.#watchers.add(listener)
  }

  /** Waits for changes under way. The store is closed by its owner. */
  async close (): Promise<void> {
    this.#stopWatching()
    this.#recording.stop()
    await this.#queue.idle()
    this.#watchers.clear()
  }

  async #storeConfigured (routes: readonly ConfiguredRoute[]): Promise<StoredRoutes> {
    try {
      return await this.#storeStateOf(routes)
    } catch (error) {
      if (this.#configured !== undefined) throw new Error(`its weights could not be stored: ${errorText(error)}`, { cause: error })
      this.#deps.log.error('the weights of the configuration could not be stored; they are used all the same', { error: errorText(error) })
      return { state: this.#merged(routes, this.#stored?.value ?? EMPTY_TRAFFIC), overwritten: undefined }
    }
  }

  async #storeStateOf (routes: readonly ConfiguredRoute[]): Promise<StoredRoutes> {
    for (let attempt = 1; attempt <= this.#maxAttempts; attempt++) {
      // It is stored as soon as the store can be read.
      if (this.#stored === undefined) return { state: this.#merged(routes, EMPTY_TRAFFIC), overwritten: undefined }
      const { value, version } = this.#stored
      const state = this.#merged(routes, value)
      const isWritten = state !== value && this.#swapped(await this.#deps.store.compareAndSwap(version, state), state, routes)
      if (isWritten || state === value) {
        this.#tellSuperseded(value, routes)
        return { state, overwritten: isWritten ? value : undefined }
      }
    }
    throw new Error(`the state was changed by others ${this.#maxAttempts} times in a row`)
  }

  /** All is as before a configuration that is not used, but for what others have written meanwhile. */
  async #goBackTo (before: Standing, stored: StoredRoutes | undefined): Promise<void> {
    this.#configured = before.configured
    this.#state = before.state
    try {
      if (stored?.overwritten !== undefined && this.#stored !== undefined) {
        const { value, version } = this.#stored
        const meta = { actor: 'config', reason: 'the configuration was not used', source: 'config', at: this.#now() } as const
        // Nobody has seen its epochs, unless others share the store.
        const next = this.#deps.store.shared ? goingOnFrom(value, stored.overwritten, meta) : stored.overwritten
        this.#swapped(await this.#deps.store.compareAndSwap(version, next), next)
      }
      if (this.#stored !== undefined && this.#stored.value !== before.stored?.value) this.#adopt(this.#viewOf(this.#stored.value))
    } catch (error) {
      this.#deps.log.error('the weights of a configuration that is not used stay in the state store until the next change', { error: errorText(error) })
    }
  }

  async #attempt (
    name: string, command: TrafficCommand, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions & { readonly leftMs: number }
  ): Promise<ChangeResult | 'conflict'> {
    const current = this.#state.routes.get(name)
    if (current === undefined) return refuse('unknown_route', `there is no route "${name}"`)
    if (this.#stored === undefined) return refuse('store_failed', `the stored weights are not known yet: ${this.storeStatus().detail}`, current.epoch)
    if (options.ifEpoch !== undefined && !options.ifEpoch.includes(current.epoch)) {
      return refuse('epoch_mismatch', `the route is at epoch ${current.epoch}; read it again and decide anew`, current.epoch)
    }
    const transition = changeRoute(current, command, { ...meta, at: this.#now() })
    if (!transition.ok) return refuse(transition.error.code, transition.error.message, current.epoch)
    const { shared } = this.#deps.store
    // That nothing changes is as much as this replica knows: what is written is what all have.
    if (transition.changed || shared) {
      const base = shared ? this.#stored.value : this.#state
      const next = transition.changed ? withRoute(base, name, transition.route) : base
      const stored = await this.#store(this.#stored.version, next, options.leftMs)
      if (stored !== 'stored') return stored
    }
    if (transition.changed) this.#tell(name, transition.route)
    const timeoutMs = options.publishTimeoutMs ?? DEFAULT_PUBLISH_TIMEOUT_MS
    return { ok: true, changed: transition.changed, traffic: transition.route, published: this.#publish(name, transition.route, timeoutMs) }
  }

  async #store (version: string, next: TrafficState, timeoutMs: number): Promise<'stored' | 'conflict' | ChangeResult> {
    try {
      if (!this.#swapped(await this.#deps.store.compareAndSwap(version, next, timeoutMs), next)) {
        this.#adoptStored()
        return 'conflict'
      }
      this.#edited = undefined
    } catch (error) {
      this.#deps.log.error('a change of weights could not be stored and was not made', { error: errorText(error) })
      return refuse('store_failed', error instanceof StoreError ? storeAdvice(error) : 'the state store failed; the log says more')
    }
    this.#state = this.#viewOf(next)
    return 'stored'
  }

  /** What another replica wrote, or an echo of our own commit, which changes nothing. */
  #follow (current: Versioned<TrafficState>): void {
    this.#queue.run(async () => {
      if (this.#stored === undefined) return await this.#readFirst()
      if (current.version === this.#stored.version) return
      this.#take(await this.#deps.store.read())
      this.#adoptStored()
    }).catch((error: unknown) => {
      this.#deps.log.error('the state store could not be followed', { error: errorText(error) })
    })
  }

  /** A store that was away can be read for the first time. The first configuration reads it otherwise, for it tells whose it is. */
  async #readFirst (): Promise<void> {
    const routes = this.#configured
    if (routes === undefined) return
    await this.#claim(routes)
    if (this.#stored === undefined) return
    try {
      await this.#storeStateOf(routes)
    } catch (error) {
      this.#deps.log.error('the weights of the configuration could not be stored', { error: errorText(error) })
    }
    this.#adoptStored()
    if (this.isKnown) this.#known.resolve(undefined)
  }

  /** Reads what is stored, as far as that has not been done, and finds out whether it is that of a Weir with these routes. */
  async #claim (routes: readonly ConfiguredRoute[]): Promise<void> {
    const { store } = this.#deps
    const { state } = store.status()
    // What can't be used may hold the only copy of the weights: a start does not write over it.
    if (!store.shared || this.#isOurs || state === 'starting' || state === 'refused' || state === 'read-only') return
    this.#take(this.#stored ?? await store.read(), routes)
  }

  /** What others have written is stored now. Until something of this Weir is, it may be that of another one, which is left alone. */
  #take (current: Versioned<TrafficState>, routes = this.#configured ?? []): void {
    if (this.#deps.store.shared && !this.#isOurs) {
      const foreign = foreignTo(current.value, routes)
      if (foreign !== undefined && foreign !== this.#foreign) {
        this.#deps.log.error('the stored traffic state is that of another Weir and is left alone', { fault: foreign })
      }
      this.#foreign = foreign
      this.#isOurs = foreign === undefined && current.value.routes.size > 0 && routes.length > 0
    }
    if (this.#foreign === undefined) {
      this.#stored = this.#withEdits(current)
    } else {
      this.#stored = this.#edited = undefined
    }
  }

  /** @returns whether `value` was written; what others have written instead is taken */
  #swapped (swapped: SwapResult<TrafficState>, value: TrafficState, routes = this.#configured ?? []): boolean {
    if (swapped.ok) {
      this.#isOurs = true
      this.#stored = { value, version: swapped.version }
    } else {
      this.#take(swapped.current, routes)
    }
    return swapped.ok
  }

  #adoptStored (): void {
    if (this.#stored !== undefined) this.#adopt(this.#viewOf(this.#stored.value))
  }

  /** Weights of the configuration that a newer one has superseded are named once. */
  #tellSuperseded (value: TrafficState, routes: readonly ConfiguredRoute[]): void {
    if (!this.#deps.store.shared) return
    const names = nameSome(supersededIn(value, this.#configured ?? [], routes))
    if (names !== '' && names !== this.#superseded) {
      this.#deps.log.warn('weights of the configuration are those before a newer one and are not taken over: a reload from the newer one to them would, or the API', { routes: names })
    }
    this.#superseded = names
  }

  /** Makes edits by hand a part of the history. Another replica may be faster. */
  async #storeEdits (): Promise<void> {
    for (let attempt = 1; attempt <= this.#maxAttempts && this.#stored !== undefined && this.#edited === this.#stored.value; attempt++) {
      try {
        const { value, version } = this.#stored
        if (this.#swapped(await this.#deps.store.compareAndSwap(version, value), value)) this.#edited = undefined
        else this.#adoptStored()
      } catch (error) {
        this.#deps.log.error('an edit of the stored weights is in force but could not be added to the history', { error: errorText(error) })
        return
      }
    }
  }

  /** Edits by hand become changes, which one of the replicas stores. */
  #withEdits ({ value, version }: Versioned<TrafficState>): Versioned<TrafficState> {
    const recorded = this.#deps.store.shared ? this.#recorded(value) : value
    this.#edited = recorded === value ? undefined : recorded
    // After what is under way, which may store them as well.
    if (this.#edited !== undefined) void this.#queue.run(async () => { this.#recording.ask() })
    return { value: recorded, version }
  }

  #recorded (value: TrafficState): TrafficState {
    const known = this.#stored?.value
    const at = this.#now()
    const recorded = recordEdits(known === undefined ? value : goingOnFrom(known, value, editedAt(at)), at)
    const refused = [...value.routes].filter(([name, { weights }]) => !sameWeights(recorded.routes.get(name)?.weights ?? {}, weights))
    if (refused.length > 0) {
      this.#deps.log.error('an edit of the stored weights is not taken: it would serve nobody, or no epoch is left', {
        routes: nameSome(refused.map(([name]) => name))
      })
    }
    return recorded
  }

  /** What this process serves of what is stored. */
  #viewOf (state: TrafficState): TrafficState {
    const routes = this.#configured ?? []
    return this.#deps.store.shared ? ownView(state, routes, this.#state, this.#now()) : applyConfig(state, routes, this.#now())
  }

  /** What is stored, brought in line with these routes of the configuration. */
  #merged (routes: readonly ConfiguredRoute[], state: TrafficState): TrafficState {
    return this.#deps.store.shared
      ? applySharedConfig(state, this.#configured ?? [], routes, this.#now())
      : applyConfig(state, routes, this.#now())
  }

  #now (): string { return new Date(this.#deps.clock.wallMs()).toISOString() }

  /** Makes `next` the state. */
  #adopt (next: TrafficState): void {
    const before = this.#state
    this.#state = next
    this.#announce(before, next)
  }

  /** Publishes every split that is not the one that was. */
  #announce (before: TrafficState, next: TrafficState): void {
    for (const [name, traffic] of next.routes) {
      const known = before.routes.get(name)
      if (known !== undefined && known.epoch === traffic.epoch && sameWeights(known.weights, traffic.weights)) continue
      this.#publish(name, traffic, DEFAULT_PUBLISH_TIMEOUT_MS).catch(() => undefined)
      this.#tell(name, traffic)
    }
  }

  #tell (route: string, traffic: RouteTraffic): void {
    const revision = traffic.history.at(-1)
    this.#watchers.tell(revision === undefined ? { route, traffic } : { route, traffic, revision })
  }

  async #publish (route: string, { epoch, weights }: RouteTraffic, timeoutMs: number): Promise<SplitReceipt> {
    try {
      const receipt = await this.#deps.publisher.publish({ route, epoch, weights }, timeoutMs)
      if (receipt.applied < receipt.workers) {
        this.#deps.log.warn('a split was not applied by every worker in time', { route, epoch, workers: receipt.workers, applied: receipt.applied, tookMs: receipt.tookMs })
      }
      return receipt
    } catch (error) {
      this.#deps.log.error('a split could not be published', { route, epoch, error: errorText(error) })
      return { workers: 0, applied: 0, tookMs: 0 }
    }
  }
}

function refuse (code: ChangeErrorCode, message: string, epoch?: number): ChangeResult {
  return { ok: false, error: epoch === undefined ? { code, message } : { code, message, epoch } }
}

/** What a client of the API may know of a failed store: no paths. */
function storeAdvice (error: StoreError): string {
  if (error.advice !== undefined) return error.advice
  switch (error.code) {
    case 'no-space': return 'the state can\'t be stored: no space is left; nothing was changed'
    case 'not-permitted': return 'the state can\'t be stored: Weir may not write it; nothing was changed, and the log says more'
    case 'too-large': return 'the state can\'t be stored: it has grown past its bound; nothing was changed, and the log says more'
    case 'unavailable': return `${error.message}; it may be made all the same: read the route again`
    case 'read-only': return `${error.message}; nothing was changed`
    default: return 'the state can\'t be stored; nothing was changed, and the log says more'
  }
}
