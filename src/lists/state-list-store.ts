/**
 * Keeps all lists as one value of a StateStore: in memory, or in a ConfigMap that several replicas share.
 */
import type { EventLog } from '../core/logger.ts'
import { SerialQueue } from '../core/serial-queue.ts'
import type { ChangeDeadline } from '../store/change-deadline.ts'
import { attemptsAt, type StateStore, StoreError, type StoreStatus, Watchers } from '../store/state-store.ts'
import { assertInTime, listKey, type ListListener, type ListStore, refOfKey } from './list-store.ts'
import { MemberList, type ListRef } from './member-list.ts'

/** By the key of the list. */
export type StoredLists = ReadonlyMap<string, MemberList>

export function noLists (): StoredLists {
  return new Map()
}

/** A store that is read from the moment in which somebody needs it. */
interface LazyStateStore extends StateStore<StoredLists> {
  /** Undefined where nothing has to be begun. */
  readonly start?: () => void
}

export class StateListStore implements ListStore {
  readonly known: Promise<void>
  readonly #store: LazyStateStore
  readonly #queue = new SerialQueue()
  readonly #watchers: Watchers<Parameters<ListListener>>
  readonly #resolveKnown: () => void
  #lists = noLists()
  #started = false

  constructor (store: LazyStateStore, log: EventLog) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.known = promise
    this.#resolveKnown = resolve
    this.#store = store
    this.#watchers = new Watchers(error => { log.error('a watcher of the lists failed', { error: String(error) }) })
    store.watch(({ value }) => { this.#take(value) })
    if (!store.shared) resolve()
  }

  status (): StoreStatus { return this.#store.status() }

  async load (refs: readonly ListRef[]): Promise<void> {
    if (this.#started || refs.length === 0) return
    this.#started = true
    this.#store.start?.()
  }

  async storedOf (route: string): Promise<readonly string[]> {
    return [...this.#lists.keys()].map(refOfKey).flatMap(ref => ref?.route === route ? [ref.list] : [])
  }

  current (ref: ListRef): MemberList {
    return this.#lists.get(listKey(ref)) ?? MemberList.EMPTY
  }

  /** One at a time: those of this replica need not compete with each other. */
  async change (ref: ListRef, edit: (before: MemberList) => MemberList, deadline: ChangeDeadline): Promise<MemberList> {
    // Before anything is known, a change is refused at once.
    await this.#store.read()
    return await this.#queue.run(async () => await this.#swap(ref, edit, deadline))
  }

  async #swap (ref: ListRef, edit: (before: MemberList) => MemberList, deadline: ChangeDeadline): Promise<MemberList> {
    let current = await this.#store.read()
    const key = listKey(ref)
    for (let attempt = 1; attempt <= attemptsAt(this.#store); attempt++) {
      if (attempt > 1 && deadline.isOver) break
      assertInTime(deadline)
      const before = current.value.get(key) ?? MemberList.EMPTY
      const after = edit(before)
      if (after === before) return after
      const value = new Map(current.value)
      // An empty one too: that something is there shows that a write has arrived.
      value.set(key, after)
      const swapped = await this.#store.compareAndSwap(current.version, value, deadline.leftMs)
      if (swapped.ok) return after
      current = swapped.current
    }
    const advice = 'others change the lists all the time; nothing was changed, try again'
    throw new StoreError('unavailable', advice, { advice })
  }

  watch (listener: ListListener): () => void {
    return this.#watchers.add(([ref, members]) => { listener(ref, members) })
  }

  /** In memory nothing outlives its use. Where replicas share the lists, one of them may have a configuration that others have not yet. */
  retain (refs: readonly ListRef[]): void {
    if (this.#store.shared) return
    const keys = new Set(refs.map(listKey))
    if ([...this.#lists.keys()].every(key => keys.has(key))) return
    void this.#queue.run(async () => { await this.#forget(keys) })
  }

  async #forget (keys: ReadonlySet<string>): Promise<void> {
    const { version, value } = await this.#store.read()
    await this.#store.compareAndSwap(version, new Map([...value].filter(([key]) => keys.has(key))))
  }

  async close (): Promise<void> {
    this.#watchers.clear()
    await this.#store.close()
    // What has waited behind the one under way is refused by now.
    await this.#queue.idle()
  }

  #take (lists: StoredLists): void {
    const before = this.#lists
    this.#lists = lists
    this.#resolveKnown()
    for (const key of new Set([...before.keys(), ...lists.keys()])) {
      const members = lists.get(key) ?? MemberList.EMPTY
      const ref = refOfKey(key)
      if (ref !== undefined && members !== (before.get(key) ?? MemberList.EMPTY)) this.#watchers.tell([ref, members])
    }
  }
}
