import { backoffMs } from '../core/backoff.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { HolderStanding, Leadership } from '../core/leadership.ts'
import type { EventLog } from '../core/logger.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import { LookSchedule } from '../net/look-schedule.ts'
import { KubeError, type KubeApi, type KubeObjectApi, type KubeObjectName } from './kube-api.ts'
import { LeaseElection, type LeaseTimes, type LeaseWrite } from './lease-election.ts'
import { LEASE_GROUP_VERSION, leaseObject, type LeaseRecord, readLease } from './lease-record.ts'
import { ListWatch, type ListWatchTuning } from './list-watch.ts'
import { isOlder } from './stored-object.ts'

export interface LeaseHolderOptions {
  readonly api: KubeApi & KubeObjectApi
  /** Of the Lease. */
  readonly name: string
  /** Undefined: that of the credentials. */
  readonly namespace: string | undefined
  /** Of this replica: what no other process has. */
  readonly identity: string
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly log: EventLog
  readonly onChange?: (change: 'gained' | 'lost') => void
  readonly times?: LeaseTimes
  readonly tuning?: ListWatchTuning
}

/** For people. */
export interface LeaseStatus {
  readonly name: string
  /** Null: nobody, as far as is known. */
  readonly holder: string | null
  readonly isHolder: boolean
  /** When it has got it, by its own clock: ISO 8601, UTC. */
  readonly since: string | null
  /** How often it has changed hands. */
  readonly transitions: number
  /** Why it can't be read or written; empty when all is well. */
  readonly detail: string
}

/** One request. Two of them, with a pause, are over before a holder has to give up. */
const REQUEST_MS = 2_500
/** How often the Lease is read while it can't be watched. */
const POLL_MS = 2_500
const RELEASE_MS = 2_000
const MAX_RELEASE_TRIES = 3
const RETRY = { baseMs: 1_000, maxMs: 10_000 } as const
/** A holder has little time. */
const HURRIED_RETRY = { baseMs: 1_000, maxMs: 1_000 } as const
const CONFLICT_RETRY = { baseMs: 20, maxMs: 1_000 } as const
const NOT_FOUND = 404
const CONFLICT = 409

/**
 * Holds a Lease of Kubernetes, or waits until it can. Followed by a watch: a renewal costs each waiting replica one event every five
 * seconds, and what is given up is taken at once. Judged is only by what `LeaseElection` says; this carries it out.
 */
export class LeaseHolder implements Leadership {
  readonly #options: LeaseHolderOptions
  readonly #object: KubeObjectName
  readonly #election: LeaseElection
  readonly #listWatch: ListWatch<LeaseRecord>
  readonly #schedule: LookSchedule
  /** One request about the Lease at a time. */
  readonly #queue = new SerialQueue()
  readonly #listeners = new Set<(standing: HolderStanding) => void>()
  #started = false
  #watching = false
  #readMs = -Infinity
  #failures = 0
  #conflicts = 0
  /** What is wrong with each; empty when nothing is. */
  readonly #faults = { write: '', read: '', watch: '' }
  #said = { standing: 'follower' as HolderStanding, holder: '', faulty: false }
  #timer: TimerHandle | undefined
  #release: Promise<void> | undefined

  /** Asks for nothing yet: `start`. */
  constructor (options: LeaseHolderOptions) {
    const { api, name, namespace, identity, clock, random, times, tuning } = options
    this.#options = options
    this.#object = { groupVersion: LEASE_GROUP_VERSION, plural: 'leases', namespace, name }
    this.#election = new LeaseElection(identity, random, times)
    this.#schedule = new LookSchedule({ clock, look: async () => await this.#queue.run(async () => await this.#look()), hintMs: 0 })
    this.#listWatch = new ListWatch({
      api,
      collection: { groupVersion: LEASE_GROUP_VERSION, plural: 'leases', namespace, labelSelector: '', objectName: name },
      read: readLease,
      clock,
      random,
      ...(tuning === undefined ? {} : { tuning }),
      listener: {
        replaced: leases => {
          // Who may list may not be allowed to watch.
          if (this.#faults.watch === '') this.#watching = true
          this.#listed([...leases.values()][0])
        },
        changed: (_key, _before, after) => { this.#listed(after) },
        failed: error => { this.#watched(error.message) },
        recovered: () => { this.#watched('') }
      }
    })
  }

  /** Takes the Lease from now on, when it can. Before, another replica is taken to hold it. */
  start (): void {
    if (this.#started || this.#release !== undefined) return
    this.#started = true
    this.#schedule.start()
    this.#schedule.lookIn(0)
    this.#listWatch.start()
    this.#settle()
  }

  get isHolder (): boolean { return this.#election.holds(this.#nowMs()) }

  get standing (): HolderStanding { return this.#started ? this.#election.standing(this.#nowMs()) : 'follower' }

  watch (listener: (standing: HolderStanding) => void): () => void {
    const entry = (standing: HolderStanding): void => { listener(standing) }
    this.#listeners.add(entry)
    return () => { this.#listeners.delete(entry) }
  }

  status (): LeaseStatus {
    const record = this.standing === 'vacant' ? undefined : this.#election.record
    const sinceMs = Date.parse(record?.acquireTime ?? '')
    return {
      name: this.#options.name,
      holder: record === undefined ? null : record.holder,
      isHolder: this.isHolder,
      since: Number.isNaN(sinceMs) ? null : new Date(sinceMs).toISOString(),
      transitions: this.#election.record?.transitions ?? 0,
      detail: this.#fault
    }
  }

  /** Gives it up, so that another replica takes it at once, and never takes it again. Never rejects. */
  release (): Promise<void> {
    this.#schedule.stop()
    this.#election.retire()
    this.#settle()
    this.#release ??= this.#queue.run(async () => { await this.#sayFarewell() })
    return this.#release
  }

  /** Gives it up and stops to follow it. */
  async close (): Promise<void> {
    await this.release()
    await this.#listWatch.stop()
    this.#timer?.cancel()
    this.#listeners.clear()
  }

  get #fault (): string { return this.#faults.write || this.#faults.read || this.#faults.watch }

  #nowMs (): number { return this.#options.clock.nowMs() }

  /** Does what there is to do. @returns when to look again, in milliseconds */
  async #look (): Promise<number> {
    const { clock } = this.#options
    // First of all: a process that has slept learns here that it holds nothing any more.
    this.#settle()
    const step = this.#election.decide(this.#nowMs(), clock.wallMs())
    const pollInMs = this.#watching || this.isHolder ? Infinity : this.#readMs + POLL_MS - this.#nowMs()
    if (step.type === 'wait') {
      // What could not be written is not to be written any more.
      this.#faults.write = ''
      this.#conflicts = 0
    }
    if (step.type === 'wait' && pollInMs > 0) return Math.min(step.ms, pollInMs)
    const asked = step.type === 'write' ? 'write' : 'read'
    try {
      if (step.type === 'write') await this.#write(step)
      else await this.#read()
      this.#faults[asked] = ''
      this.#failures = 0
      return this.#conflicts === 0 ? 0 : backoffMs(this.#conflicts, CONFLICT_RETRY, this.#options.random)
    } catch (thrown) {
      const error = KubeError.from(thrown)
      this.#faults[asked] = error.message
      return this.#retryInMs(error)
    } finally {
      this.#settle()
    }
  }

  async #read (): Promise<void> {
    const before = this.#election.record
    const record = await this.#get(REQUEST_MS)
    this.#readMs = this.#nowMs()
    const seen = this.#election.record
    // What a watch has told meanwhile is newer than the answer. Otherwise that counts, also when an older etcd was restored.
    if (seen !== before && (record === undefined || (seen !== undefined && isOlder(record, seen)))) return
    this.#election.observe(record, this.#nowMs())
  }

  async #get (timeoutMs: number): Promise<LeaseRecord | undefined> {
    try {
      return storedLease(await this.#options.api.get(this.#object, timeoutMs))
    } catch (error) {
      if (error instanceof KubeError && error.status === NOT_FOUND) return undefined
      throw error
    }
  }

  async #write (step: LeaseWrite): Promise<void> {
    const sentMs = this.#nowMs()
    try {
      const record = await this.#send(step, REQUEST_MS)
      this.#conflicts = 0
      const seen = this.#election.record
      // A watch may have been faster, with what somebody wrote on top of this.
      if (seen !== undefined && isOlder(record, seen)) return
      this.#election.wrote(record, sentMs, this.#nowMs())
    } catch (error) {
      this.#election.failed()
      const status = KubeError.from(error).status
      if (status !== CONFLICT && (status !== NOT_FOUND || step.over === undefined)) throw error
      this.#conflicts++
      this.#election.doubt()
    }
  }

  async #send ({ over, spec }: LeaseWrite, timeoutMs: number): Promise<LeaseRecord> {
    const { api, name } = this.#options
    const body = leaseObject(name, spec, over)
    if (over === undefined) return storedLease(await api.create(this.#object, body, timeoutMs))
    return storedLease(await api.replace(this.#object, body, timeoutMs))
  }

  #retryInMs ({ retryAfterMs = 0 }: KubeError): number {
    this.#failures++
    const retryMs = backoffMs(this.#failures, this.isHolder ? HURRIED_RETRY : RETRY, this.#options.random)
    return Math.min(Math.max(retryMs, retryAfterMs), RETRY.maxMs)
  }

  /** How the watch is doing. */
  #watched (fault: string): void {
    this.#watching = fault === ''
    this.#faults.watch = fault
    this.#settle()
    this.#schedule.hint()
  }

  /** What a list or an event of the watch says. */
  #listed (record: LeaseRecord | undefined): void {
    const seen = this.#election.record
    if (record === undefined || record.resourceVersion === '') {
      // It may have been made again since.
      if (seen !== undefined) this.#election.doubt()
    } else if (seen === undefined || !isOlder(record, seen)) {
      this.#election.observe(record, this.#nowMs())
    }
    this.#settle()
    this.#schedule.hint()
  }

  async #sayFarewell (): Promise<void> {
    const { clock, log, name } = this.#options
    const deadlineMs = this.#nowMs() + RELEASE_MS
    // It may have been taken by a write whose answer was lost.
    if (this.#faults.write !== '') await this.#read().catch(() => undefined)
    for (let tries = 1; tries <= MAX_RELEASE_TRIES; tries++) {
      const step = this.#election.farewell(clock.wallMs())
      if (step === undefined) return
      const restMs = Math.max(1, deadlineMs - this.#nowMs())
      try {
        this.#election.observe(await this.#send(step, restMs), this.#nowMs())
        return
      } catch (thrown) {
        const error = KubeError.from(thrown)
        if (error.status === NOT_FOUND) return
        if (error.status !== CONFLICT || tries === MAX_RELEASE_TRIES) {
          log.warn('the lease could not be given up; another replica takes it when it has expired', { lease: name, error: error.message })
          return
        }
        await this.#read().catch(() => undefined)
      }
    }
  }

  /** Says what has changed, by what was seen or by time alone, and waits for the next time that does it. */
  #settle (): void {
    if (!this.#started) return
    const nowMs = this.#nowMs()
    this.#timer?.cancel()
    const untilMs = this.#election.standsUntilMs(nowMs)
    this.#timer = untilMs === Infinity ? undefined : this.#options.clock.after(untilMs - nowMs, () => { this.#settle() })
    const before = this.#said
    const standing = this.#election.standing(nowMs)
    const holder = standing === 'follower' ? this.#election.record?.holder ?? '' : ''
    this.#said = { standing, holder: standing === 'vacant' ? before.holder : holder, faulty: this.#fault !== '' }
    this.#sayFaults(before.faulty)
    this.#sayHolder(before)
    if (standing === before.standing) return
    for (const listener of this.#listeners) {
      try {
        listener(standing)
      } catch (error) {
        this.#options.log.error('a listener to the lease failed', { error: String(error) })
      }
    }
  }

  #sayFaults (before: boolean): void {
    const { log, name } = this.#options
    if (this.#said.faulty === before) return
    if (before) log.info('the lease can be read and written again', { lease: name })
    else log.warn('the lease can\'t be read or written', { lease: name, error: this.#fault })
  }

  #sayHolder (before: { readonly standing: HolderStanding, readonly holder: string }): void {
    const { log, name, identity, onChange } = this.#options
    const { standing, holder } = this.#said
    if (before.standing === 'holder' && standing !== 'holder') {
      const why = this.#release === undefined && !this.#schedule.stopped ? this.#whyLost(standing) : 'weir is shutting down'
      log.info('this replica holds the lease no more', { lease: name, identity, why })
      onChange?.('lost')
    }
    if (standing === 'holder' && before.standing !== 'holder') {
      log.info('this replica holds the lease: it does what is done once for all replicas', {
        lease: name, identity, transitions: this.#election.record?.transitions ?? 0
      })
      onChange?.('gained')
    }
    if (standing === 'follower' && holder !== before.holder) log.info('another replica holds the lease', { lease: name, holder })
  }

  #whyLost (standing: HolderStanding): string {
    if (standing === 'follower') return 'another replica has it'
    return this.#fault === '' ? 'it was changed or not renewed in time' : `it could not be renewed in time: ${this.#fault}`
  }
}

/** @throws KubeError when it is no object that was stored */
function storedLease (object: unknown): LeaseRecord {
  const record = readLease(object)
  if (record.resourceVersion === '') throw new KubeError('malformed', 'the Kubernetes API sent a Lease without a resourceVersion')
  return record
}
