/**
 * Keeps the value in a ConfigMap, which several replicas of Weir share: changed by compare-and-swap on its resourceVersion, followed by a
 * watch. What is not Weir's in it (labels, annotations, other keys) stays.
 */
import type { Clock } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { HolderDuty } from '../core/holder-duty.ts'
import { type Leadership, SOLE_REPLICA } from '../core/leadership.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import {
  asObject, KubeError, type KubeApi, type KubeObjectApi, type KubeObjectName, type UntrustedObject
} from '../kube/kube-api.ts'
import { ListWatch, type ListWatchTuning } from '../kube/list-watch.ts'
import { isOlder, readStoredObject, type StoredObject, writtenMetadata } from '../kube/stored-object.ts'
import { type StateStore, StoreError, type StoreStatus, type SwapResult, type Versioned, Watchers } from './state-store.ts'

/** How a value is turned into the texts of a ConfigMap and back. */
export interface ConfigMapCodec<T> {
  /** What the store holds before the first write. */
  readonly initial: T
  /** @throws StoreError `too-large` */
  encode (value: T): Readonly<Record<string, string>>
  /**
   * Reads what anybody may have written.
   * @throws Error with a message for people; a NewerFormat when it may not be written over
   */
  decode (data: UntrustedObject): T
  /** Is this a key of its own, which a write replaces? */
  owns (key: string): boolean
}

/** What is stored was written by a newer Weir. */
export class NewerFormat extends Error {
  override readonly name = 'NewerFormat'
}

export interface ConfigMapStoreOptions<T> {
  readonly api: KubeApi & KubeObjectApi
  /** Of the ConfigMap. */
  readonly name: string
  /** Undefined: that of the credentials. */
  readonly namespace: string | undefined
  readonly codec: ConfigMapCodec<T>
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

/** A write that has failed, with the time that is left to find out what became of it. */
interface FailedWrite<T> {
  readonly data: Readonly<Record<string, string>>
  readonly value: T
  readonly restMs: number
}

/** The object as it was seen last. */
interface Seen extends StoredObject {
  readonly data: UntrustedObject
}

const NEWER = 'the traffic state in Kubernetes was written by a newer Weir; the last known one stays in force, and nothing can be changed'
const INVALID = 'the traffic state in Kubernetes can\'t be used; what was in force before stays so'

/** A version that no object has: there is none. */
const ABSENT = ''
const DEFAULT_TIMEOUT_MS = 4_000
const NOT_FOUND = 404
const CONFLICT = 409
const TOO_LARGE = 413
/** What is wrong with the object itself: an immutable one, or a size that the server refuses. */
const UNPROCESSABLE = 422
const TOO_MANY_REQUESTS = 429

export class ConfigMapStore<T> implements StateStore<T> {
  readonly shared = true
  readonly #options: ConfigMapStoreOptions<T>
  readonly #object: KubeObjectName
  readonly #listWatch: ListWatch<Seen>
  readonly #queue = new SerialQueue()
  readonly #writingAgain: HolderDuty
  readonly #watchers: Watchers<Versioned<T>>
  #current: Versioned<T>
  #seen: Seen | undefined
  /** Something has been stored, so the object has to be there. */
  #known = false
  #synced = false
  #refusal: { readonly state: 'refused' | 'read-only', readonly detail: string } | undefined
  #failure = ''
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
      isDue: () => this.#known && this.#seen === undefined && !this.#closed,
      perform: async () => { await this.#queue.run(async () => { await this.#writeAgain() }) }
    })
    this.#listWatch = new ListWatch({
      api,
      collection: { groupVersion: 'v1', plural: 'configmaps', namespace, labelSelector: '', objectName: name },
      read: readObject,
      clock,
      random,
      ...(tuning === undefined ? {} : { tuning }),
      listener: {
        replaced: objects => {
          this.#failure = ''
          this.#observe([...objects.values()][0])
        },
        changed: (_key, _before, after) => { this.#observe(after) },
        failed: error => {
          this.#failure = error.message
          options.onFailure?.(error)
        }
      }
    })
  }

  /** Begins to follow the object. */
  start (): void {
    this.#listWatch.start()
  }

  status (): StoreStatus {
    if (!this.#synced) return { state: 'starting', detail: this.#failure === '' ? 'it has not been read yet' : this.#failure }
    if (this.#refusal !== undefined) return this.#refusal
    return this.#failure === '' ? { state: 'synced', detail: '' } : { state: 'stale', detail: this.#failure }
  }

  async read (): Promise<Versioned<T>> {
    this.#assertOpen()
    if (!this.#synced) throw new StoreError('unavailable', `${this.#name} can't be read: ${this.status().detail}`)
    return this.#current
  }

  watch (listener: (current: Versioned<T>) => void): () => void {
    return this.#watchers.add(listener)
  }

  compareAndSwap (expectedVersion: string, value: T, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<SwapResult<T>> {
    return this.#queue.run(async () => {
      await this.read()
      if (this.#refusal?.state === 'read-only') throw new StoreError('read-only', `${this.#name} ${this.#refusal.detail}`)
      if (expectedVersion !== this.#current.version) return this.#conflict()
      const deadlineMs = this.#options.clock.nowMs() + timeoutMs
      const data = this.#options.codec.encode(value)
      try {
        // Half of the time, so that some is left to find out what became of a write without an answer.
        const written = readObject(await this.#write(data, timeoutMs / 2))
        this.#accept(written, value)
        return { ok: true, version: written.resourceVersion }
      } catch (error) {
        return await this.#afterFailedWrite(KubeError.from(error), { data, value, restMs: deadlineMs - this.#options.clock.nowMs() })
      }
    })
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#writingAgain.stop()
    await this.#queue.idle()
    this.#watchers.clear()
    await this.#listWatch.stop()
  }

  get #name (): string { return `the ConfigMap ${this.#object.name}` }

  #conflict (): SwapResult<T> {
    return { ok: false, reason: 'conflict', current: this.#current }
  }

  async #write (data: Readonly<Record<string, string>>, timeoutMs: number): Promise<unknown> {
    const { api, codec } = this.#options
    const seen = this.#seen
    const metadata = writtenMetadata(this.#object.name, seen)
    if (seen === undefined) return await api.create(this.#object, objectOf(metadata, data), timeoutMs)
    const foreign = Object.fromEntries(Object.entries(seen.data).filter(([key]) => !codec.owns(key)))
    return await api.replace(this.#object, objectOf(metadata, { ...foreign, ...data }), timeoutMs)
  }

  /** A write has failed, or there was no answer to it. */
  async #afterFailedWrite (error: KubeError, { data, value, restMs }: FailedWrite<T>): Promise<SwapResult<T>> {
    if (isRefusal(error)) throw refusalOf(error, this.#name)
    const known = this.#seen
    try {
      const seen = readObject(await this.#options.api.get(this.#object, Math.max(1, restMs)))
      // The write has arrived, and its answer has not.
      if (error.status === undefined && Object.entries(data).every(([key, text]) => seen.data[key] === text)) {
        this.#accept(seen, value)
        return { ok: true, version: seen.resourceVersion }
      }
      // Unless the watch has told more meanwhile, this is what the server has, also when its etcd was restored from an older backup.
      this.#observe(seen, this.#seen === known)
    } catch (thrown) {
      const second = KubeError.from(thrown)
      if (second.status !== NOT_FOUND || error.status === undefined) throw this.#unavailable(error)
      // It has been deleted, or its namespace is not there.
      if (this.#seen === undefined) throw refusalOf(error, this.#name)
      this.#observe(undefined)
    }
    if (error.status !== CONFLICT && error.status !== NOT_FOUND) throw this.#unavailable(error)
    return this.#conflict()
  }

  #unavailable (error: KubeError): StoreError {
    return new StoreError('unavailable', `${this.#name} can't be written: ${error.message}`, { cause: error })
  }

  /** This is stored now, by ourselves. */
  #accept (seen: Seen, value: T): void {
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
   * The server has this object now; undefined when it has none.
   * @param certainly it is not what the server had some time ago
   */
  #observe (seen: Seen | undefined, certainly = false): void {
    const first = !this.#synced
    this.#synced = true
    if (seen === undefined) {
      this.#observeNone(first)
      return
    }
    if (!certainly && this.#seen !== undefined && isOlder(seen, this.#seen)) return
    const unchanged = seen.resourceVersion === this.#seen?.resourceVersion
    this.#seen = seen
    if (unchanged) return
    this.#known = true
    this.#take(seen)
  }

  #take (seen: Seen): void {
    const { codec, log, onRefused } = this.#options
    const version = seen.resourceVersion
    try {
      this.#current = { value: codec.decode(seen.data), version }
      this.#refusal = undefined
    } catch (error) {
      const newer = error instanceof NewerFormat
      this.#current = { value: this.#current.value, version }
      this.#refusal = { state: newer ? 'read-only' : 'refused', detail: errorText(error) }
      onRefused(newer ? 'newer' : 'invalid')
      log.error(newer ? NEWER : INVALID, { configMap: this.#object.name, fault: this.#refusal.detail })
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

  /** Somebody has deleted the object. What is known is written again; where that fails, the next list of the API asks for it once more. */
  async #writeAgain (): Promise<void> {
    const { codec, log } = this.#options
    if (this.#seen !== undefined || this.#closed) return
    const { value } = this.#current
    try {
      this.#accept(readObject(await this.#write(codec.encode(value), DEFAULT_TIMEOUT_MS)), value)
      log.warn('the traffic state was deleted from Kubernetes and has been written again', { configMap: this.#object.name })
    } catch (error) {
      // Another replica was faster: its write comes by the watch.
      if (error instanceof KubeError && error.status === CONFLICT) return
      log.error('the traffic state was deleted from Kubernetes and can\'t be written again; the next change tries it', {
        configMap: this.#object.name, error: errorText(error)
      })
    }
  }

  #assertOpen (): void {
    if (this.#closed) throw new StoreError('closed', 'the state store has been closed')
  }
}

function objectOf (metadata: UntrustedObject, data: Readonly<Record<string, unknown>>): unknown {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
}

function readObject (object: unknown): Seen {
  return { ...readStoredObject(object), data: asObject(asObject(object)?.['data']) ?? {} }
}

/** Will the same write be refused again? */
function isRefusal ({ status }: KubeError): boolean {
  return status !== undefined && status < 500 && ![CONFLICT, NOT_FOUND, TOO_MANY_REQUESTS].includes(status)
}

function refusalOf (error: KubeError, name: string): StoreError {
  const tooLarge = error.status === TOO_LARGE || (error.status === UNPROCESSABLE && !error.message.includes('immutable'))
  return new StoreError(tooLarge ? 'too-large' : 'not-permitted', `${name} can't be written: ${error.message}`, { cause: error })
}
