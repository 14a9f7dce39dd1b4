/**
 * Keeps the value in a ConfigMap, which several replicas of Weir share: changed by compare-and-swap on its resourceVersion, followed by a
 * watch. What is not Weir's in it (labels, annotations, other keys) stays.
 */
import { pause } from '../core/abortable.ts'
import { backoffMs } from '../core/backoff.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { HolderDuty } from '../core/holder-duty.ts'
import { type Leadership, SOLE_REPLICA } from '../core/leadership.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import type { UntrustedObject } from '../core/untrusted.ts'
import { KubeError, type KubeApi, type KubeObjectApi, type KubeObjectName } from '../kube/kube-api.ts'
import { ListWatch, type ListWatchTuning } from '../kube/list-watch.ts'
import { isOlder } from '../kube/stored-object.ts'
import { type ConfigMapCodec, NewerFormat } from './config-map-codec.ts'
import {
  CONFLICT, configMapObject, failedWrite, isOutOfSpace, isSameConfigMap, isSameVersion, NOT_FOUND, readConfigMap,
  refusalOf, type StoredConfigMap, TOO_MANY_REQUESTS, unknownWrite, unmade
} from './config-map-object.ts'
import { ReadHealth } from './read-health.ts'
import { type StateStore, StoreError, type StoreStatus, type SwapResult, type Versioned, Watchers } from './state-store.ts'
import { WriteHealth } from './write-health.ts'
import { WriteTurns } from './write-turns.ts'

export interface ConfigMapStoreOptions<T> {
  readonly api: KubeApi & KubeObjectApi
  /** Of the ConfigMap. */
  readonly name: string
  /** Undefined: that of the credentials. */
  readonly namespace: string | undefined
  readonly codec: ConfigMapCodec<T>
  /** What is kept there, for the log; the traffic state without it. */
  readonly subject?: string
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly log: EventLog
  /** Told of each content that was refused. */
  readonly onRefused: (reason: 'invalid' | 'newer') => void
  /** Told when it can't be followed. */
  readonly onFailure?: (error: KubeError) => void
  /** Who writes the object again when somebody has deleted it; without it, this replica does. */
  readonly leadership?: Leadership
  readonly tuning?: ListWatchTuning
}

/** A write under way. */
interface PlannedWrite<T> {
  readonly data: Readonly<Record<string, string>>
  readonly value: T
  /** What it is made from; undefined for a new object. */
  readonly over: StoredConfigMap | undefined
  readonly deadlineMs: number
}

/** The server has not made a write, and may make it later. */
interface NotNow {
  readonly notNow: KubeError
}

const NEWER = 'in Kubernetes was written by a newer Weir; the last known one stays in force, and nothing can be changed'
const INVALID = 'in Kubernetes can\'t be used; what was in force before stays so'
const TRAFFIC = 'the traffic state'

const MISSING = 'it was deleted and has not been written again yet'

/** A version that no object has: there is none. */
const ABSENT = ''
const DEFAULT_TIMEOUT_MS = 4_000
/** For a request that changes may have to wait for. */
const ASIDE_TIMEOUT_MS = 1_000
/** Between tries of a write that the server refuses for now. */
const REFUSED_BACKOFF = { baseMs: 25, maxMs: 500 }
/** Between tries to read again. */
const LOOK_BACKOFF = { baseMs: 500, maxMs: 10_000 }

export class ConfigMapStore<T> implements StateStore<T> {
  readonly shared = true
  readonly #options: ConfigMapStoreOptions<T>
  readonly #object: KubeObjectName
  readonly #listWatch: ListWatch<StoredConfigMap>
  readonly #queue = new SerialQueue()
  readonly #writingAgain: HolderDuty
  readonly #watchers: Watchers<Versioned<T>>
  #current: Versioned<T>
  #seen: StoredConfigMap | undefined
  /** What was known when the list was asked for. */
  #atListing: StoredConfigMap | undefined
  /** Why it is not known what the server has; empty when it is. */
  #doubt = ''
  #lookTimer: TimerHandle | undefined
  readonly #health: WriteHealth
  readonly #reading: ReadHealth
  readonly #turns: WriteTurns
  /** How often the server went back to an older version. */
  #resets = 0
  /** Something has been stored, so the object has to be there. */
  #known = false
  #synced = false
  #refusal: { readonly state: 'refused' | 'read-only', readonly detail: string } | undefined
  #closed = false

  /** Reads nothing yet: `start`. */
  constructor (options: ConfigMapStoreOptions<T>) {
    const { api, name, namespace, codec, clock, random, log, leadership = SOLE_REPLICA, tuning } = options
    this.#options = options
    this.#object = { groupVersion: 'v1', plural: 'configmaps', namespace, name }
    this.#current = { value: codec.initial, version: ABSENT }
    this.#watchers = new Watchers(error => { log.error('a watcher of the state store failed', { error: String(error) }) })
    this.#writingAgain = new HolderDuty({
      leadership,
      clock,
      isDue: () => this.#isMissing && !this.#closed,
      perform: async () => { await this.#queue.run(async () => { await this.#writeAgain() }) }
    })
    const trial = async (): Promise<void> => { await this.#queue.run(async () => { await this.#tryToWrite() }) }
    this.#health = new WriteHealth({ clock, random, trial })
    this.#reading = new ReadHealth(log, { subject: this.#subject, configMap: name })
    this.#turns = new WriteTurns(clock)
    this.#listWatch = new ListWatch({
      api,
      collection: { groupVersion: 'v1', plural: 'configmaps', namespace, labelSelector: '', objectName: name },
      read: readConfigMap,
      clock,
      random,
      ...(tuning === undefined ? {} : { tuning }),
      listener: {
        listing: () => { this.#atListing = this.#seen },
        replaced: objects => {
          this.#reading.succeeded()
          this.#listed([...objects.values()][0])
        },
        changed: (_key, before, after) => { this.#heard(before, after) },
        failed: error => {
          this.#reading.failed(error.message, this.#synced)
          options.onFailure?.(error)
        },
        recovered: recovery => { this.#reading.recovered(recovery) }
      }
    })
  }

  /** Begins to follow the object. */
  start (): void {
    this.#listWatch.start()
  }

  status (): StoreStatus {
    const { failure } = this.#reading
    if (!this.#synced) return { state: 'starting', detail: failure === '' ? 'it has not been read yet' : failure }
    if (this.#refusal !== undefined) return this.#refusal
    const detail = [failure, this.#doubt, this.#health.detail].find(text => text !== '') ?? (this.#isMissing ? MISSING : '')
    return { state: detail === '' ? 'synced' : 'stale', detail }
  }

  async read (): Promise<Versioned<T>> {
    this.#assertOpen()
    if (!this.#synced) {
      const unread = `${this.#name} can't be read: ${this.status().detail}`
      throw new StoreError('unavailable', unread, { advice: `${unread}; nothing was changed` })
    }
    return this.#current
  }

  watch (listener: (current: Versioned<T>) => void): () => void {
    return this.#watchers.add(listener)
  }

  compareAndSwap (expectedVersion: string, value: T, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<SwapResult<T>> {
    const { clock, codec, random } = this.#options
    const deadlineMs = clock.nowMs() + timeoutMs
    return this.#queue.run(async () => {
      // Half of the time at most, so that the write can be answered.
      const waitMs = Math.min(this.#turns.waitMs, timeoutMs / 2)
      if (waitMs > 0) await pause(clock, waitMs)
      await this.read()
      if (clock.nowMs() >= deadlineMs) throw this.#tooLate()
      if (this.#refusal?.state === 'read-only') throw new StoreError('read-only', `${this.#name} ${this.#refusal.detail}`)
      if (expectedVersion !== this.#current.version) return this.#conflict()
      const data = codec.encode(value)
      for (let attempt = 1; ; attempt++) {
        const result = await this.#attempt({ data, value, over: this.#seen, deadlineMs })
        if (!('notNow' in result)) return result
        const { notNow } = result
        const waitMs = Math.max(backoffMs(attempt, REFUSED_BACKOFF, random), notNow.retryAfterMs ?? 0)
        if (clock.nowMs() + waitMs >= deadlineMs) throw this.#failed(failedWrite('unavailable', notNow, this.#name), notNow)
        await pause(clock, waitMs)
        this.#assertOpen()
        if (expectedVersion !== this.#current.version) return this.#conflict()
      }
    })
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#writingAgain.stop()
    this.#health.stop()
    await this.#queue.idle()
    this.#lookTimer?.cancel()
    this.#watchers.clear()
    await this.#listWatch.stop()
  }

  get #subject (): string { return this.#options.subject ?? TRAFFIC }

  /** What is stored in an object. */
  #textsOf (seen: StoredConfigMap): UntrustedObject {
    return seen[this.#options.codec.section ?? 'data'] ?? {}
  }

  get #name (): string { return `the ConfigMap ${this.#object.name}` }

  /** Somebody has deleted it. */
  get #isMissing (): boolean { return this.#known && this.#seen === undefined }

  #tooLate (): StoreError {
    const advice = `${this.#name} can't be written: the requests before it take too long; nothing was changed`
    return new StoreError('unavailable', advice, { advice })
  }

  #conflict (): SwapResult<T> {
    return { ok: false, reason: 'conflict', current: this.#current }
  }

  async #write (over: StoredConfigMap | undefined, data: UntrustedObject, timeoutMs: number): Promise<StoredConfigMap> {
    const { api, codec } = this.#options
    const object = configMapObject({ name: this.#object.name, over, data, section: codec.section ?? 'data', owns: key => codec.owns(key) })
    const written = over === undefined
      ? await api.create(this.#object, object, timeoutMs)
      : await api.replace(this.#object, object, timeoutMs)
    return readConfigMap(written)
  }

  async #attempt (write: PlannedWrite<T>): Promise<SwapResult<T> | NotNow> {
    const { value, over, data, deadlineMs } = write
    const resets = this.#resets
    const beganMs = this.#options.clock.nowMs()
    try {
      // Half of the time, so that some is left to find out what became of a write without an answer.
      const written = await this.#write(over, data, Math.max(1, (deadlineMs - beganMs) / 2))
      if (resets !== this.#resets) throw new KubeError('malformed', 'the Kubernetes API went back to an older version meanwhile')
      this.#wrote()
      this.#turns.wrote(written.resourceVersion, beganMs)
      this.#accept(written, value)
      return { ok: true, version: written.resourceVersion }
    } catch (thrown) {
      const error = KubeError.from(thrown)
      // The watch has told who was faster: to read it again would give others the time for another write.
      if (error.status === CONFLICT && this.#seen !== undefined && !isSameVersion(this.#seen, over)) return this.#conflict()
      return await this.#afterFailedWrite(error, write)
    }
  }

  /** A write has failed, or there was no answer to it. */
  async #afterFailedWrite (error: KubeError, { data, value, over, deadlineMs }: PlannedWrite<T>): Promise<SwapResult<T> | NotNow> {
    if (error.status === TOO_MANY_REQUESTS) return { notNow: error }
    const refused = unmade(error, this.#name)
    if (refused !== undefined) throw this.#failed(refused, error)
    const known = this.#seen
    const seen = await this.#look(deadlineMs - this.#options.clock.nowMs())
    if (seen instanceof KubeError) throw this.#failed(unknownWrite(error, this.#name), error)
    // The write has arrived, and its answer has not.
    if (error.status === undefined && seen !== undefined && this.#holds(seen, data)) {
      this.#wrote()
      this.#accept(seen, value)
      return { ok: true, version: seen.resourceVersion }
    }
    // Unless the watch has told more meanwhile, this is what the server has, also when its etcd was restored from an older backup.
    if (seen !== undefined || (error.status !== undefined && known !== undefined)) this.#observe(seen, this.#seen === known)
    const isWritable = error.status === CONFLICT || error.status === NOT_FOUND
    if (!isWritable) throw this.#failed(unknownWrite(error, this.#name), error)
    if (!isSameVersion(seen, over)) return this.#conflict()
    // It has been deleted, or its namespace is not there.
    if (error.status === NOT_FOUND && over === undefined) throw this.#failed(refusalOf(error, this.#name), error)
    return { notNow: error }
  }

  #holds (seen: StoredConfigMap, data: UntrustedObject): boolean {
    const texts = this.#textsOf(seen)
    return Object.entries(data).every(([key, text]) => texts[key] === text)
  }

  /** What the server has now, by a consistent read; undefined when it has none. */
  async #look (timeoutMs: number): Promise<StoredConfigMap | KubeError | undefined> {
    try {
      return readConfigMap(await this.#options.api.get(this.#object, Math.max(1, timeoutMs)))
    } catch (thrown) {
      const error = KubeError.from(thrown)
      return error.status === NOT_FOUND ? undefined : error
    }
  }

  #failed (thrown: StoreError, error: KubeError): StoreError {
    this.#health.failed(error.message, isOutOfSpace(error))
    return thrown
  }

  #wrote (): void {
    if (this.#health.succeeded()) this.#options.log.info(`${this.#subject} in Kubernetes can be written again`, { configMap: this.#object.name })
  }

  /** After a failed write: does one that changes nothing go through? The API server checks it as any other. */
  async #tryToWrite (): Promise<void> {
    const over = this.#seen
    if (this.#closed) return
    if (this.#isMissing) this.#writingAgain.ask()
    if (!this.#health.isFailing) return
    if (over === undefined || this.#health.needsChange || this.#refusal?.state === 'read-only') {
      this.#health.tryLater()
      return
    }
    try {
      this.#observe(await this.#write(over, this.#textsOf(over), ASIDE_TIMEOUT_MS))
      this.#wrote()
    } catch (thrown) {
      const error = KubeError.from(thrown)
      if (error.status === CONFLICT) this.#health.tryLater()
      else this.#health.failed(error.message, isOutOfSpace(error))
    }
  }

  /** This is stored now, by ourselves. */
  #accept (seen: StoredConfigMap, value: T): void {
    if (seen.resourceVersion === ABSENT) throw new KubeError('malformed', 'the Kubernetes API sent an object without a resourceVersion')
    this.#known = true
    // The watch may have been faster than the answer, with what others wrote on top of this.
    if (this.#seen !== undefined && isOlder(seen, this.#seen)) return
    this.#seen = seen
    this.#refusal = undefined
    this.#current = { value, version: seen.resourceVersion }
    this.#watchers.tell(this.#current)
  }

  /**
   * A list is what the server has, also when that is older than what is known: its etcd was restored from a backup. But one that was asked
   * for before something was written or read here may not know of that.
   */
  #listed (seen: StoredConfigMap | undefined): void {
    const isNews = seen !== undefined && this.#seen !== undefined && !isOlder(seen, this.#seen)
    if (this.#seen === this.#atListing || isNews) this.#observe(seen, true)
    else void this.#lookAgain(1)
  }

  /** Events come in order, so one that is older than the event before is of a server that went back without ending its watches. */
  #heard (before: StoredConfigMap | undefined, after: StoredConfigMap | undefined): void {
    if (before !== undefined && after !== undefined && isOlder(after, before)) void this.#lookAgain(1)
    else this.#observe(after)
  }

  /** Asks what the server has while no write is under way. */
  async #lookAgain (attempt: number): Promise<void> {
    this.#lookTimer?.cancel()
    await this.#queue.run(async () => {
      if (this.#closed) return
      const known = this.#seen
      const seen = await this.#look(ASIDE_TIMEOUT_MS)
      this.#doubt = seen instanceof KubeError ? seen.message : ''
      if (seen instanceof KubeError) {
        const { clock, random } = this.#options
        this.#lookTimer = clock.after(backoffMs(attempt, LOOK_BACKOFF, random), () => { void this.#lookAgain(attempt + 1) })
      } else if (this.#seen === known) this.#observe(seen, true)
    })
  }

  /**
   * The server has this object now; undefined when it has none.
   * @param certainly it is not what the server had some time ago
   */
  #observe (seen: StoredConfigMap | undefined, certainly = false): void {
    const first = !this.#synced
    this.#synced = true
    if (seen === undefined) {
      this.#observeNone(first)
      return
    }
    const before = this.#seen
    const isBack = before !== undefined && isOlder(seen, before)
    if (isBack && !certainly) return
    const unchanged = certainly ? isSameConfigMap(seen, before) : isSameVersion(seen, before)
    this.#seen = seen
    if (unchanged) return
    if (isBack) {
      this.#resets++
      this.#options.log.warn(`Kubernetes has an older version of ${this.#subject} than before, as after a restore from a backup; it is taken for an edit`, {
        configMap: this.#object.name, resourceVersion: seen.resourceVersion, before: before.resourceVersion
      })
    }
    this.#known = true
    this.#health.othersWrote()
    if (!first) this.#turns.heard(seen.resourceVersion)
    this.#take(seen)
  }

  #take (seen: StoredConfigMap): void {
    const { codec, log, onRefused } = this.#options
    // A restored etcd may give the same one to something else.
    const version = seen.resourceVersion === this.#current.version ? `${seen.resourceVersion}+${++this.#resets}` : seen.resourceVersion
    try {
      this.#current = { value: codec.decode(this.#textsOf(seen)), version }
      this.#refusal = undefined
    } catch (error) {
      const newer = error instanceof NewerFormat
      this.#current = { value: this.#current.value, version }
      this.#refusal = { state: newer ? 'read-only' : 'refused', detail: errorText(error) }
      onRefused(newer ? 'newer' : 'invalid')
      log.error(`${this.#subject} ${newer ? NEWER : INVALID}`, { configMap: this.#object.name, fault: this.#refusal.detail })
    }
    this.#watchers.tell(this.#current)
  }

  #observeNone (first: boolean): void {
    this.#seen = undefined
    this.#refusal = undefined
    this.#current = { value: this.#current.value, version: ABSENT }
    if (this.#known) this.#writingAgain.ask()
    else if (first) this.#watchers.tell(this.#current)
  }

  /** Somebody has deleted the object. What is known is written again; where that fails, it is tried once more. */
  async #writeAgain (): Promise<void> {
    const { codec, log } = this.#options
    if (this.#seen !== undefined || this.#closed) return
    const { value } = this.#current
    try {
      const written = await this.#write(undefined, codec.encode(value), DEFAULT_TIMEOUT_MS)
      this.#wrote()
      this.#accept(written, value)
      log.warn(`${this.#subject} was deleted from Kubernetes and has been written again`, { configMap: this.#object.name })
    } catch (error) {
      // Another replica was faster: its write comes by the watch.
      if (error instanceof KubeError && error.status === CONFLICT) {
        this.#health.tryLater()
        return
      }
      this.#health.failed(errorText(error))
      log.error(`${this.#subject} was deleted from Kubernetes and can't be written again; it is tried again, also by the next change`, {
        configMap: this.#object.name, error: errorText(error)
      })
    }
  }

  #assertOpen (): void {
    if (this.#closed) throw new StoreError('closed', 'the state store has been closed')
  }
}
