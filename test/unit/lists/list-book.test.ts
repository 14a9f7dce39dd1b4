import { join } from 'node:path'
import t from 'tap'
import { FileListStore } from '../../../src/lists/file-list-store.ts'
import { noLists, StateListStore } from '../../../src/lists/state-list-store.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { StoreError } from '../../../src/store/state-store.ts'
import { LIST_CONFIG, listBench, memoryLists, pieces } from '../../helpers/list-bench.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { settled } from '../../helpers/memory-config-map.ts'
import { takeOver } from '../../helpers/take-over.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const META = { actor: 'ops', reason: 'beta testers' }
const BETA = { route: 'hello', list: 'beta' }
const IMPORT = { ...META, replaces: false }

t.test('a member is put on a list and taken off it, in the table of the workers without a message', async t => {
  const { book, told, changes, has } = await listBench()
  t.same(told, ['hello/beta', 'hello/team', 'hello/office'])
  t.same(await book.add(BETA, 'jörg', META), { ok: true, added: 1, removed: 0, members: 1 })
  t.ok(has('beta', 'jörg'))
  t.notOk(has('team', 'jörg'))
  t.same(await book.add(BETA, 'jörg', META), { ok: true, added: 0, removed: 0, members: 1 }, 'again')
  t.same(await book.remove(BETA, 'jörg', META), { ok: true, added: 0, removed: 1, members: 0 })
  t.notOk(has('beta', 'jörg'))
  t.same(await book.remove(BETA, 'jörg', META), { ok: true, added: 0, removed: 0, members: 0 }, 'again')
  t.equal(told.length, 3)
  t.same(changes, [
    { ...BETA, action: 'add', member: 'jörg', ...META, added: 1, removed: 0, members: 1 },
    { ...BETA, action: 'remove', member: 'jörg', ...META, added: 0, removed: 1, members: 0 }
  ], 'what changes nothing is no change')
})

t.test('what no request can bring is refused', async t => {
  const { book } = await listBench()
  const faultOf = async (list: string, id: string): Promise<string> => {
    const result = await book.add({ route: 'hello', list }, id, META)
    return result.ok ? '' : `${result.code}: ${result.message}`
  }
  for (const id of ['', 'x'.repeat(257), 'a\nb', '\u0000', '\ud800', '\u0085', 'a\tb', '\u2028', ' a', 'a ', '.', '..']) t.match(await faultOf('beta', id), /^invalid_member: the member /, Buffer.from(id).toString('hex'))
  t.equal(await faultOf('beta', '\u00a0a\ufeff'), '', 'what is white space elsewhere is none in HTTP')
  for (const id of ['a;b', '"a"']) t.match(await faultOf('team', id), 'a cookie', id)
  for (const id of ['10.0.0.0/8', 'fe80::1%eth0', 'example.com', '10.0.0.256']) t.match(await faultOf('office', id), /^invalid_member: the member is (a network|no IP address)/, id)
  t.equal(await faultOf('office', '2001:DB8:0::1'), '')
  t.same(book.list({ route: 'hello', list: 'office' })?.members.ids, ['2001:db8::1'], 'in the spelling of the client')
  t.match(await faultOf('gamma', 'a'), 'unknown_list: the route has no list "gamma"; it has "beta", "team", "office"')
  t.match(await book.add({ route: 'nobody', list: 'beta' }, 'a', META), { ok: false, code: 'unknown_route' })
})

t.test('a list has no more members than it may have', async t => {
  const { book, has } = await listBench()
  for (const id of ['a', 'b', 'c', 'd', 'e']) await book.add(BETA, id, META)
  t.match(await book.add(BETA, 'f', META), { ok: false, code: 'list_full', message: 'the list would have 6 members, and may have 5; remove some, or raise limits.maxListMembers' })
  t.match(await book.import(BETA, pieces('"f"\n'), IMPORT), { ok: false, code: 'list_full' })
  t.notOk(has('beta', 'f'))
  t.match(await book.import(BETA, pieces('"f"\n"a"\n'), { ...IMPORT, replaces: true }), { ok: true, added: 1, removed: 4, members: 2 })
})

t.test('an import adds, or replaces, in one step', async t => {
  const { book, changes, has } = await listBench()
  await book.add(BETA, 'old', META)
  t.same(await book.import(BETA, pieces('"a"\n{"id": "b"}\r\n\n', '"', 'a"'), IMPORT), { ok: true, added: 2, removed: 0, members: 3 })
  t.ok(['old', 'a', 'b'].every(id => has('beta', id)))
  t.same(await book.import(BETA, pieces('"a"'), IMPORT), { ok: true, added: 0, removed: 0, members: 3 })
  t.same(await book.import(BETA, pieces('"c"'), { ...IMPORT, replaces: true }), { ok: true, added: 1, removed: 3, members: 1 })
  t.same(['old', 'a', 'b', 'c'].map(id => has('beta', id)), [false, false, false, true])
  t.same(await book.import(BETA, pieces(''), { ...IMPORT, replaces: true }), { ok: true, added: 0, removed: 1, members: 0 })
  t.match(changes.slice(1), [{ action: 'import', added: 2 }, { action: 'import', removed: 3 }, { action: 'import', removed: 1 }])
})

t.test('a bad line is named, and nothing of its import is taken over', async t => {
  const { book, has } = await listBench()
  const faultOf = async (list: string, ...texts: ReadonlyArray<string | Uint8Array>): Promise<string> => {
    const result = await book.import({ route: 'hello', list }, pieces(...texts), IMPORT)
    return result.ok ? '' : `${result.code}: ${result.message}`
  }
  const good = '"a"\n"b"\n'
  t.equal(await faultOf('beta', good, 'user-3\n'), 'invalid_import: line 3 is not JSON; a member is written "user-1" or {"id": "user-1"}: user-3; nothing was imported')
  t.match(await faultOf('beta', good, '{"name": "c"}\n'), 'line 3 has no text')
  t.match(await faultOf('beta', good, '\n{"id": "c", "version": "canary"}\n'), 'line 4 has "version" beside "id"')
  t.match(await faultOf('beta', good, '17\n'), 'line 3 has no text')
  t.match(await faultOf('beta', good, '["c"]\n'), 'line 3 has no text')
  t.match(await faultOf('beta', good, '" c"\n'), 'line 3 has a member that has a space')
  t.match(await faultOf('beta', good, new Uint8Array([0x22, 0xff, 0x22, 0x0a])), 'line 3 is not UTF-8')
  t.match(await faultOf('beta', good, 'x'.repeat(5_000)), 'line 3 is longer than 4096 bytes')
  t.match(await faultOf('beta', good, '"', 'x'.repeat(4_000), 'x'.repeat(4_000)), 'line 3 is longer than 4096 bytes')
  t.match(await faultOf('beta', good, '"c'), 'line 3 is not JSON')
  t.match(await faultOf('office', '"192.0.2.1"\n"192.0.2.0/24"\n'), 'line 2 has a member that is a network')
  t.notOk(has('beta', 'a'))
})

t.test('ten million members are refused when the first is seen that is too many', async t => {
  const { book } = await listBench()
  let taken = 0
  async function * endless (): AsyncGenerator<Uint8Array> {
    for (let id = 0; id < 10_000_000; id++) {
      taken++
      yield Buffer.from(`"user-${id}"\n`)
    }
  }
  t.match(await book.import(BETA, endless(), IMPORT), { ok: false, code: 'list_full', message: 'line 6 is the 6th member; a list may have 5 (limits.maxListMembers)' })
  t.equal(taken, 6)
  async function * theSame (): AsyncGenerator<Uint8Array> {
    const line = Buffer.from(`"user-1"${' '.repeat(4_000)}\n`)
    for (;;) yield line
  }
  t.match(await book.import(BETA, theSame(), IMPORT), { ok: false, code: 'list_full', message: /^the import has more than 67108864 bytes/ })
})

t.test('a reload adds lists, forgets those of others, and leaves the table of one that stays', async t => {
  const { book, tables, told, has } = await listBench()
  await book.add(BETA, 'a', META)
  const table = tables.get('hello/beta')
  const beta = { name: 'beta', version: 'stable', by: 'cookie' as const, cookie: 'user' }
  const change = await book.prepare({ routes: [{ name: 'hello', lists: [beta, { name: 'new', version: 'canary', by: 'client-ip' as const }] }], limits: { maxListMembers: 9 } })
  t.equal(book.list({ route: 'hello', list: 'new' }), undefined, 'not yet')
  await takeOver(change)
  t.match(book.lists('hello'), [{ spec: { name: 'beta', version: 'stable', by: 'cookie', field: 'user' }, maxMembers: 9 }, { spec: { name: 'new' } }])
  t.same(told.slice(3), ['hello/new'])
  t.equal(tables.get('hello/beta'), table)
  t.ok(has('beta', 'a'))
  await takeOver(await book.prepare({ ...LIST_CONFIG, routes: [] }))
  await takeOver(await book.prepare(LIST_CONFIG))
  t.notOk(has('beta', 'a'), 'in memory, members do not outlive their list')
})

t.test('an import under way is refused when a reload takes its list out of the configuration, and the list keeps its members', async t => {
  const directory = await temporaryDirectory(t)
  const store = new FileListStore({ statePath: join(directory, 'state.json'), clock: new FakeClock(), log: new ListLog() })
  const { book, changes } = await listBench({ store })
  t.teardown(async () => { await book.close() })
  await book.add(BETA, 'first', META)
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const slow = async function * (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('"second"\n')
    await arrived
  }
  const result = book.import(BETA, slow(), IMPORT)
  await takeOver(await book.prepare({ ...LIST_CONFIG, routes: [{ name: 'hello', lists: [] }] }))
  arrive()
  t.match(await result, { ok: false, code: 'unknown_list' })
  await takeOver(await book.prepare(LIST_CONFIG))
  t.same(book.list(BETA)?.members.ids, ['first'])
  t.equal(changes.length, 1)
})

t.test('a reload that is given up changes nothing', async t => {
  const { book, has, told } = await listBench()
  const change = await book.prepare({ routes: [], limits: { maxListMembers: 1 } })
  change.commit()
  await change.discard()
  await book.add(BETA, 'a', META)
  t.ok(has('beta', 'a'))
  t.equal(told.length, 3)
})

t.test('what the store does not take is refused, and nothing has changed', async t => {
  let fault = new StoreError('io', 'x')
  const { book, has, failures } = await listBench({ store: Object.assign(memoryLists(), { change: async () => { throw fault } }) })
  const refusalOf = async (error: StoreError) => {
    fault = error
    return await book.add(BETA, 'a', META)
  }
  t.match(await refusalOf(new StoreError('no-space', '/secret/path failed')), { ok: false, code: 'store_failed', message: 'the list can\'t be stored: no space is left; nothing was changed' })
  t.match(await refusalOf(new StoreError('unavailable', 'the ConfigMap can\'t be written')), { code: 'store_failed', message: /it may be made all the same/ })
  t.match(await refusalOf(new StoreError('too-large', 'x', { advice: 'remove some' })), { code: 'list_full', message: 'remove some' })
  t.same(failures, [{ ...BETA, message: '/secret/path failed' }, { ...BETA, message: 'the ConfigMap can\'t be written' }], 'for the log')
  t.notOk(has('beta', 'a'))
})

t.test('a store that does not answer keeps nobody waiting for more than five seconds; what waits behind it is not made later', async t => {
  const clock = new FakeClock()
  const store = new MemoryStore(noLists(), error => { throw error })
  const hanging = Promise.withResolvers<undefined>()
  const swap = store.compareAndSwap.bind(store)
  store.compareAndSwap = async (version, value) => {
    await hanging.promise
    return await swap(version, value)
  }
  const { book, changes } = await listBench({ store: new StateListStore(store, new ListLog()), clock })
  const answers = ['first', 'second'].map(async user => await book.add(BETA, user, META))
  await settled()
  clock.advance(5_000)
  t.match(await Promise.all(answers), [
    { ok: false, code: 'store_failed', message: /^the store of the lists has not answered; it may be made all the same: read the list again$/ },
    { ok: false, code: 'store_failed' }
  ])
  hanging.resolve(undefined)
  await settled()
  t.same(book.list(BETA)?.members.ids, ['first'])
  t.match(changes, [{ action: 'add', member: 'first' }], 'what is made late is told')
  await book.close()
})
