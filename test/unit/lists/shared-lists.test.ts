import t from 'tap'
import { createListConfigMapCodec } from '../../../src/lists/list-config-map.ts'
import { MemberList } from '../../../src/lists/member-list.ts'
import { StateListStore } from '../../../src/lists/state-list-store.ts'
import { ConfigMapStore } from '../../../src/store/config-map-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { LIST_CONFIG, listBench } from '../../helpers/list-bench.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { MemoryConfigMapApi, settled } from '../../helpers/memory-config-map.ts'
import { takeOver } from '../../helpers/take-over.ts'

const META = { actor: 'ops', reason: '' }
const BETA = { route: 'hello', list: 'beta' }

/** A replica whose lists are in the ConfigMap. */
async function replica (api: MemoryConfigMapApi, config = LIST_CONFIG, clock = new FakeClock()) {
  const log = new ListLog()
  const store = new StateListStore(new ConfigMapStore({
    api, name: 'weir-state-lists', namespace: 'weir', codec: createListConfigMapCodec(), clock, random: () => 0, log, onRefused: () => {}
  }), log)
  const bench = await listBench({ store, clock }, config)
  await settled()
  return { ...bench, log, store }
}

t.test('what one replica changes, the others follow', async t => {
  const [api, other] = [new MemoryConfigMapApi(), new MemoryConfigMapApi()]
  const first = await replica(api)
  const second = await replica(other)
  t.ok(first.book.isKnown)
  t.match(await first.book.add(BETA, 'user-1', META), { ok: true, members: 1 })
  t.notOk(second.has('beta', 'user-1'))
  other.stored = api.stored
  other.tell('ADDED', api.stored)
  await settled()
  t.ok(second.has('beta', 'user-1'))
  t.same(second.changes, [], 'who has changed it says so')
  t.match(await second.book.remove(BETA, 'user-1', META), { ok: true, members: 0 })
  t.notOk(second.has('beta', 'user-1'))
  await first.book.close()
  await second.book.close()
})

t.test('of two changes at once none is lost', async t => {
  const api = new MemoryConfigMapApi()
  const { book, has } = await replica(api)
  await book.add(BETA, 'user-1', META)
  const binaryData = createListConfigMapCodec().encode(new Map([['hello.LIST.beta', MemberList.of(['user-1', 'user-2'])]]))
  api.stored = { ...api.put({}), binaryData }
  t.match(await book.add(BETA, 'user-3', META), { ok: true, added: 1, members: 3 })
  t.ok(['user-1', 'user-2', 'user-3'].every(id => has('beta', id)))
  await book.close()
})

t.test('a change that loses against many others in a row is made all the same', async t => {
  const api = new MemoryConfigMapApi()
  const { book } = await replica(api)
  await book.add(BETA, 'user-1', META)
  const replace = api.replace.bind(api)
  let lost = 0
  api.replace = async (name, body) => {
    // Each time somebody else was faster.
    if (lost < 50) {
      lost++
      api.stored = { ...api.put({}), binaryData: createListConfigMapCodec().encode(new Map([['hello.LIST.beta', MemberList.of(['user-1', `other-${lost}`])]])) }
    }
    return await replace(name, body)
  }
  t.match(await book.add(BETA, 'user-2', META), { ok: true, members: 3 })
  t.equal(lost, 50)
  await book.close()
})

t.test('a change that loses against others has four seconds for all of its tries', async t => {
  const api = new MemoryConfigMapApi()
  const clock = new FakeClock()
  const { book, has } = await replica(api, LIST_CONFIG, clock)
  await book.add(BETA, 'user-1', META)
  const replace = api.replace.bind(api)
  let lost = 0
  api.replace = async (name, body) => {
    // Each time somebody else was faster, and the answer took a while.
    lost++
    api.stored = { ...api.put({}), binaryData: createListConfigMapCodec().encode(new Map([['hello.LIST.beta', MemberList.of([`other-${lost}`])]])) }
    clock.advance(850)
    return await replace(name, body)
  }
  t.match(await book.add(BETA, 'user-2', META), { ok: false, code: 'store_failed', message: 'others change the lists all the time; nothing was changed, try again' })
  t.equal(lost, 5)
  t.notOk(has('beta', 'user-2'))
  t.equal(clock.nowMs(), 4_250)
  await book.close()
})

t.test('of many changes at once through one replica none is refused', async t => {
  const api = new MemoryConfigMapApi()
  const { book } = await replica(api, { ...LIST_CONFIG, limits: { maxListMembers: 30 } })
  const results = await Promise.all(Array.from({ length: 30 }, async (_, index) => await book.add(BETA, `user-${index}`, META)))
  t.ok(results.every(({ ok }) => ok))
  t.equal(book.list(BETA)?.members.size, 30)
  await book.close()
})

t.test('who has no list does not ask for the ConfigMap, and what can\'t be read changes nothing', async t => {
  const api = new MemoryConfigMapApi()
  const log = new ListLog()
  const store = new StateListStore(new ConfigMapStore({
    api, name: 'weir-state-lists', namespace: 'weir', codec: createListConfigMapCodec(), clock: new FakeClock(), random: () => 0, log, onRefused: () => {}
  }), log)
  const { book, has } = await listBench({ store }, { ...LIST_CONFIG, routes: [{ name: 'hello', lists: [] }] })
  await settled()
  t.equal(book.status().state, 'starting')
  t.ok(book.isKnown, 'there is nothing to know')
  const change = await book.prepare(LIST_CONFIG)
  change.commit()
  change.settle()
  t.notOk(book.isKnown)
  t.match(await book.add(BETA, 'user-1', META), { ok: false, code: 'store_failed', message: 'the ConfigMap weir-state-lists can\'t be read: it has not been read yet; nothing was changed' }, 'before it was read')
  await settled()
  t.ok(book.isKnown)
  await book.add(BETA, 'user-1', META)
  api.stored = { ...api.put({}), binaryData: { 'hello.LIST.beta': 'H4sI' } }
  api.tell('MODIFIED', api.stored)
  await settled()
  t.equal(book.status().state, 'refused')
  t.ok(has('beta', 'user-1'), 'the last good members')
  await book.close()
})

t.test('what is stored of lists that are not configured any more is named, and comes back with them', async t => {
  const { book } = await replica(new MemoryConfigMapApi())
  await book.add(BETA, 'user-1', META)
  await book.add({ route: 'hello', list: 'team' }, 'user-2', META)
  t.same(await book.kept('hello'), [])
  await takeOver(await book.prepare({ ...LIST_CONFIG, routes: [{ name: 'hello', lists: LIST_CONFIG.routes[0]?.lists.slice(1) ?? [] }] }))
  t.same(await book.kept('hello'), ['beta'])
  t.match(await book.add(BETA, 'user-3', META), { ok: false, code: 'unknown_list' })
  await takeOver(await book.prepare(LIST_CONFIG))
  t.same(await book.kept('hello'), [])
  t.same(book.list(BETA)?.members.ids, ['user-1'])
  await book.close()
})
