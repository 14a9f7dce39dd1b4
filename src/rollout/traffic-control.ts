import type { Clock } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import { type Leadership, SOLE_REPLICA } from '../core/leadership.ts'
import type { EventLog } from '../core/logger.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import { ChangeDeadline } from '../store/change-deadline.ts'
import type { StateStore, StoreStatus, Versioned } from '../store/state-store.ts'
import {
  type ChangeOptions, type ChangeResult, type CutResult, refusedByStore, refusedChange, refusedEpoch, refusedTransition
} from './change-result.ts'
import { applySharedConfig } from './shared-config.ts'
import { PendingCuts } from './pending-cuts.ts'
import { DEFAULT_PUBLISH_TIMEOUT_MS, SplitAnnouncer, type TrafficEvent } from './split-announcer.ts'
import { StoredTraffic } from './stored-traffic.ts'
import {
  type ChangeMeta, type ConfiguredRoute, EMPTY_TRAFFIC, type RouteTraffic, type SplitPublisher, type SplitReceipt, type TrafficCommand,
  type TrafficState
} from './traffic-state.ts'
import { applyConfig, changeRoute, goingOnFrom, ownView, withRoute } from './transition.ts'

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

const TOO_LATE = 'the state store takes too long; nothing was changed'
const outrun = (times: number): string => `others were faster to change the state ${times} times in a row; nothing was changed, try again`
const UNANSWERED = 'the state store has not answered; the change may be made all the same: read the route again'
/** Of what is kept and no worker has to know of. */
const NOT_SENT: Promise<SplitReceipt> = Promise.resolve({ workers: 0, applied: 0, tookMs: 0 })

/**
 * Owns the traffic state of this process. Every change is stored first and published to the workers after it: what a
 * worker applies survives a crash. Changes are made one at a time; another replica that is faster makes it try again on
 * what that one wrote. The one exception is a cut, which takes traffic away from a bad version: it is published first.
 */
export class TrafficControl {
  readonly #deps: TrafficControlDeps
  readonly #queue = new SerialQueue()
  readonly #stored: StoredTraffic
  readonly #announcer: SplitAnnouncer
  readonly #cuts: PendingCuts
  readonly #stopWatching: () => void
  /** Undefined before the first configuration. */
  #configured: readonly ConfiguredRoute[] | undefined
  /** As stored. */
  #state: TrafficState = EMPTY_TRAFFIC
  readonly #known = Promise.withResolvers<undefined>()

  /** Use `open`. */
  constructor (deps: TrafficControlDeps, stored: Versioned<TrafficState> | undefined) {
    this.#deps = deps
    if (stored !== undefined) this.#known.resolve(undefined)
    const { store, publisher, clock, log, leadership = SOLE_REPLICA } = deps
    this.#cuts = new PendingCuts({
      clock,
      log,
      queue: this.#queue,
      stored: name => this.#state.routes.get(name),
      write: async (name, route, timeoutMs) => {
        const current = this.#stored.current
        return current !== undefined && await this.#write(withRoute(this.#baseOf(current), name, route), timeoutMs)
      },
      onStored: (name, before, after) => { void this.#brought(name, before, after, {}) },
      onVoid: (name, route) => { void this.#announcer.publish(name, route, DEFAULT_PUBLISH_TIMEOUT_MS) }
    })
    this.#announcer = new SplitAnnouncer(publisher, log, (route, traffic) => this.#cuts.view(route, traffic))
    this.#stored = new StoredTraffic({
      store, clock, log, leadership, queue: this.#queue, configured: () => this.#configured, onTaken: () => { this.#adoptStored() }
    }, stored)
    this.#stopWatching = store.watch(current => { this.#follow(current) })
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
  get isKnown (): boolean { return this.#stored.current !== undefined }

  /** Resolves when `isKnown`. */
  get known (): Promise<undefined> { return this.#known.promise }

  /** How the store is doing. */
  storeStatus (): StoreStatus {
    return this.#stored.status()
  }

  /** The traffic state of a route, or undefined if the configuration has no such route. With a cut that is not stored yet. */
  route (name: string): RouteTraffic | undefined {
    const stored = this.#state.routes.get(name)
    return stored === undefined ? undefined : this.#cuts.view(name, stored)
  }

  /** All routes, in the order of the configuration. */
  routes (): ReadonlyMap<string, RouteTraffic> {
    if (this.#cuts.isEmpty) return this.#state.routes
    return new Map([...this.#state.routes].map(([name, stored]) => [name, this.#cuts.view(name, stored)]))
  }

  /** Why a cut of the route is in force and not stored yet; null when none is. */
  pendingCut (route: string): string | null {
    return this.#cuts.faultOf(route)
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
        await this.#stored.claim(routes)
        before = { configured: this.#configured, state: this.#state, stored: this.#stored.current }
        stored = await this.#storeConfigured(routes)
      },
      commit: () => {
        this.#configured = routes
        if (stored !== undefined) this.#state = this.#viewOf(stored.state)
      },
      settle: () => {
        if (before !== undefined) this.#announce(before.state)
        if (this.isKnown) this.#known.resolve(undefined)
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
  async change (
    route: string, command: TrafficCommand, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions = {}
  ): Promise<ChangeResult> {
    const deadline = new ChangeDeadline(this.#deps.clock)
    let hasBegun = false
    const made = await deadline.answer(this.#queue.run(async () => {
      for (let attempt = 1; attempt <= this.#stored.maxAttempts; attempt++) {
        if (deadline.isOver) return refusedChange('store_failed', attempt === 1 ? TOO_LATE : outrun(attempt - 1))
        hasBegun = true
        const result = await this.#attempt(route, command, meta, { ...options, deadline })
        if (result !== 'conflict') return result
      }
      return refusedChange('store_conflict', outrun(this.#stored.maxAttempts))
    }))
    return made === 'late' ? refusedChange('store_failed', hasBegun ? UNANSWERED : TOO_LATE) : made
  }

  /**
   * A change that must not wait for the store, for it takes traffic away from a bad version: the workers have it when this returns. It is
   * stored after that, and tried again until it is, or somebody else has ended the same rollout; until then its weights are served under
   * the epoch that there is.
   */
  cutOff (name: string, command: TrafficCommand, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions = {}): CutResult {
    const current = this.route(name)
    if (current === undefined) return refusedChange('unknown_route', `there is no route "${name}"`)
    const refused = refusedEpoch(current, options)
    if (refused !== undefined) return refused
    const at = this.#now()
    const transition = changeRoute(current, command, { ...meta, at })
    if (!transition.ok) return refusedTransition(transition, current)
    const settled = transition.changed
      ? this.#cuts.add(name, { command, meta: { ...meta, at }, rolloutId: current.rollout?.id })
      : Promise.resolve(undefined)
    const { publishTimeoutMs = DEFAULT_PUBLISH_TIMEOUT_MS } = options
    const published = this.#announcer.publish(name, this.#state.routes.get(name) ?? current, publishTimeoutMs)
    this.#announcer.changed()
    return { ok: true, changed: transition.changed, traffic: this.route(name) ?? current, published, settled }
  }

  /** Hears of every change of weights, after it was stored. Returns a function that ends it. */
  subscribe (listener: (event: TrafficEvent) => void): () => void {
    return this.#announcer.subscribe(listener)
  }

  /** Hears when anything of any route may be different, its rollout included. Returns a function that ends it. */
  onChange (listener: () => void): () => void {
    return this.#announcer.onChange(listener)
  }

  /** Waits for changes under way. The store is closed by its owner. */
  async close (): Promise<void> {
    this.#stopWatching()
    this.#stored.stop()
    await this.#cuts.close()
    await this.#queue.idle()
    this.#announcer.clear()
  }

  async #storeConfigured (routes: readonly ConfiguredRoute[]): Promise<StoredRoutes> {
    try {
      return await this.#storeStateOf(routes)
    } catch (error) {
      if (this.#configured !== undefined) throw new Error(`its weights could not be stored: ${errorText(error)}`, { cause: error })
      this.#deps.log.error('the weights of the configuration could not be stored; they are used all the same', { error: errorText(error) })
      return { state: this.#merged(routes, this.#stored.current?.value ?? EMPTY_TRAFFIC), overwritten: undefined }
    }
  }

  async #storeStateOf (routes: readonly ConfiguredRoute[]): Promise<StoredRoutes> {
    for (let attempt = 1; attempt <= this.#stored.maxAttempts; attempt++) {
      // It is stored as soon as the store can be read.
      if (this.#stored.current === undefined) return { state: this.#merged(routes, EMPTY_TRAFFIC), overwritten: undefined }
      const { value } = this.#stored.current
      const state = this.#merged(routes, value)
      const isWritten = state !== value && await this.#stored.write(state, { routes })
      if (isWritten || state === value) {
        this.#stored.tellSuperseded(value, routes)
        return { state, overwritten: isWritten ? value : undefined }
      }
    }
    throw new Error(`the state was changed by others ${this.#stored.maxAttempts} times in a row`)
  }

  /** All is as before a configuration that is not used, but for what others have written meanwhile. */
  async #goBackTo (before: Standing, stored: StoredRoutes | undefined): Promise<void> {
    this.#configured = before.configured
    this.#state = before.state
    try {
      if (stored?.overwritten !== undefined && this.#stored.current !== undefined) {
        const { value } = this.#stored.current
        const meta = { actor: 'config', reason: 'the configuration was not used', source: 'config', at: this.#now() } as const
        // Nobody has seen its epochs, unless others share the store.
        const next = this.#deps.store.shared ? goingOnFrom(value, stored.overwritten, meta) : stored.overwritten
        await this.#stored.write(next)
      }
      if (this.#stored.current?.value !== before.stored?.value) this.#adoptStored()
    } catch (error) {
      this.#deps.log.error('the weights of a configuration that is not used stay in the state store until the next change', { error: errorText(error) })
    }
  }

  async #attempt (
    name: string, command: TrafficCommand, meta: Omit<ChangeMeta, 'at'>, options: ChangeOptions & { readonly deadline: ChangeDeadline }
  ): Promise<ChangeResult | 'conflict'> {
    // Whoever changes it next finds it as it is served.
    const unstored = await this.#cuts.store(name, options.deadline)
    if (unstored !== undefined) return unstored
    const current = this.#state.routes.get(name)
    if (current === undefined) return refusedChange('unknown_route', `there is no route "${name}"`)
    const stored = this.#stored.current
    if (stored === undefined) return refusedChange('store_failed', `the stored weights are not known yet: ${this.storeStatus().detail}`, current.epoch)
    const mismatch = refusedEpoch(current, options)
    if (mismatch !== undefined) return mismatch
    const transition = changeRoute(current, command, { ...meta, at: this.#now() })
    if (!transition.ok) return refusedTransition(transition, current)
    try {
      // That nothing changes is as much as this replica knows: what is written is what all have.
      if (transition.changed || this.#deps.store.shared) {
        const next = transition.changed ? withRoute(this.#baseOf(stored), name, transition.route) : this.#baseOf(stored)
        if (!await this.#write(next, options.deadline.leftMs)) return 'conflict'
      }
    } catch (error) {
      if (options.quiet !== true) this.#deps.log.error('a change of weights could not be stored', { error: errorText(error) })
      return refusedByStore(error)
    }
    const published = this.#brought(name, current, transition.route, options)
    return { ok: true, changed: transition.changed, traffic: transition.route, published }
  }

  /** What changes are made of: with what only others know, where there are others. */
  #baseOf (stored: Versioned<TrafficState>): TrafficState {
    return this.#deps.store.shared ? stored.value : this.#state
  }

  /** Tells what a change that is stored has made of a route. */
  #brought (name: string, before: RouteTraffic, after: RouteTraffic, options: ChangeOptions): Promise<SplitReceipt> {
    const isOfWeights = after.epoch !== before.epoch
    // What is kept of a rollout beside its weights has no epoch of its own.
    if (isOfWeights) this.#announcer.tell(name, after)
    this.#announcer.changed()
    if (!isOfWeights && options.quiet === true) return NOT_SENT
    return this.#announcer.publish(name, after, options.publishTimeoutMs ?? DEFAULT_PUBLISH_TIMEOUT_MS)
  }

  /** @returns false when others have written something else instead, which is the state now @throws StoreError */
  async #write (next: TrafficState, timeoutMs: number): Promise<boolean> {
    const isWritten = await this.#stored.write(next, { timeoutMs })
    if (isWritten) this.#state = this.#viewOf(next)
    else this.#adoptStored()
    return isWritten
  }

  /** What another replica wrote, or an echo of our own commit, which changes nothing. */
  #follow (current: Versioned<TrafficState>): void {
    this.#queue.run(async () => {
      if (!this.isKnown) return await this.#readFirst()
      if (await this.#stored.follow(current)) this.#adoptStored()
    }).catch((error: unknown) => {
      this.#deps.log.error('the state store could not be followed', { error: errorText(error) })
    })
  }

  /** A store that was away can be read for the first time. The first configuration reads it otherwise, for it tells whose it is. */
  async #readFirst (): Promise<void> {
    const routes = this.#configured
    if (routes === undefined) return
    await this.#stored.claim(routes)
    if (!this.isKnown) return
    try {
      await this.#storeStateOf(routes)
    } catch (error) {
      this.#deps.log.error('the weights of the configuration could not be stored', { error: errorText(error) })
    }
    this.#adoptStored()
    if (this.isKnown) this.#known.resolve(undefined)
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

  /** What is stored becomes the state, and is published. */
  #adoptStored (): void {
    if (this.#stored.current === undefined) return
    const before = this.#state
    this.#state = this.#viewOf(this.#stored.current.value)
    this.#announce(before)
  }

  /** Publishes what the state has changed, and what is served otherwise than before. */
  #announce (before: TrafficState): void {
    this.#announcer.announce(before, this.#state)
    this.#cuts.review()
    this.#announcer.changed()
  }
}
