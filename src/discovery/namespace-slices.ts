import type { KubeApi, KubeError } from '../kube/kube-api.ts'
import { ListWatch, type ListWatchStats, type ListWatchTuning, type WatchRecovery } from '../kube/list-watch.ts'
import { CoalescedNotices, type NoticeContext } from './coalesced-notices.ts'
import { type EndpointSlice, type OwnPlace, rereadEndpointSlice } from './endpoint-slice.ts'

/** What every follower of a collection needs. */
export interface SlicesContext extends NoticeContext {
  readonly api: KubeApi
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly tuning?: ListWatchTuning
  /** Where Weir runs, if that decides which endpoints are preferred. */
  readonly place?: OwnPlace
  /** Told of every failure of the list+watch of a namespace. Undefined is the namespace of the credentials. */
  readonly onFailure: (namespace: string | undefined, error: KubeError, retryInMs: number) => void
  /** Told when a list+watch that had failed follows its namespace again. */
  readonly onRecovery?: (namespace: string | undefined, recovery: WatchRecovery) => void
}

/** Told of the slices of one Service, each with its key. */
export interface SlicesListener {
  /** These are all of them. */
  readonly all: (slices: ReadonlyMap<string, EndpointSlice>) => void
  /** Some have come, changed or, undefined, gone. */
  readonly changed: (slices: ReadonlyMap<string, EndpointSlice | undefined>) => void
}

type Changes = Map<string, EndpointSlice | undefined>

/**
 * All EndpointSlices of one namespace: one list+watch, shared by every version whose Service is there.
 */
export class NamespaceSlices {
  readonly #listWatch: ListWatch<EndpointSlice>
  readonly #byService = new Map<string, Map<string, EndpointSlice>>()
  readonly #listeners = new Map<string, Set<SlicesListener>>()
  /** What is to be told, by service; `all` after a list. */
  readonly #changed = new Map<string, Changes | 'all'>()
  readonly #notices: CoalescedNotices
  #synced = false

  /**
   * @param namespace undefined for the namespace of the credentials
   * @param service the only one whose slices are asked for; those of all Services without it
   */
  constructor (namespace: string | undefined, context: SlicesContext, service?: string) {
    const labelSelector = `kubernetes.io/service-name${service === undefined ? '' : `=${service}`}`
    this.#notices = new CoalescedNotices(context, this.#changed, () => { this.#tell() })
    this.#listWatch = new ListWatch({
      api: context.api,
      collection: { groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace, labelSelector },
      read: (object, before) => rereadEndpointSlice(object, before, context.place),
      clock: context.clock,
      random: context.random,
      ...(context.tuning === undefined ? {} : { tuning: context.tuning }),
      listener: {
        replaced: objects => { this.#replace(objects) },
        changed: (key, before, after) => { this.#change(key, before, after) },
        failed: (error, retryInMs) => { context.onFailure(namespace, error, retryInMs) },
        recovered: recovery => { context.onRecovery?.(namespace, recovery) }
      }
    })
  }

  /** Starts the list+watch with the first subscription. The listener is called at once if the slices are known already. */
  subscribe (service: string, listener: SlicesListener): void {
    const listeners = this.#listeners.get(service) ?? new Set()
    this.#listeners.set(service, listeners.add(listener))
    if (this.#synced) listener.all(this.slicesOf(service))
    this.#listWatch.start()
  }

  unsubscribe (service: string, listener: SlicesListener): void {
    const listeners = this.#listeners.get(service)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.#listeners.delete(service)
  }

  /** The slices of a Service as they are now, each with its key; none before the first list. */
  slicesOf (service: string): ReadonlyMap<string, EndpointSlice> {
    return this.#byService.get(service) ?? new Map()
  }

  get isUsed (): boolean {
    return this.#listeners.size > 0
  }

  /** Resolves when the connection to the API server is closed. */
  async stop (): Promise<void> {
    this.#notices.stop()
    this.#listeners.clear()
    await this.#listWatch.stop()
  }

  stats (): ListWatchStats {
    return this.#listWatch.stats()
  }

  #replace (objects: ReadonlyMap<string, EndpointSlice>): void {
    this.#synced = true
    this.#byService.clear()
    for (const [key, slice] of objects) this.#put(key, slice)
    for (const service of this.#listeners.keys()) this.#changed.set(service, 'all')
    this.#notices.tellSoon()
  }

  #change (key: string, before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    if (before !== undefined) this.#take(key, before)
    if (after !== undefined) this.#put(key, after)
    if (before !== undefined && before.service !== after?.service) this.#note(before.service, key, undefined)
    if (after !== undefined) this.#note(after.service, key, after)
    this.#notices.tellSoon()
  }

  #note (service: string, key: string, slice: EndpointSlice | undefined): void {
    if (!this.#listeners.has(service)) return
    const changes = this.#changed.get(service) ?? new Map<string, EndpointSlice | undefined>()
    if (changes !== 'all') this.#changed.set(service, changes.set(key, slice))
  }

  #put (key: string, slice: EndpointSlice): void {
    const slices = this.#byService.get(slice.service) ?? new Map<string, EndpointSlice>()
    this.#byService.set(slice.service, slices.set(key, slice))
  }

  #take (key: string, slice: EndpointSlice): void {
    const slices = this.#byService.get(slice.service)
    slices?.delete(key)
    if (slices?.size === 0) this.#byService.delete(slice.service)
  }

  #tell (): void {
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const [service, changes] of changed) this.#tellService(service, changes)
  }

  #tellService (service: string, changes: Changes | 'all'): void {
    for (const listener of this.#listeners.get(service) ?? []) {
      if (changes === 'all') listener.all(this.slicesOf(service))
      else listener.changed(changes)
    }
  }
}
