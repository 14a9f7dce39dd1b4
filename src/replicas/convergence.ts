/**
 * Waits until all workers of all ready replicas apply an epoch of a route, and says which do not.
 *
 * Each replica learns of a change by its own watch of the store. It is asked for the epoch at once and answers when its workers apply
 * it, so the answer is there as soon as it is true, and nobody asks again and again.
 */
import { pause } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import type { SplitReceipt } from '../rollout/traffic-state.ts'
import type { PeerClient } from './peer-client.ts'
import type { ReplicaBook } from './replica-book.ts'
import { type ReplicaAnswer, replicaLabel } from './replica-facts.ts'
import type { ReplicaMembers } from './replica-members.ts'

/** A replica that does not apply it, or of which it is not known. */
export interface MissingReplica {
  /** Absent when it has never said it. */
  readonly name?: string
  readonly address: string
  readonly reason: string
}

/** How far a change has come in all replicas. */
export interface ConvergenceReceipt {
  readonly replicas: { readonly applied: number, readonly of: number }
  /** Of all replicas whose number of workers is known. */
  readonly workers: { readonly applied: number, readonly of: number }
  readonly tookMs: number
  /** In all replicas that are to be waited for, and those are known. */
  readonly complete: boolean
  readonly missing: readonly MissingReplica[]
  /** This replica stops, and has not waited to the end. */
  readonly stopping: boolean
  /** What is odd and does not count, for people. */
  readonly notes: readonly string[]
  /** Why there may be replicas that are not known; undefined when all are. */
  readonly unknown: string | undefined
}

interface ConvergenceDeps {
  readonly clock: Clock
  readonly members: Pick<ReplicaMembers, 'all' | 'subscribe' | 'doubt'>
  readonly book: Pick<ReplicaBook, 'isSelf' | 'factsOf' | 'faultOf' | 'answered'>
  readonly client: Pick<PeerClient, 'ask'>
}

export interface AwaitedChange {
  readonly route: string
  /** The versions to which it gives a weight: who has not all of them can't apply it as it is meant. */
  readonly versions: readonly string[]
  readonly epoch: number
  readonly timeoutMs: number
  /** What becomes of it in this replica; resolves at once when `stopping` is aborted. */
  readonly published: Promise<SplitReceipt>
  /** Aborted when this replica stops: then nobody is waited for. */
  readonly stopping: AbortSignal
}

/** What has become of the change in one other replica. */
interface Outcome {
  /** This replica itself, by another address than was known: it is counted already. */
  self: boolean
  done: boolean
  applied: number
  workers: number
  name: string | undefined
  id: string | undefined
  /** Why it does not apply it, as far as it has said. */
  reason: string | undefined
  note: string | undefined
  readonly leave: AbortController
}

/** A replica answers this much before the time is over: what it has to say then is of use. */
const AHEAD_MS = 100
/** Between two tries with a replica that can't be asked. */
const PAUSE_MS = 100

export class Convergence {
  readonly #deps: ConvergenceDeps

  constructor (deps: ConvergenceDeps) {
    this.#deps = deps
  }

  /** Never rejects, and takes no longer than it may. */
  async until (change: AwaitedChange): Promise<ConvergenceReceipt> {
    const wait = new ChangeWait(this.#deps, change)
    return await wait.run()
  }
}

class ChangeWait {
  readonly #deps: ConvergenceDeps
  readonly #change: AwaitedChange
  readonly #startedMs: number
  /** Aborted when there is nothing to wait for any more. */
  readonly #over = new AbortController()
  /** By address, of the ready ones. */
  readonly #outcomes = new Map<string, Outcome>()
  #own: SplitReceipt | undefined
  #stopped = false

  constructor (deps: ConvergenceDeps, change: AwaitedChange) {
    this.#deps = deps
    this.#change = change
    this.#startedMs = deps.clock.nowMs()
  }

  get #leftMs (): number {
    return Math.max(0, this.#change.timeoutMs - (this.#deps.clock.nowMs() - this.#startedMs))
  }

  async run (): Promise<ConvergenceReceipt> {
    const { members, clock } = this.#deps
    const { published, stopping, timeoutMs } = this.#change
    const unsubscribe = members.subscribe(({ set, gone }) => {
      for (const key of gone) this.#drop(key)
      for (const endpoint of set) this.#take(endpoint)
      this.#look()
    })
    void published.then(receipt => {
      this.#own = receipt
      this.#look()
    })
    for (const endpoint of members.all()) this.#take(endpoint)
    void this.#lookForMembers()
    const onStop = (): void => { this.#stop() }
    stopping.addEventListener('abort', onStop)
    if (stopping.aborted) this.#stop()
    // A moment at least, for what is known already.
    await pause(clock, Math.max(1, timeoutMs), this.#over.signal)
    this.#over.abort()
    stopping.removeEventListener('abort', onStop)
    unsubscribe()
    const receipt = this.#receipt()
    for (const { leave } of this.#outcomes.values()) leave.abort()
    return receipt
  }

  /** With what is known of the workers of this replica. */
  #stop (): void {
    this.#stopped = true
    void this.#change.published.then(() => { this.#over.abort() })
  }

  /** The first list of members may be on its way, and it may be empty: nothing tells of that. */
  async #lookForMembers (): Promise<void> {
    while (!this.#over.signal.aborted) {
      this.#look()
      await pause(this.#deps.clock, PAUSE_MS, this.#over.signal)
    }
  }

  /** A replica that is not ready is not waited for. */
  #take (endpoint: Endpoint): void {
    const key = endpointKey(endpoint)
    if (!endpoint.ready) return this.#drop(key)
    if (this.#outcomes.has(key)) return
    const outcome: Outcome = {
      self: this.#deps.book.isSelf(key),
      done: false,
      applied: 0,
      workers: this.#deps.book.factsOf(key)?.workers ?? 0,
      name: this.#deps.book.factsOf(key)?.name,
      id: undefined,
      reason: undefined,
      note: undefined,
      leave: new AbortController()
    }
    outcome.done = outcome.self
    this.#outcomes.set(key, outcome)
    if (!outcome.done) void this.#follow(endpoint, outcome)
  }

  #drop (key: string): void {
    this.#outcomes.get(key)?.leave.abort()
    this.#outcomes.delete(key)
  }

  /** Asks until it has the epoch, is not waited for any more, or the time is over. */
  async #follow (endpoint: Endpoint, outcome: Outcome): Promise<void> {
    const { signal } = outcome.leave
    while (!outcome.done && !signal.aborted) {
      await this.#ask(endpoint, outcome)
      this.#look()
      if (outcome.done || this.#leftMs === 0) return
      // It can't be asked, or has answered before its time: too many wait there.
      await pause(this.#deps.clock, PAUSE_MS, signal)
    }
  }

  async #ask (endpoint: Endpoint, outcome: Outcome): Promise<void> {
    const { client, book } = this.#deps
    const { route, epoch } = this.#change
    const leftMs = this.#leftMs
    const reply = await client.ask(endpoint, {
      query: { route, epoch: String(epoch), timeout: `${Math.max(0, Math.floor(leftMs - AHEAD_MS))}ms` },
      timeoutMs: Math.max(1, leftMs),
      kind: 'wait',
      signal: outcome.leave.signal
    })
    if (!reply.ok) {
      // At the end of the time every one that waits is silent: what was said before is more to the point.
      if (reply.fault.kind !== 'silent' || outcome.reason === undefined) outcome.reason = reply.fault.reason
      return
    }
    const { answer } = reply
    const address = endpointKey(endpoint)
    book.answered(address, answer)
    outcome.self = book.isSelf(address)
    outcome.name = answer.name
    outcome.id = answer.id
    outcome.workers = answer.workers
    const lacks = this.#lackedBy(answer)
    outcome.note = lacks === undefined ? undefined : `${replicaLabel({ name: answer.name, address })} has no ${lacks}: its configuration is another one`
    if (answer.route === undefined) {
      outcome.applied = answer.workers
    } else {
      outcome.applied = Math.min(answer.route.workers, answer.workers)
      outcome.reason = answer.route.epoch < epoch
        ? `it has not read the change from the store: it is at epoch ${answer.route.epoch}`
        : `${answer.route.workers} of its ${answer.workers} workers apply it`
    }
    outcome.done = outcome.self || outcome.applied >= answer.workers
  }

  /** What of the change its configuration does not have; undefined when nothing is missing, or it does not say. */
  #lackedBy ({ route: answered }: ReplicaAnswer): string | undefined {
    const { route, versions } = this.#change
    if (answered === undefined) return `route "${route}"`
    const { names } = answered
    const missing = names === undefined ? [] : versions.filter(name => !names.includes(name))
    return missing.length === 0 ? undefined : `version ${missing.map(name => `"${name}"`).join(' and ')} of the route "${route}"`
  }

  /** Is it over? */
  #look (): void {
    // A watch that is opened again in this moment is waited for: it may tell of one more.
    if (this.#own === undefined || this.#deps.members.doubt(0)?.waiting === true) return
    for (const { done } of this.#outcomes.values()) if (!done) return
    this.#over.abort()
  }

  #receipt (): ConvergenceReceipt {
    const others = this.#others()
    const own = this.#own ?? { workers: 0, applied: 0, tookMs: 0 }
    const missing = others.filter(([, { done }]) => !done).map(([address, { name, reason }]) => ({
      ...(name === undefined ? {} : { name }), address, reason: reason ?? this.#silence(address)
    }))
    const isOwnDone = this.#own !== undefined && own.applied >= own.workers
    const unknown = this.#deps.members.doubt(0)?.reason
    const sum = (read: (outcome: Outcome) => number): number => others.reduce((total, [, outcome]) => total + read(outcome), 0)
    return {
      replicas: { applied: others.length - missing.length + (isOwnDone ? 1 : 0), of: others.length + 1 },
      workers: { applied: own.applied + sum(({ applied }) => applied), of: own.workers + sum(({ workers }) => workers) },
      tookMs: Math.round((this.#deps.clock.nowMs() - this.#startedMs) * 1_000) / 1_000,
      complete: isOwnDone && missing.length === 0 && unknown === undefined && !this.#stopped,
      missing,
      notes: others.flatMap(([, { note }]) => note ?? []),
      stopping: this.#stopped,
      unknown
    }
  }

  /** Why it has said nothing: what was found before tells more than that the time is over. */
  #silence (address: string): string {
    const waitedMs = this.#stopped ? Math.round(this.#deps.clock.nowMs() - this.#startedMs) : this.#change.timeoutMs
    return this.#deps.book.faultOf(address)?.reason ?? `it gave no answer within ${waitedMs} ms`
  }

  /** Without this replica, and each once, however many addresses it has. */
  #others (): ReadonlyArray<readonly [string, Outcome]> {
    const seen = new Set<string>()
    return [...this.#outcomes].filter(([, { self, id }]) => {
      if (self || (id !== undefined && seen.has(id))) return false
      if (id !== undefined) seen.add(id)
      return true
    })
  }
}
