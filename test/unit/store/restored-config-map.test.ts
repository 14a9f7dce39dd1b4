import t from 'tap'
import { KubeError } from '../../../src/kube/kube-api.ts'
import { MemoryConfigMapApi, openStore, settled } from '../../helpers/memory-config-map.ts'

t.test('a list is believed when its resourceVersion is an older one, and so are the events after it', async t => {
  const api = new MemoryConfigMapApi()
  const old = api.put({ value: 'in the backup' })
  api.put({ value: 'lost' })
  const { store, told, log, clock } = await openStore(api)
  api.stored = old
  api.revision = Number(old.metadata.resourceVersion)
  api.breakWatch()
  await settled()
  clock.advance(1_000)
  await settled()
  t.same([await store.read(), store.status().state], [{ value: 'in the backup', version: old.metadata.resourceVersion }, 'synced'])
  t.match(log.at('warn').map(({ message }) => message), [/can't be read/, /an older version .* restore from a backup/])
  api.tell('MODIFIED', api.put({ value: 'after it' }))
  await settled()
  t.same(told, ['lost', 'in the backup', 'after it'])
  t.match(await store.compareAndSwap((await store.read()).version, 'ours'), { ok: true })
  await store.close()
})

t.test('what a restored etcd says differently under the same resourceVersion is news', async t => {
  const api = new MemoryConfigMapApi()
  const lost = api.put({ value: 'lost' })
  const { store, told, clock } = await openStore(api)
  const { version } = await store.read()
  api.stored = { ...lost, data: { value: 'other' } }
  api.breakWatch()
  await settled()
  clock.advance(1_000)
  await settled()
  t.same(told, ['lost', 'other'])
  const after = await store.read()
  t.not(after.version, version)
  t.match(await store.compareAndSwap(version, 'from what is lost'), { ok: false })
  t.match(await store.compareAndSwap(after.version, 'ours'), { ok: true })
  await store.close()
})

t.test('a list that began before our write and does not know it is not believed but read again', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'before' })
  const { store, told, clock } = await openStore(api)
  api.beforeListed = async () => {
    api.beforeListed = undefined
    t.match(await store.compareAndSwap((await store.read()).version, 'ours'), { ok: true })
  }
  api.breakWatch()
  await settled()
  clock.advance(1_000)
  await settled()
  t.same(told, ['before', 'ours'])
  t.equal((await store.read()).value, 'ours')
  await store.close()
})

t.test('a list that does not know our write is not believed when it can\'t be read again, until it can', async t => {
  const api = new MemoryConfigMapApi()
  const old = api.put({ value: 'before' })
  const { store, clock } = await openStore(api)
  api.beforeListed = async () => {
    api.beforeListed = undefined
    t.match(await store.compareAndSwap((await store.read()).version, 'ours'), { ok: true })
    api.unreadable = new KubeError('network', 'cut off')
  }
  api.breakWatch()
  await settled()
  clock.advance(400)
  await settled()
  t.match([store.status(), (await store.read()).value], [{ state: 'stale', detail: 'cut off' }, 'ours'])
  api.unreadable = undefined
  api.stored = old
  clock.advance(1_000)
  await settled()
  t.match([store.status().state, (await store.read()).value], ['synced', 'before'])
  await store.close()
  t.equal(clock.pending, 0)
})

t.test('a write whose answer comes after the server went back is looked for', async t => {
  const api = new MemoryConfigMapApi()
  const old = api.put({ value: 'in the backup' })
  api.put({ value: 'lost' })
  const { store, clock } = await openStore(api)
  api.beforeAnswer = async () => {
    api.beforeAnswer = undefined
    api.stored = old
    api.breakWatch()
    await settled()
    clock.advance(1_000)
    await settled()
  }
  await t.rejects(store.compareAndSwap((await store.read()).version, 'ours'), { code: 'unavailable' })
  t.equal((await store.read()).value, 'in the backup')
  await store.close()
})

t.test('a server that goes back without ending its watches is looked at', async t => {
  const api = new MemoryConfigMapApi()
  api.put({ value: 'lost' })
  const { store, told } = await openStore(api)
  api.revision = 3
  api.tell('MODIFIED', api.put({ value: 'restored' }))
  await settled()
  api.tell('MODIFIED', api.put({ value: 'after it' }))
  await settled()
  t.same(told, ['lost', 'restored', 'after it'])
  await store.close()
})
