/**
 * Where the members of lists are kept, apart from the weights: a change of weights need not write 100,000 members, nor the other way round.
 */
import type { ChangeDeadline } from '../store/change-deadline.ts'
import { StoreError, type StoreStatus } from '../store/state-store.ts'
import type { ListRef, MemberList } from './member-list.ts'

/** Hears of every change that was stored, whoever has made it, in the order of the changes. */
export type ListListener = (ref: ListRef, members: MemberList) => void

export interface ListStore {
  status (): StoreStatus
  /** Resolves when what is stored is known, which may be never; until then all lists are empty. */
  readonly known: Promise<void>
  /**
   * Makes ready to be asked for these lists, besides those that it was asked for before.
   * @throws StoreError when one can't be read
   */
  load (refs: readonly ListRef[]): Promise<void>
  /** The names of the lists of a route of which something is stored, whether or not they were loaded. */
  storedOf (route: string): Promise<readonly string[]>
  /** The members of a list that was loaded; nobody when nothing is stored of it. */
  current (ref: ListRef): MemberList
  /**
   * Stores what `edit` makes of the members. It may be asked several times, when others change them too; what it throws comes out.
   * Once this resolves, the change survives a crash of the process, and the listeners have heard of it.
   * @throws StoreError when nothing was stored; the list is what it was, but for `unavailable`, of which that can't be known
   */
  change (ref: ListRef, edit: (before: MemberList) => MemberList, deadline: ChangeDeadline): Promise<MemberList>
  /** @returns a function that ends it */
  watch (listener: ListListener): () => void
  /** Need not be ready for other lists than these any more. What is stored of those stays, where anything survives the process. */
  retain (refs: readonly ListRef[]): void
  /** Waits for writes under way. */
  close (): Promise<void>
}

/** @throws StoreError when the turn of a change comes too late for it */
export function assertInTime ({ isOver }: ChangeDeadline): void {
  const advice = 'the store of the lists takes too long; nothing was changed'
  if (isOver) throw new StoreError('unavailable', advice, { advice })
}

/** One text for each list: names have no capital letters. */
export function listKey ({ route, list }: ListRef): string {
  return `${route}.LIST.${list}`
}

export function refOfKey (key: string): ListRef | undefined {
  const [, route, list] = /^([a-z0-9._-]+)\.LIST\.([a-z0-9._-]+)$/.exec(key) ?? []
  return route === undefined || list === undefined ? undefined : { route, list }
}
