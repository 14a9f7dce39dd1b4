import t from 'tap'
import { KubeError } from '../../../src/kube/kube-api.ts'
import { ConfigMapStore } from '../../../src/store/config-map-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { MemoryConfigMapApi, openStore, settled, TEXT_CODEC } from '../../helpers/memory-config-map.ts'

t.test('before the first list nothing can be read or written, and after it both', async t => {
  const store = new ConfigMapStore<string>({
    api: new MemoryConfigMapApi(), name: 'state', namespace: 'weir', codec: TEXT_CODEC, clock: new FakeClock(), random: () => 0, log: new ListLog(), onRefused: () => {}
  })
  t.equal(store.status().state, 'starting')
  await t.rejects(store.read(), { code: 'unavailable' })
  await t.rejects(store.compareAndSwap('', 'x'), { code: 'unavailable' })
  const { store: opened } = await openStore()
  t.same([opened.status().state, await opened.read()], ['synced', { value: 'nothing', version: '' }])
  t.match(await opened.compareAndSwap('', 'first'), { ok: true })
  t.match(await opened.compareAndSwap('', 'second'), { ok: false, reason: 'conflict', current: { value: 'first' } })
  await opened.close()
  await t.rejects(opened.read(), { code: 'closed' })
})

t.test('the log tells why it cannot be read, each reason once, and when it can be again', async t => {
  const api = new MemoryConfigMapApi()
  const refusal = (message: string) => async (): Promise<void> => { throw new KubeError('status', message, { status: 403 }) }
  api.beforeListed = refusal('forbidden')
  const { store, log, clock } = await openStore(api)
  const triesAgain = async (): Promise<void> => {
    clock.advance(60_000)
    await settled()
  }
  await triesAgain()
  t.match(log.events, [{ level: 'warn', message: /can't be read; nothing has been read yet/, fields: { configMap: 'state', error: /forbidden/ } }])
  t.equal(log.events.length, 1)
  api.beforeListed = undefined
  await triesAgain()
  t.match(log.events.slice(1), [{ level: 'info', message: /can be read again/, fields: { configMap: 'state', failures: 2 } }])
  api.beforeListed = refusal('revoked')
  api.breakWatch()
  await settled()
  await triesAgain()
  t.match(log.events.at(-1), { level: 'warn', message: /what was read last is used/, fields: { error: /revoked/ } })
  await store.close()
})

t.test('what others write behind a write is not lost when the watch is faster than the answer', async t => {
  const { api, store, told } = await openStore()
  const first = await store.compareAndSwap('', 'ours')
  if (!first.ok) throw new Error('refused')
  api.beforeAnswer = async () => {
    api.beforeAnswer = undefined
    api.tell('MODIFIED', api.stored)
    api.tell('MODIFIED', api.put({ value: 'theirs, on top of it' }))
    await settled()
  }
  t.match(await store.compareAndSwap(first.version, 'ours again'), { ok: true })
  t.match(await store.read(), { value: 'theirs, on top of it', version: String(api.revision) })
  t.equal(told.at(-1), 'theirs, on top of it')
  await store.close()
})

t.test('an event that is older than what is known changes nothing', async t => {
  const { api, store, told } = await openStore()
  const old = api.put({ value: 'old' })
  const newer = api.put({ value: 'new' })
  api.tell('ADDED', newer)
  api.tell('MODIFIED', old)
  await settled()
  t.equal((await store.read()).value, 'new')
  t.same(told, ['nothing', 'new'])
  await store.close()
})

t.test('a write without an answer is looked for: made, not made, or not to be known', async t => {
  const { api, store } = await openStore()
  const broken = new KubeError('network', 'the connection broke')
  const first = await store.compareAndSwap('', 'one')
  if (!first.ok) throw new Error('refused')
  api.nextWrite = { error: broken, made: true }
  const second = await store.compareAndSwap(first.version, 'two')
  t.match(second, { ok: true, version: String(api.revision) })
  if (!second.ok) throw new Error('refused')
  api.nextWrite = { error: broken, made: false }
  await t.rejects(store.compareAndSwap(second.version, 'three'), { code: 'unavailable', message: /the connection broke/ })
  t.match(await store.read(), { value: 'two' })
  api.nextWrite = { error: broken, made: false }
  api.get = async () => { throw broken }
  await t.rejects(store.compareAndSwap(second.version, 'three'), { code: 'unavailable' })
  await store.close()
})

t.test('refusals are told by what helps', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'there' })
  const { store } = await openStore(api)
  for (const [status, message, code] of [
    [403, 'forbidden', 'not-permitted'], [413, 'too large', 'too-large'], [422, 'may not be more than 1048576 bytes', 'too-large'],
    [422, 'field is immutable when `immutable` is set', 'not-permitted'], [500, 'etcd', 'unavailable']
  ] as const) {
    api.nextWrite = { error: new KubeError('status', message, { status }), made: false }
    await store.compareAndSwap((await store.read()).version, 'x').then(
      swapped => { if (swapped.ok) t.fail('it was written') },
      (error: unknown) => { t.match(error, { code, message: /the ConfigMap state can't be written/ }, `${status} ${message}`) }
    )
    api.nextWrite = undefined
    await settled()
  }
  await store.close()
})

t.test('what is not ours stays, and what is deleted comes back', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'there', note: 'theirs' }, { labels: { team: 'shop' }, annotations: { a: 'b' } })
  const { store, log } = await openStore(api)
  const { version } = await store.read()
  t.match(await store.compareAndSwap(version, 'changed'), { ok: true })
  t.match(api.stored, { metadata: { labels: { team: 'shop' }, annotations: { a: 'b' } }, data: { value: 'changed', note: 'theirs' } })
  const gone = api.stored
  api.stored = undefined
  api.tell('DELETED', gone)
  await settled()
  t.match(api.stored, { data: { value: 'changed' } })
  t.match(log.at('warn'), [{ message: /was deleted from Kubernetes and has been written again/ }])
  t.match(await store.compareAndSwap((await store.read()).version, 'again'), { ok: true })
  await store.close()
})

t.test('what can\'t be used is refused, told once, and written over', async t => {
  const { api, store, refused, told } = await openStore()
  t.match(await store.compareAndSwap('', 'good'), { ok: true })
  api.tell('MODIFIED', api.put({ other: 'x' }))
  await settled()
  t.same([store.status(), refused], [{ state: 'refused', detail: 'value is missing' }, ['invalid']])
  const { value, version } = await store.read()
  t.equal(value, 'good')
  t.match(await store.compareAndSwap(version, 'better'), { ok: true })
  t.equal(store.status().state, 'synced')
  t.equal(told.at(-1), 'better')
  await store.close()
})

t.test('what is deleted is written again by the holder, or by another replica when that is gone', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'there' })
  const leadership = new FakeLeadership('follower')
  const { store } = await openStore(api, leadership)
  const gone = api.stored
  api.stored = undefined
  api.tell('DELETED', gone)
  await settled()
  t.equal(api.stored, undefined)
  leadership.become('holder')
  await settled()
  t.match(api.stored, { data: { value: 'there' } })
  await store.close()
  t.equal(leadership.listeners, 0)
})

t.test('an etcd that was restored from a backup is believed when something is written', async t => {
  const { api, store } = await openStore()
  const first = await store.compareAndSwap('', 'one')
  if (!first.ok) throw new Error('refused')
  api.revision = 3
  api.put({ value: 'from the backup' })
  t.match(await store.compareAndSwap(first.version, 'two'), { ok: false, current: { value: 'from the backup', version: '4' } })
  t.match(await store.compareAndSwap('4', 'two'), { ok: true })
  t.match(api.stored, { data: { value: 'two' } })
  await store.close()
})

t.test('a write that waits for other requests has no more time than one that does not', async t => {
  const { api, store, clock } = await openStore()
  const first = await store.compareAndSwap('', 'one')
  if (!first.ok) throw new Error('refused')
  const answered = Promise.withResolvers<undefined>()
  const replace = api.replace.bind(api)
  api.replace = async (name, body) => {
    await answered.promise
    return await replace(name, body)
  }
  const before = store.compareAndSwap(first.version, 'two', 60_000)
  const behind = store.compareAndSwap(first.version, 'three')
  await settled()
  clock.advance(4_000)
  answered.resolve(undefined)
  t.match(await before, { ok: true })
  await t.rejects(behind, { code: 'unavailable', advice: /the requests before it take too long; nothing was changed$/ })
  t.match(await store.read(), { value: 'two' })
  await store.close()
})
