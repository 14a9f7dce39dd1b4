/**
 * The lists of all routes: which there are, who is on them, and how that changes. Every change is stored first; then the tables that the
 * workers read follow, whoever has made it.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { ListSpec } from '../contract/placement-spec.ts'
import { pause } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { MemberTableWriter, type TableKey } from '../placement/member-table.ts'
import { wireText } from '../routing/plain-request.ts'
import { storeFault } from '../rollout/change-result.ts'
import { ChangeDeadline } from '../store/change-deadline.ts'
import { StoreError, type StoreStatus } from '../store/state-store.ts'
import { ImportError, readMembers } from './member-import.ts'
import { listSpecs } from './list-specs.ts'
import type { ListStore } from './list-store.ts'
import { differenceOf, MAX_LIST_BYTES, type MemberList, type ListRef } from './member-list.ts'
import { readMember } from './read-member.ts'

/** Members that are put into a table one by one; for more, a table is made anew. */
const FEW = 1_000
/** Of a route; more are not told. */
const MAX_KEPT = 100
const MAYBE_MADE = 'it may be made all the same: read the list again'

/** Who changes a list, and why. */
export interface ListChangeMeta {
  readonly actor: string
  readonly reason: string
}

/** A change that was made. */
export interface ListChange extends ListRef, ListChangeMeta {
  readonly action: 'add' | 'remove' | 'import'
  /** The one that came or went; undefined for an import. */
  readonly member?: string
  readonly added: number
  readonly removed: number
  /** After it. */
  readonly members: number
}

/** What somebody has asked for. */
type Asked = Pick<ListChange, 'action' | 'member' | 'actor' | 'reason'>

/** A list as it is now. */
export interface ListState {
  readonly spec: ListSpec
  readonly members: MemberList
  readonly maxMembers: number
}

type ListErrorCode = 'unknown_route' | 'unknown_list' | 'invalid_member' | 'invalid_import' | 'list_full' | 'store_failed'

export type ListResult =
  | { readonly ok: true, readonly added: number, readonly removed: number, readonly members: number }
  | { readonly ok: false, readonly code: ListErrorCode, readonly message: string }

/** What of the configuration matters here. */
interface ListConfig {
  readonly routes: ReadonlyArray<Pick<RouteConfig, 'name' | 'lists'>>
  readonly limits: { readonly maxListMembers: number }
}

export interface ListBookDeps {
  readonly clock: Clock
  readonly store: ListStore
  /** Tells the workers of a table. */
  readonly publish: (route: string, list: string, table: SharedArrayBuffer) => void
  /** Different for each process. */
  readonly key: TableKey
  /** Hears of each change that was made here. */
  readonly onChange: (change: ListChange) => void
  /** Hears why a change was not stored: who has asked for it may not know paths. */
  readonly onFailure: (ref: ListRef, error: StoreError) => void
}

interface BookedList {
  readonly ref: ListRef
  readonly spec: ListSpec
  members: MemberList
  table: MemberTableWriter
}

/** By route, in its order, then by list. */
type Page = ReadonlyMap<string, ReadonlyMap<string, BookedList>>

export class ListBook {
  readonly #deps: ListBookDeps
  #page: Page = new Map()
  #maxMembers = 0

  constructor (deps: ListBookDeps) {
    this.#deps = deps
    deps.store.watch((ref, members) => {
      const booked = this.#page.get(ref.route)?.get(ref.list)
      if (booked !== undefined) this.#apply(booked, members)
    })
  }

  /** How the store of the members is doing. */
  status (): StoreStatus { return this.#deps.store.status() }

  /** Does the configuration name a list? */
  get isUsed (): boolean { return [...this.#page.values()].some(lists => lists.size > 0) }

  /** Are the members known, as far as there is a list? */
  get isKnown (): boolean {
    return this.status().state !== 'starting' || !this.isUsed
  }

  /** Resolves when the members are known, or the time is over. @returns whether they are */
  async knownWithin (clock: Clock, timeoutMs: number): Promise<boolean> {
    const told = new AbortController()
    void this.#deps.store.known.then(() => { told.abort() })
    if (!this.isKnown) await pause(clock, timeoutMs, told.signal)
    return this.isKnown
  }

  async close (): Promise<void> {
    await this.#deps.store.close()
  }

  /** Other routes, all of them. @throws StoreError when the members of a new list can't be read */
  async prepare ({ routes, limits }: ListConfig): Promise<PreparedChange> {
    const { store } = this.#deps
    const refs = routes.flatMap(({ name: route, lists }) => lists.map(({ name: list }) => ({ route, list })))
    await store.load(refs)
    const before = { page: this.#page, maxMembers: this.#maxMembers }
    const specs = routes.map(route => [route.name, listSpecs(route)] as const)
    return {
      commit: () => {
        this.#page = new Map(specs.map(([route, lists]) => [route, this.#bookedOf(route, lists)]))
        this.#maxMembers = limits.maxListMembers
      },
      settle: () => {
        const booked = [...this.#page.values()].flatMap(lists => [...lists.values()])
        for (const each of booked) if (this.#isNew(each, before.page)) this.#publish(each)
        store.retain(refs)
      },
      discard: () => {
        this.#page = before.page
        this.#maxMembers = before.maxMembers
      }
    }
  }

  /** A list that is there already keeps its table, whatever else of it is new. */
  #bookedOf (route: string, specs: readonly ListSpec[]): ReadonlyMap<string, BookedList> {
    return new Map(specs.map((spec): [string, BookedList] => {
      const ref = { route, list: spec.name }
      const known = this.#page.get(route)?.get(spec.name)
      const members = this.#deps.store.current(ref)
      return [spec.name, { ref, spec, members, table: known?.table ?? this.#tableOf(members) }]
    }))
  }

  #isNew ({ ref, table }: BookedList, before: Page): boolean {
    return before.get(ref.route)?.get(ref.list)?.table !== table
  }

  #tableOf ({ ids, size }: MemberList): MemberTableWriter {
    const table = new MemberTableWriter(this.#deps.key, size)
    for (const id of ids) table.add(wireText(id))
    return table
  }

  #publish ({ ref: { route, list }, table }: BookedList): void {
    this.#deps.publish(route, list, table.memory)
  }

  /** The table follows the store. */
  #apply (booked: BookedList, members: MemberList): void {
    const { gained, lost } = differenceOf(booked.members, members)
    const { memory } = booked.table
    booked.members = members
    if (gained.length + lost.length > FEW) {
      booked.table = this.#tableOf(members)
    } else {
      for (const id of lost) booked.table.delete(wireText(id))
      for (const id of gained) booked.table.add(wireText(id))
    }
    if (booked.table.memory !== memory) this.#publish(booked)
  }

  /** The lists of a route, in their order; undefined when there is no such route. */
  lists (route: string): readonly ListState[] | undefined {
    const lists = this.#page.get(route)
    return lists === undefined ? undefined : [...lists.values()].map(booked => this.#stateOf(booked))
  }

  /** Lists of a route whose members are stored, and which the configuration does not name: they come back when it does. */
  async kept (route: string): Promise<readonly string[]> {
    const lists = this.#page.get(route)
    const stored = await this.#deps.store.storedOf(route)
    return stored.filter(name => lists?.has(name) !== true).toSorted().slice(0, MAX_KEPT)
  }

  /** Undefined when the route has no such list. */
  list ({ route, list }: ListRef): ListState | undefined {
    const booked = this.#page.get(route)?.get(list)
    return booked === undefined ? undefined : this.#stateOf(booked)
  }

  /** By list, its members; for metrics. */
  sizes (route: string): ReadonlyMap<string, number> {
    return new Map([...this.#page.get(route)?.values() ?? []].map(({ spec, members }) => [spec.name, members.size]))
  }

  #stateOf ({ spec, members }: BookedList): ListState {
    return { spec, members, maxMembers: this.#maxMembers }
  }

  async add (ref: ListRef, text: string, meta: ListChangeMeta): Promise<ListResult> {
    return await this.#changeMember(ref, text, { action: 'add', ...meta })
  }

  async remove (ref: ListRef, text: string, meta: ListChangeMeta): Promise<ListResult> {
    return await this.#changeMember(ref, text, { action: 'remove', ...meta })
  }

  async #changeMember (
    ref: ListRef, text: string, { action, ...meta }: ListChangeMeta & { readonly action: 'add' | 'remove' }
  ): Promise<ListResult> {
    const state = this.list(ref)
    if (state === undefined) return this.#unknown(ref)
    const member = readMember(text, state.spec.by)
    if ('fault' in member) return { ok: false, code: 'invalid_member', message: `the member ${member.fault}` }
    const { id } = member
    const edit = action === 'add' ? (before: MemberList) => before.with(id) : (before: MemberList) => before.without(id)
    return await this.#change(ref, edit, { action, member: id, ...meta })
  }

  /**
   * Takes over members from lines of JSON: all of them, or none.
   * @param replaces they are the whole list from then on
   */
  async import (
    ref: ListRef, lines: AsyncIterable<Uint8Array>, meta: ListChangeMeta & { readonly replaces: boolean }
  ): Promise<ListResult> {
    const state = this.list(ref)
    if (state === undefined) return this.#unknown(ref)
    const { replaces, ...who } = meta
    try {
      const given = await readMembers(lines, { by: state.spec.by, maxMembers: state.maxMembers })
      const edit = (before: MemberList): MemberList => {
        const { gained, lost } = differenceOf(before, given)
        if (gained.length === 0 && (!replaces || lost.length === 0)) return before
        return replaces ? given : before.union(given)
      }
      return await this.#change(ref, edit, { action: 'import', ...who })
    } catch (error) {
      if (error instanceof ImportError) return { ok: false, code: error.code, message: error.message }
      throw error
    }
  }

  #unknown ({ route, list }: ListRef): ListResult {
    const lists = this.#page.get(route)
    if (lists === undefined) return { ok: false, code: 'unknown_route', message: 'GET /v1/routes lists the routes' }
    return { ok: false, code: 'unknown_list', message: noSuchList(list, [...lists.keys()]) }
  }

  async #change (ref: ListRef, edit: (before: MemberList) => MemberList, what: Asked): Promise<ListResult> {
    const deadline = new ChangeDeadline(this.#deps.clock)
    const made = await deadline.answer(this.#stored(ref, edit, what, deadline))
    if (made !== 'late') return made
    return { ok: false, code: 'store_failed', message: `the store of the lists has not answered; ${MAYBE_MADE}` }
  }

  async #stored (
    ref: ListRef, edit: (before: MemberList) => MemberList, what: Asked, deadline: ChangeDeadline
  ): Promise<ListResult> {
    let difference = { added: 0, removed: 0 }
    let isGone = false
    try {
      const { size: members } = await this.#deps.store.change(ref, before => {
        // A reload has taken it away meanwhile: the store does not know its members any more, and would write over them.
        isGone = this.list(ref) === undefined
        if (isGone) return before
        const after = edit(before)
        difference = countsOf(before, after)
        if (after.size > before.size) this.#checkRoom(after)
        return after
      }, deadline)
      if (isGone) return this.#unknown(ref)
      const result = { ...difference, members }
      if (difference.added + difference.removed > 0) this.#deps.onChange({ ...ref, ...what, ...result })
      return { ok: true, ...result }
    } catch (error) {
      if (error instanceof ImportError) return { ok: false, code: error.code, message: error.message }
      if (!(error instanceof StoreError)) throw error
      const refused = refusedByStore(error)
      if (refused.code === 'store_failed') this.#deps.onFailure(ref, error)
      return refused
    }
  }

  #checkRoom ({ size, bytes }: MemberList): void {
    const maxMembers = this.#maxMembers
    if (size > maxMembers) throw new ImportError('list_full', `the list would have ${size} members, and may have ${maxMembers}; remove some, or raise limits.maxListMembers`)
    if (bytes > MAX_LIST_BYTES) throw new ImportError('list_full', `the members would have ${bytes} bytes together, and may have ${MAX_LIST_BYTES}; remove some`)
  }
}

function refusedByStore (error: StoreError): Extract<ListResult, { readonly ok: false }> {
  if (error.code === 'too-large') return { ok: false, code: 'list_full', message: error.advice ?? error.message }
  if (error.advice !== undefined) return { ok: false, code: 'store_failed', message: error.advice }
  const after = error.code === 'unavailable' ? MAYBE_MADE : 'nothing was changed'
  return { ok: false, code: 'store_failed', message: `${storeFault(error).replace('the state', 'the list')}; ${after}` }
}

function countsOf (before: MemberList, after: MemberList): { readonly added: number, readonly removed: number } {
  const { gained, lost } = differenceOf(before, after)
  return { added: gained.length, removed: lost.length }
}

/** @param names of the lists that there are */
export function noSuchList (list: string, names: readonly string[]): string {
  const there = names.length === 0 ? 'its configuration names none' : `it has ${names.map(name => JSON.stringify(name)).join(', ')}`
  return `the route has no list ${JSON.stringify(list)}; ${there}`
}
