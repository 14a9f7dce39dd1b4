import { ListBook, type ListBookDeps } from '../../src/lists/list-book.ts'
import type { ListStore } from '../../src/lists/list-store.ts'
import { noLists, StateListStore } from '../../src/lists/state-list-store.ts'
import { MemberTable } from '../../src/placement/member-table.ts'
import { wireText } from '../../src/routing/plain-request.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { FakeClock } from './fake-clock.ts'
import { takeOver } from './take-over.ts'
import { ListLog } from './list-log.ts'

/** What configures the lists of a test: `hello` has one by header, one by cookie and one by address. */
export const LIST_CONFIG = {
  routes: [{
    name: 'hello',
    lists: [
      { name: 'beta', version: 'canary', by: 'header' as const, header: 'x-user' },
      { name: 'team', version: 'canary', by: 'cookie' as const, cookie: 'sid' },
      { name: 'office', version: 'canary', by: 'client-ip' as const }
    ]
  }],
  limits: { maxListMembers: 5 }
}

export function memoryLists (): ListStore {
  return new StateListStore(new MemoryStore(noLists(), error => { throw error }), new ListLog())
}

/** A ListBook with the lists of a test, and what its workers would read. */
export async function listBench (deps: Partial<ListBookDeps> = {}, config: Parameters<ListBook['prepare']>[0] = LIST_CONFIG) {
  const tables = new Map<string, SharedArrayBuffer>()
  /** How often a table was told. */
  const told: string[] = []
  const changes: object[] = []
  const failures: object[] = []
  const book = new ListBook({
    clock: new FakeClock(),
    store: memoryLists(),
    publish: (route, list, table) => {
      tables.set(`${route}/${list}`, table)
      told.push(`${route}/${list}`)
    },
    key: { low: 7, high: 11 },
    onChange: change => { changes.push(change) },
    onFailure: (ref, { message }) => { failures.push({ ...ref, message }) },
    ...deps
  })
  await takeOver(await book.prepare(config))
  const has = (list: string, id: string): boolean => {
    const memory = tables.get(`hello/${list}`)
    return memory !== undefined && new MemberTable(memory).has(wireText(id))
  }
  return { book, tables, told, changes, failures, has }
}

/** Pieces of a body. */
export async function * pieces (...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text
}
