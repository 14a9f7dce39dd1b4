import t from 'tap'
import { KubeError } from '../../../src/kube/kube-api.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { MemoryConfigMapApi, openStore, settled } from '../../helpers/memory-config-map.ts'

async function opened () {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'there' })
  return await openStore(api)
}

function refused (status: number, message: string, more: { readonly retryAfterMs?: number, readonly isStatus?: boolean } = {}): KubeError {
  return new KubeError('status', message, { status, ...more })
}

t.test('a server that refuses every write as a conflict though nothing has changed is asked ever more slowly, and not for longer than the change', async t => {
  const { api, store, clock } = await opened()
  api.refusal = refused(409, 'the webhook of somebody says no')
  const swap = store.compareAndSwap((await store.read()).version, 'ours', 4_000)
  const rejected = t.rejects(swap, { code: 'unavailable', message: /the webhook of somebody says no/, advice: /says no; nothing was changed$/ })
  for (let ms = 0; ms < 4_000; ms += 10) {
    await settled()
    clock.advance(10)
  }
  await rejected
  t.ok(api.writes > 5 && api.writes < 30, `${api.writes} writes`)
  await store.close()
})

t.test('a conflict goes on once the server lets the write through', async t => {
  const { api, store, clock } = await opened()
  api.refusal = refused(409, 'not now')
  const swap = store.compareAndSwap((await store.read()).version, 'ours')
  await settled()
  api.refusal = undefined
  clock.advance(25)
  t.match(await swap, { ok: true })
  await store.close()
})

t.test('what somebody else has written while a refused write waits is a conflict', async t => {
  const { api, store, clock } = await opened()
  api.refusal = refused(409, 'not now')
  const swap = store.compareAndSwap((await store.read()).version, 'ours')
  await settled()
  api.tell('MODIFIED', api.put({ value: 'theirs' }))
  await settled()
  clock.advance(25)
  t.match(await swap, { ok: false, current: { value: 'theirs' } })
  t.equal(api.writes, 1)
  await store.close()
})

t.test('a write that finds what somebody else has written is a conflict at once', async t => {
  const { api, store, clock } = await opened()
  const { version } = await store.read()
  api.put({ value: 'theirs' })
  const pending = clock.pending
  t.match(await store.compareAndSwap(version, 'ours'), { ok: false, current: { value: 'theirs' } })
  t.equal(clock.pending, pending)
  await store.close()
})

t.test('429 is tried again after its Retry-After, if that is within the time of the change', async t => {
  const { api, store, clock } = await opened()
  api.refusal = refused(429, 'too many', { retryAfterMs: 1_000 })
  const { version } = await store.read()
  const swap = store.compareAndSwap(version, 'ours')
  await settled()
  clock.advance(900)
  await settled()
  t.equal(api.writes, 1)
  api.refusal = undefined
  clock.advance(100)
  t.match(await swap, { ok: true })
  api.refusal = refused(429, 'far too many', { retryAfterMs: 5_000 })
  await t.rejects(store.compareAndSwap((await store.read()).version, 'more'), { code: 'unavailable', advice: /far too many; nothing was changed/ })
  await store.close()
})

t.test('the answer to a change has what the server says, and whether anything may have been made', async t => {
  const { api, store } = await opened()
  for (const [refusal, code, advice] of [
    [refused(403, 'exceeded quota: objects'), 'not-permitted', /exceeded quota: objects; nothing was changed$/],
    [refused(422, 'is invalid'), 'not-permitted', /is invalid; nothing was changed$/],
    [refused(410, 'is gone'), 'not-permitted', /is gone; nothing was changed$/],
    [refused(413, 'is too large'), 'too-large', /is too large; nothing was changed$/],
    [refused(503, 'shutting down', { isStatus: true }), 'unavailable', /shutting down; nothing was changed$/],
    [refused(503, 'of a proxy'), 'unavailable', undefined],
    [refused(504, 'etcd'), 'unavailable', undefined]
  ] as const) {
    api.refusal = refusal
    const thrown: unknown = await store.compareAndSwap((await store.read()).version, 'x').catch((error: unknown) => error)
    t.match(thrown, { code, message: refusal.message })
    if (advice === undefined) t.match(thrown, { advice: undefined })
    else t.match(thrown, { advice })
  }
  await store.close()
})

t.test('a store that can be read but not written is stale since the first write that failed, until one goes through', async t => {
  const { api, store, clock, log } = await opened()
  const since = new Date(clock.wallMs()).toISOString()
  api.refusal = refused(403, 'exceeded quota')
  await t.rejects(store.compareAndSwap((await store.read()).version, 'ours'))
  t.same(store.status(), { state: 'stale', detail: `it can't be written since ${since}: exceeded quota` })
  clock.advance(12_000)
  await settled()
  api.tell('MODIFIED', api.put({ value: 'theirs' }))
  await settled()
  t.match(store.status(), { state: 'stale', detail: `it can't be written since ${since}: exceeded quota` })
  t.equal(api.writes, 2, 'it was tried once more')
  api.refusal = undefined
  t.match(await store.compareAndSwap((await store.read()).version, 'ours'), { ok: true })
  t.equal(store.status().state, 'synced')
  t.match(log.at('info'), [{ message: 'the traffic state in Kubernetes can be written again' }])
  await store.close()
  t.equal(clock.pending, 0)
})

t.test('a store that can be written again is found so without a change, and nothing in it changes', async t => {
  const { api, store, clock, told } = await opened()
  api.nextWrite = { error: new KubeError('timeout', 'no answer'), made: false }
  await t.rejects(store.compareAndSwap((await store.read()).version, 'ours'))
  t.match(store.status(), { state: 'stale', detail: /no answer/ })
  clock.advance(12_000)
  await settled()
  t.equal(store.status().state, 'synced')
  t.match(api.stored, { data: { value: 'there' } })
  t.same(new Set(told), new Set(['there']))
  await store.close()
})

t.test('an etcd without space is not taken for well before something new was written', async t => {
  const { api, store, clock } = await opened()
  api.nextWrite = { error: refused(500, 'etcdserver: mvcc: database space exceeded'), made: false }
  await t.rejects(store.compareAndSwap((await store.read()).version, 'ours'))
  clock.advance(12_000)
  await settled()
  t.match([store.status().state, api.writes], ['stale', 1])
  api.tell('MODIFIED', api.put({ value: 'theirs' }))
  await settled()
  t.equal(store.status().state, 'synced')
  await store.close()
})

t.test('a deleted object that can\'t be made again is not synced, and is tried again', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'there' })
  const leadership = new FakeLeadership('holder')
  const { store, clock } = await openStore(api, leadership)
  api.refusal = refused(403, 'exceeded quota')
  const gone = api.stored
  api.stored = undefined
  api.tell('DELETED', gone)
  await settled()
  t.match(store.status(), { state: 'stale', detail: /exceeded quota/ })
  api.refusal = undefined
  clock.advance(12_000)
  await settled()
  const again = await api.get()
  t.match([store.status().state, again], ['synced', { data: { value: 'there' } }])
  leadership.become('follower')
  api.tell('ADDED', again)
  await settled()
  api.stored = undefined
  api.tell('DELETED', again)
  await settled()
  t.match(store.status(), { state: 'stale', detail: /was deleted and has not been written again/ })
  await store.close()
})

t.test('binaryData of others stays, but for a key that is Weir\'s, and so does immutable', async t => {
  const api = new MemoryConfigMapApi()
  api.stored = { ...api.put({ value: 'there' }), binaryData: { logo: 'AAAA', value: 'AAAA' }, immutable: false }
  const { store } = await openStore(api)
  t.match(await store.compareAndSwap((await store.read()).version, 'ours'), { ok: true })
  t.same([api.stored.data, api.stored.binaryData, api.stored.immutable], [{ value: 'ours' }, { logo: 'AAAA' }, false])
  await store.close()
})
