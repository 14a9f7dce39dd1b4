import type { Clock, TimerHandle } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import type { SerialQueue } from '../core/serial-queue.ts'
import { ChangeDeadline } from '../store/change-deadline.ts'
import { StoreError } from '../store/state-store.ts'
import { refusedByStore, type RefusedChange, storeFault } from './change-result.ts'
import type { ChangeMeta, RouteTraffic, TrafficCommand } from './traffic-state.ts'
import { changeRoute } from './transition.ts'

/** A change that takes traffic away from a bad version: in force before it is stored, and whether or not it can be. */
interface Cut {
  readonly command: TrafficCommand
  readonly meta: ChangeMeta
  /** Of the rollout that it ends. It means nothing for another one. */
  readonly rolloutId: string | undefined
}

interface Pending {
  readonly cut: Cut
  readonly sinceMs: number
  readonly settled: PromiseWithResolvers<undefined>
  tries: number
  /** Why it is not stored; undefined: it is under way. */
  fault: string | undefined
  timer: TimerHandle | undefined
  /** Whether the log has it that it is not stored. */
  said: boolean
}

export interface PendingCutsDeps {
  readonly clock: Clock
  readonly log: EventLog
  /** Of all that changes the traffic state. */
  readonly queue: SerialQueue
  /** What is stored of a route, as far as this replica knows; undefined when the configuration has no such route. */
  readonly stored: (route: string) => RouteTraffic | undefined
  /**
   * Stores a route.
   * @returns false when others were faster, and what they have stored is known now
   * @throws StoreError
   */
  readonly write: (route: string, traffic: RouteTraffic, timeoutMs: number) => Promise<boolean>
  /** A cut is stored. */
  readonly onStored: (route: string, before: RouteTraffic, after: RouteTraffic) => void
  /** A cut has nothing to end any more: what is stored is served. */
  readonly onVoid: (route: string, stored: RouteTraffic) => void
}

const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 2_000
/** A store that has not answered by then is said to be slow. */
const SLOW_MS = 1_000
/** How often in a row others may be faster. */
const MAX_CONFLICTS = 20

/**
 * The cuts that are not stored yet. Until they are, what is served of their routes is what is stored with the cut applied, whatever is
 * stored meanwhile: so neither a reload nor a step of another replica can bring a bad version back.
 */
export class PendingCuts {
  readonly #deps: PendingCutsDeps
  readonly #pending = new Map<string, Pending>()
  /** Of all that are left, at the end. */
  #last: ChangeDeadline | undefined

  constructor (deps: PendingCutsDeps) {
    this.#deps = deps
  }

  get isEmpty (): boolean { return this.#pending.size === 0 }

  /** Why a cut is in force that is not stored; null when there is none. */
  faultOf (route: string): string | null {
    const pending = this.#pending.get(route)
    if (pending === undefined) return null
    const since = Math.round((this.#deps.clock.nowMs() - pending.sinceMs) / 1_000)
    return `in force, and not stored for ${since} s: ${pending.fault ?? 'the state store has not answered yet'}`
  }

  /**
   * Takes a cut, which is to be stored from now on until that has been done.
   * @returns resolves when it is stored, not needed any more, has failed once, or the store is slow
   */
  add (route: string, cut: Cut): Promise<undefined> {
    const former = this.#pending.get(route)
    former?.timer?.cancel()
    former?.settled.resolve(undefined)
    const pending: Pending = {
      cut, sinceMs: this.#deps.clock.nowMs(), settled: Promise.withResolvers(), tries: 0, fault: undefined, timer: undefined, said: false
    }
    this.#pending.set(route, pending)
    pending.timer = this.#deps.clock.after(SLOW_MS, () => { this.#say(route, pending, 'the state store takes too long') })
    this.#storeInTurn(route)
    return pending.settled.promise
  }

  /** What is served of a route of which this is stored. */
  view (route: string, stored: RouteTraffic): RouteTraffic {
    const cut = this.#pending.get(route)?.cut
    if (cut === undefined) return stored
    const { epoch, revision, history } = stored
    const after = applyCut(cut, stored)
    return after === undefined ? stored : { ...after, epoch, revision, history }
  }

  /** Something else is stored now: cuts that have nothing to end there any more are forgotten. */
  review (): void {
    for (const route of this.#pending.keys()) {
      const stored = this.#deps.stored(route)
      if (stored === undefined) this.#over(route)
      else if (this.#apply(route, stored) === undefined) this.#void(route, stored)
    }
  }

  /**
   * Stores the cut of a route, if it has one. To be called in the turn of the queue.
   * @returns why it can't be; undefined when there is none any more
   */
  async store (route: string, deadline: ChangeDeadline): Promise<RefusedChange | undefined> {
    for (let attempt = 1; this.#pending.has(route); attempt++) {
      const before = this.#deps.stored(route)
      const after = before === undefined ? undefined : this.#apply(route, before)
      if (before === undefined) this.#over(route)
      else if (after === undefined) this.#void(route, before)
      if (before === undefined || after === undefined) return undefined
      try {
        if (deadline.isOver) throw new StoreError('unavailable', 'the state store takes too long')
        if (await this.#deps.write(route, after, deadline.leftMs)) {
          this.#over(route)
          this.#deps.onStored(route, before, after)
        } else if (attempt === MAX_CONFLICTS) {
          throw new StoreError('unavailable', 'the state is changed by others again and again')
        }
      } catch (error) {
        this.#failed(route, storeFault(error))
        return refusedByStore(error)
      }
    }
    return undefined
  }

  #storeInTurn (route: string): void {
    void this.#deps.queue.run(async () => { await this.store(route, this.#last ?? new ChangeDeadline(this.#deps.clock)) })
  }

  /** What the cut of a route makes of it; undefined when it has nothing to end there. */
  #apply (route: string, stored: RouteTraffic): RouteTraffic | undefined {
    const cut = this.#pending.get(route)?.cut
    return cut === undefined ? undefined : applyCut(cut, stored)
  }

  #void (route: string, stored: RouteTraffic): void {
    this.#over(route)
    this.#deps.onVoid(route, stored)
  }

  /** The cut of a route is stored, or not needed any more. */
  #over (route: string): void {
    const pending = this.#pending.get(route)
    if (pending === undefined) return
    this.#pending.delete(route)
    pending.timer?.cancel()
    pending.settled.resolve(undefined)
    if (pending.said) this.#deps.log.info('weights that were put back are stored now', { route })
  }

  /** The cut of a route could not be stored: it is tried again. */
  #failed (route: string, fault: string): void {
    const pending = this.#pending.get(route)
    if (pending === undefined || this.#last !== undefined) return
    pending.timer?.cancel()
    this.#say(route, pending, fault)
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** pending.tries++, MAX_RETRY_MS)
    pending.timer = this.#deps.clock.after(waitMs, () => { this.#storeInTurn(route) })
  }

  /** Tries once more, all of them in the time of one. What can't be stored then is lost with this process. */
  async close (): Promise<void> {
    this.#last = new ChangeDeadline(this.#deps.clock)
    for (const route of this.#pending.keys()) this.#storeInTurn(route)
    await this.#deps.queue.idle()
    for (const { timer, settled } of this.#pending.values()) {
      timer?.cancel()
      settled.resolve(undefined)
    }
  }

  #say (route: string, pending: Pending, fault: string): void {
    pending.fault = fault
    pending.settled.resolve(undefined)
    if (pending.said) return
    pending.said = true
    this.#deps.log.error('weights were put back in the workers and could not be stored: a restart would undo it; it is tried until it is done', { route, fault })
  }
}

/** What a cut makes of a route; undefined when it has nothing to end there. */
function applyCut ({ command, meta, rolloutId }: Cut, route: RouteTraffic): RouteTraffic | undefined {
  if (route.rollout?.id !== rolloutId) return undefined
  const transition = changeRoute(asBefore(route), command, meta)
  return transition.ok && transition.changed ? transition.route : undefined
}

/** A success that was being stored when the cut was made comes too late: its rollout is as it was then. */
function asBefore (route: RouteTraffic): RouteTraffic {
  const { rollout, epoch } = route
  const isLast = rollout?.shares.at(-1)?.epoch === epoch
  return rollout?.phase === 'Healthy' && isLast ? { ...route, rollout: { ...rollout, phase: 'Progressing' } } : route
}
