import t from 'tap'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import type { Versioned } from '../../../src/store/state-store.ts'

const open = (initial: string) => new MemoryStore(initial, error => { throw error })

t.test('a swap with the version that was read is made and seen by the next read', async t => {
  const store = open('a')
  const before = await store.read()
  t.equal(before.value, 'a')
  const swapped = await store.compareAndSwap(before.version, 'b')
  t.ok(swapped.ok)
  t.same(await store.read(), { value: 'b', version: swapped.ok ? swapped.version : '' })
  t.not((await store.read()).version, before.version)
})

t.test('a swap with an old version is refused and tells what is there', async t => {
  const store = open('a')
  const { version } = await store.read()
  await store.compareAndSwap(version, 'b')
  const late = await store.compareAndSwap(version, 'c')
  t.same(late, { ok: false, reason: 'conflict', current: await store.read() })
  t.equal((await store.read()).value, 'b')
})

t.test('watchers hear every commit in order until they stop, and nothing of refused swaps', async t => {
  const store = open('a')
  const heard: Versioned<string>[] = []
  const stop = store.watch(current => { heard.push(current) })
  const first = await store.read()
  await store.compareAndSwap(first.version, 'b')
  await store.compareAndSwap(first.version, 'refused')
  await store.compareAndSwap((await store.read()).version, 'c')
  stop()
  await store.compareAndSwap((await store.read()).version, 'd')
  t.same(heard.map(({ value }) => value), ['b', 'c'])
})

t.test('a watcher that throws keeps nobody else from hearing', async t => {
  const errors: unknown[] = []
  const store = new MemoryStore('a', error => { errors.push(error) })
  const heard: string[] = []
  store.watch(() => { throw new Error('broken') })
  store.watch(({ value }) => { heard.push(value) })
  t.ok((await store.compareAndSwap((await store.read()).version, 'b')).ok)
  t.same(heard, ['b'])
  t.match(errors, [{ message: 'broken' }])
})

t.test('after closing, every operation fails with a clear error', async t => {
  const store = open('a')
  await store.close()
  await t.rejects(store.read(), { name: 'StoreError', code: 'closed' })
  await t.rejects(store.compareAndSwap('0', 'b'), { name: 'StoreError', code: 'closed' })
})
