import { pause } from '../core/abortable.ts'
import { backoffMs } from '../core/backoff.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { asObject, asText } from '../core/untrusted.ts'
import { type KubeApi, type KubeCollection, KubeError, type KubeListPage, type KubeWatchEvent } from './kube-api.ts'
import { serverText } from './server-refusal.ts'

/** When to retry, when to doubt, how much to keep. Times in milliseconds. */
export interface ListWatchTuning {
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** A watch that lasted this long ends a row of failures. */
  readonly stableMs: number
  /** Without an event or a bookmark for this long, a fresh list is made. API servers send a bookmark about every 60 s. */
  readonly silenceMs: number
  /** A watch that ended cleanly is followed by a fresh list, instead of resumed, when the last list is this old. */
  readonly relistMs: number
  /** The server ends a watch after this time, up to twice as long by chance, so that watches do not all end at once. */
  readonly watchTimeoutSeconds: number
  /** The longest Retry-After that is obeyed. */
  readonly maxRetryAfterMs: number
  readonly pageSize: number
  /** A collection above this is refused: the last known objects stay. */
  readonly maxObjects: number
}

export const DEFAULT_LIST_WATCH_TUNING: ListWatchTuning = {
  backoffBaseMs: 100,
  backoffMaxMs: 10_000,
  stableMs: 5_000,
  silenceMs: 130_000,
  relistMs: 600_000,
  watchTimeoutSeconds: 300,
  maxRetryAfterMs: 30_000,
  pageSize: 200,
  maxObjects: 20_000
}

/** Told of every change. None of these may throw. */
interface ListWatchListener<T> {
  /** A list is asked for: what is known from elsewhere after this may be newer than what it brings. */
  listing? (): void
  /** A list was read: these are all objects, by `namespace/name`. Until the next list the map is kept up to date. */
  replaced (objects: ReadonlyMap<string, T>): void
  /** One object came (`before` undefined), changed, or went (`after` undefined). */
  changed (key: string, before: T | undefined, after: T | undefined): void
  /** Something went wrong; the next try is in `retryInMs`. The known objects stay. */
  failed (error: KubeError, retryInMs: number): void
  /** After failures a list was read and a watch is open. */
  recovered? (recovery: WatchRecovery): void
}

/** The end of a time of failures. */
export interface WatchRecovery {
  readonly failures: number
  /** From the first failure on, in milliseconds. */
  readonly afterMs: number
}

interface ListWatchOptions<T> {
  readonly api: KubeApi
  readonly collection: KubeCollection
  /** What is kept of an object. Gets anything the server sends, and what is kept of the state before; must not throw. */
  readonly read: (object: unknown, before: T | undefined) => T
  readonly listener: ListWatchListener<T>
  /** Adds to a failure what the follower knows of it. */
  readonly explain?: (error: KubeError) => KubeError
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly tuning?: ListWatchTuning
}

export interface ListWatchStats {
  /** A list has been read since the start. */
  readonly synced: boolean
  /** Wall-clock time of the last list, event or bookmark. */
  readonly lastSyncWallMs: number | undefined
  readonly lists: number
  /** How often a failure made it start again. Clean ends of a watch are not counted. */
  readonly restarts: number
  /** What went wrong last; undefined once a list has been read after it. */
  readonly lastError: string | undefined
  readonly objects: number
  /** Undefined while a watch is open, and before the first list. */
  readonly unwatched?: Unwatched | undefined
}

/** A time in which no watch is open: what changes meanwhile is not heard of, though a list may be read now and then. */
export interface Unwatched {
  readonly forMs: number
  /** By the wall clock. */
  readonly sinceWallMs: number
  /** What has gone wrong last in this time; undefined when nothing has. */
  readonly error: string | undefined
}

/** More pages than any real collection has: a server that never stops to continue must not hold the loop. */
const MAX_PAGES = 1_000

/**
 * Follows a collection for as long as it is not stopped: list, watch, and again after whatever happens.
 *
 * A clean end of a watch is resumed from the last resourceVersion. Everything else (a break, any status, bad data, 410,
 * silence) is followed, after a back-off, by a fresh consistent list: an API server restored from a backup answers a
 * resourceVersion of its lost future with 200 and silence, so a version can't be trusted after a failure. Until that
 * list is read the objects stay as they were last known.
 */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>
  readonly #tuning: ListWatchTuning
  #objects = new Map<string, T>()
  #running: Promise<void> | undefined
  #stopping = new AbortController()
  /** Empty: a list is needed. */
  #resourceVersion = ''
  /** The last list got a 410 between two pages: it was too slow for the server, so the next one takes all at once. */
  #pagesExpire = false
  #failuresInARow = 0
  /** Since a watch was last open. */
  #failures = 0
  #failingSinceMs = 0
  #lastListMs = 0
  #lastSignMs = 0
  #synced = false
  #lastSyncWallMs: number | undefined
  #lists = 0
  #restarts = 0
  #lastError: KubeError | undefined
  #unwatched: { readonly sinceMs: number, readonly sinceWallMs: number, error: string | undefined } | undefined

  constructor (options: ListWatchOptions<T>) {
    this.#options = options
    this.#tuning = options.tuning ?? DEFAULT_LIST_WATCH_TUNING
  }

  /** Starts to follow; does nothing when it does already. */
  start (): void {
    this.#running ??= this.#run()
  }

  /** Stops for good. Resolves when nothing is in flight any more. */
  async stop (): Promise<void> {
    this.#stopping.abort(new KubeError('network', 'stopped'))
    await this.#running
  }

  stats (): ListWatchStats {
    return {
      synced: this.#synced,
      lastSyncWallMs: this.#lastSyncWallMs,
      lists: this.#lists,
      restarts: this.#restarts,
      lastError: this.#lastError?.message,
      objects: this.#objects.size,
      unwatched: this.#unwatched && {
        forMs: this.#nowMs() - this.#unwatched.sinceMs, sinceWallMs: this.#unwatched.sinceWallMs, error: this.#unwatched.error
      }
    }
  }

  #notWatched (): void {
    if (this.#synced) this.#unwatched ??= { sinceMs: this.#nowMs(), sinceWallMs: this.#options.clock.wallMs(), error: undefined }
  }

  async #run (): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // A listener that throws in spite of its contract is reported in the stats and must not end the loop.
      const pauseMs = await this.#round().catch((thrown: unknown) => {
        this.#lastError = KubeError.from(thrown)
        return this.#tuning.backoffMaxMs
      })
      await pause(this.#options.clock, pauseMs, this.#stopping.signal)
    }
  }

  /** One list, if needed, and one watch. @returns how long to wait before the next round */
  async #round (): Promise<number> {
    const attempt = new AbortController()
    const onStop = (): void => { attempt.abort(this.#stopping.signal.reason) }
    this.#stopping.signal.addEventListener('abort', onStop, { once: true })
    let watchSinceMs = Infinity
    try {
      if (this.#resourceVersion === '') await this.#list(attempt.signal)
      watchSinceMs = this.#nowMs()
      await this.#watch(attempt)
      return this.#afterCleanEnd(watchSinceMs)
    } catch (thrown) {
      return this.#stopping.signal.aborted ? 0 : this.#afterFailure(KubeError.from(thrown), watchSinceMs)
    } finally {
      this.#stopping.signal.removeEventListener('abort', onStop)
    }
  }

  async #list (signal: AbortSignal): Promise<void> {
    const objects = new Map<string, T>()
    let continueToken = ''
    let resourceVersion = ''
    this.#options.listener.listing?.()
    for (let page = 0; page === 0 || continueToken !== ''; page++) {
      if (page === MAX_PAGES) throw new KubeError('too-large', `a list of the Kubernetes API has more than ${MAX_PAGES} pages`)
      const answer = await this.#listPage(continueToken, signal)
      for (const item of answer.items) this.#collect(objects, item)
      resourceVersion = answer.resourceVersion
      continueToken = answer.continueToken
    }
    this.#objects = objects
    this.#resourceVersion = resourceVersion
    this.#lastListMs = this.#nowMs()
    this.#lists++
    this.#synced = true
    this.#lastError = undefined
    this.#signOfLife()
    this.#notWatched()
    this.#options.listener.replaced(objects)
  }

  async #listPage (continueToken: string, signal: AbortSignal): Promise<KubeListPage> {
    const { api, collection } = this.#options
    const limit = this.#pagesExpire ? 0 : this.#tuning.pageSize
    try {
      const page = await api.list({ collection, limit, continueToken, freshness: this.#freshness(), signal })
      if (page.continueToken === '') this.#pagesExpire = false
      return page
    } catch (error) {
      this.#pagesExpire = error instanceof KubeError && error.kind === 'gone' && continueToken !== ''
      throw error
    }
  }

  /** While etcd hangs only the cache of the server answers; old endpoints are better than none, none are worse than old. */
  #freshness (): 'latest' | 'any' {
    const hung = this.#lastError?.kind === 'timeout' || this.#lastError?.status === 504
    return hung && !this.#synced ? 'any' : 'latest'
  }

  #collect (objects: Map<string, T>, item: unknown): void {
    const metadata = asObject(asObject(item)?.['metadata'])
    const name = asText(metadata?.['name'])
    if (name === undefined) return
    const key = `${asText(metadata?.['namespace']) ?? ''}/${name}`
    objects.set(key, this.#options.read(item, this.#objects.get(key)))
    if (objects.size > this.#tuning.maxObjects) {
      throw new KubeError('too-large', `more than ${this.#tuning.maxObjects} ${this.#options.collection.plural} in one namespace`)
    }
  }

  async #watch (attempt: AbortController): Promise<void> {
    const { api, collection, random } = this.#options
    const timeoutSeconds = Math.ceil(this.#tuning.watchTimeoutSeconds * (1 + random()))
    const guard = this.#guardSilence(attempt)
    try {
      const events = api.watch({
        collection, resourceVersion: this.#resourceVersion, timeoutSeconds, signal: attempt.signal, opened: () => { this.#watchOpened() }
      })
      for await (const event of events) {
        this.#apply(event)
        this.#signOfLife()
      }
    } finally {
      guard.cancel()
      this.#notWatched()
    }
  }

  /** Told now and not after the list: who may list but not watch has not recovered. */
  #watchOpened (): void {
    const failures = this.#failures
    this.#failures = 0
    this.#unwatched = undefined
    if (failures > 0) this.#options.listener.recovered?.({ failures, afterMs: this.#nowMs() - this.#failingSinceMs })
  }

  /** Aborts the attempt when nothing is heard for too long. Watches that end cleanly without a word count as silence too. */
  #guardSilence (attempt: AbortController): TimerHandle {
    const { clock } = this.#options
    const check = (): void => {
      const leftMs = this.#lastSignMs + this.#tuning.silenceMs - this.#nowMs()
      if (leftMs > 0) timer = clock.after(leftMs, check)
      else attempt.abort(new KubeError('silent', `the watch gave neither an event nor a bookmark for ${this.#tuning.silenceMs} ms`))
    }
    let timer = clock.after(Math.max(0, this.#lastSignMs + this.#tuning.silenceMs - this.#nowMs()), check)
    return { cancel: () => { timer.cancel() } }
  }

  #apply (event: KubeWatchEvent): void {
    if (event.type === 'ERROR') throw statusOf(event.object)
    const metadata = asObject(asObject(event.object)?.['metadata'])
    const resourceVersion = asText(metadata?.['resourceVersion'])
    const name = asText(metadata?.['name'])
    if (event.type !== 'BOOKMARK' && name !== undefined) {
      this.#change(event, `${asText(metadata?.['namespace']) ?? ''}/${name}`)
    }
    if (resourceVersion !== undefined && resourceVersion !== '') this.#resourceVersion = resourceVersion
  }

  #change (event: KubeWatchEvent, key: string): void {
    const before = this.#objects.get(key)
    if (event.type === 'DELETED') {
      if (this.#objects.delete(key)) this.#options.listener.changed(key, before, undefined)
    } else if (event.type === 'ADDED' || event.type === 'MODIFIED') {
      if (before === undefined && this.#objects.size >= this.#tuning.maxObjects) {
        throw new KubeError('too-large', `more than ${this.#tuning.maxObjects} ${this.#options.collection.plural} in one namespace`)
      }
      const after = this.#options.read(event.object, before)
      this.#objects.set(key, after)
      this.#options.listener.changed(key, before, after)
    }
  }

  #afterCleanEnd (watchSinceMs: number): number {
    const nowMs = this.#nowMs()
    if (nowMs - this.#lastListMs >= this.#tuning.relistMs) this.#resourceVersion = ''
    if (nowMs - watchSinceMs >= this.#tuning.stableMs) {
      this.#failuresInARow = 0
      return 0
    }
    // A server that ends every watch at once must not be asked again without a pause.
    this.#failuresInARow++
    return this.#backoffMs()
  }

  #afterFailure (failure: KubeError, watchSinceMs: number): number {
    const error = this.#options.explain?.(failure) ?? failure
    if (this.#nowMs() - watchSinceMs >= this.#tuning.stableMs) this.#failuresInARow = 0
    this.#failuresInARow++
    if (this.#failures++ === 0) this.#failingSinceMs = this.#nowMs()
    this.#restarts++
    this.#lastError = error
    if (this.#unwatched !== undefined) this.#unwatched.error = error.message
    this.#resourceVersion = ''
    const wishMs = Math.min(error.retryAfterMs ?? 0, this.#tuning.maxRetryAfterMs)
    const retryInMs = Math.max(wishMs, this.#backoffMs())
    this.#options.listener.failed(error, retryInMs)
    return retryInMs
  }

  #backoffMs (): number {
    const { backoffBaseMs, backoffMaxMs } = this.#tuning
    return backoffMs(this.#failuresInARow, { baseMs: backoffBaseMs, maxMs: backoffMaxMs }, this.#options.random)
  }

  #signOfLife (): void {
    this.#lastSignMs = this.#nowMs()
    this.#lastSyncWallMs = this.#options.clock.wallMs()
  }

  #nowMs (): number {
    return this.#options.clock.nowMs()
  }
}

/** The error that an ERROR event carries: 410 comes inside a stream that began with 200. */
function statusOf (object: unknown): KubeError {
  const status = asObject(object)
  const code = typeof status?.['code'] === 'number' ? status['code'] : undefined
  const expired = code === 410 || status?.['reason'] === 'Expired' || status?.['reason'] === 'Gone'
  const message = `the watch ended with an error: ${serverText(asText(status?.['message']) ?? 'no message')}`
  return new KubeError(expired ? 'gone' : 'status', message, { status: code })
}
