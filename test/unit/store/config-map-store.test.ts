import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { KubeError, type KubeApi, type KubeObjectApi, type KubeWatchEvent } from '../../../src/kube/kube-api.ts'
import { ConfigMapStore, type ConfigMapCodec } from '../../../src/store/config-map-store.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'

/** One text under one key. */
const CODEC: ConfigMapCodec<string> = {
  initial: 'nothing',
  encode: value => ({ value }),
  decode: data => {
    if (typeof data['value'] !== 'string') throw new Error('value is missing')
    return data['value']
  },
  owns: key => key === 'value'
}

interface Stored {
  readonly metadata: { readonly name: string, readonly uid: string, readonly resourceVersion: string, readonly labels?: unknown, readonly annotations?: unknown }
  readonly data: Readonly<Record<string, unknown>>
}

/** An API server in memory, whose watch is told by the test, so that answers and events come in any order. */
class MemoryApi implements KubeApi, KubeObjectApi {
  stored: Stored | undefined
  revision = 10
  /** What the next write gets instead of its answer; the write is made when `made` is set. */
  nextWrite: { readonly error: KubeError, readonly made: boolean } | undefined
  /** Runs between a write and its answer. */
  beforeAnswer: (() => Promise<void>) | undefined
  readonly #events: KubeWatchEvent[] = []
  #wake = (): void => {}

  put (data: Readonly<Record<string, unknown>>, more: Partial<Stored['metadata']> = {}): Stored {
    this.revision++
    this.stored = { metadata: { name: 'state', uid: this.stored?.metadata.uid ?? `uid-${this.revision}`, ...more, resourceVersion: String(this.revision) }, data }
    return this.stored
  }

  tell (type: string, object: unknown): void {
    this.#events.push({ type, object })
    this.#wake()
  }

  async list () {
    return { resourceVersion: String(this.revision), continueToken: '', items: this.stored === undefined ? [] : [this.stored] }
  }

  async * watch ({ signal, opened }: Parameters<KubeApi['watch']>[0]): AsyncGenerator<KubeWatchEvent, void, undefined> {
    opened?.()
    while (!signal.aborted) {
      const event = this.#events.shift()
      if (event !== undefined) {
        yield event
        continue
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
        signal.addEventListener('abort', () => { resolve() }, { once: true })
      })
    }
    throw KubeError.from(signal.reason)
  }

  async get (): Promise<unknown> {
    if (this.stored === undefined) throw new KubeError('status', 'not found', { status: 404 })
    return this.stored
  }

  async create (_name: unknown, body: unknown): Promise<unknown> {
    if (this.stored !== undefined) throw new KubeError('status', 'already exists', { status: 409 })
    return await this.#write(body)
  }

  async replace (_name: unknown, body: unknown): Promise<unknown> {
    if (this.stored === undefined) throw new KubeError('status', 'not found', { status: 404 })
    // As Weir writes it.
    if ((body as Stored).metadata.resourceVersion !== this.stored.metadata.resourceVersion) throw new KubeError('status', 'modified', { status: 409 })
    return await this.#write(body)
  }

  async #write (body: unknown): Promise<unknown> {
    const { metadata, data } = body as Stored
    const planned = this.nextWrite
    this.nextWrite = undefined
    const { uid: _, ...kept } = metadata
    const written = planned?.made === false ? undefined : this.put(data, kept)
    await this.beforeAnswer?.()
    if (planned !== undefined) throw planned.error
    return written
  }
}

async function settled (): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

async function open (api = new MemoryApi(), leadership = new FakeLeadership('holder')) {
  const log = new ListLog()
  const refused: string[] = []
  const store = new ConfigMapStore<string>({
    api, name: 'state', namespace: 'weir', codec: CODEC, clock: new FakeClock(), random: () => 0, log, leadership, onRefused: reason => { refused.push(reason) }
  })
  const told: string[] = []
  store.watch(({ value }) => { told.push(value) })
  store.start()
  await settled()
  return { api, store, log, refused, told }
}

t.test('before the first list nothing can be read or written, and after it both', async t => {
  const store = new ConfigMapStore<string>({
    api: new MemoryApi(), name: 'state', namespace: 'weir', codec: CODEC, clock: new FakeClock(), random: () => 0, log: new ListLog(), onRefused: () => {}
  })
  t.equal(store.status().state, 'starting')
  await t.rejects(store.read(), { code: 'unavailable' })
  await t.rejects(store.compareAndSwap('', 'x'), { code: 'unavailable' })
  const { store: opened } = await open()
  t.same([opened.status().state, await opened.read()], ['synced', { value: 'nothing', version: '' }])
  t.match(await opened.compareAndSwap('', 'first'), { ok: true })
  t.match(await opened.compareAndSwap('', 'second'), { ok: false, reason: 'conflict', current: { value: 'first' } })
  await opened.close()
  await t.rejects(opened.read(), { code: 'closed' })
})

t.test('what others write behind a write is not lost when the watch is faster than the answer', async t => {
  const { api, store, told } = await open()
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
  const { api, store, told } = await open()
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
  const { api, store } = await open()
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
  const api = new MemoryApi()
  api.put({ value: 'there' })
  const { store } = await open(api)
  for (const [status, message, code] of [
    [403, 'forbidden', 'not-permitted'], [413, 'too large', 'too-large'], [422, 'may not be more than 1048576 bytes', 'too-large'],
    [422, 'field is immutable when `immutable` is set', 'not-permitted'], [429, 'too many', 'unavailable'], [500, 'etcd', 'unavailable']
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
  const api = new MemoryApi()
  api.put({ value: 'there', note: 'theirs' }, { labels: { team: 'shop' }, annotations: { a: 'b' } })
  const { store, log } = await open(api)
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
  const { api, store, refused, told } = await open()
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
  const api = new MemoryApi()
  api.put({ value: 'there' })
  const leadership = new FakeLeadership('follower')
  const { store } = await open(api, leadership)
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
  const { api, store } = await open()
  const first = await store.compareAndSwap('', 'one')
  if (!first.ok) throw new Error('refused')
  api.revision = 3
  api.put({ value: 'from the backup' })
  t.match(await store.compareAndSwap(first.version, 'two'), { ok: false, current: { value: 'from the backup', version: '4' } })
  t.match(await store.compareAndSwap('4', 'two'), { ok: true })
  t.match(api.stored, { data: { value: 'two' } })
  await store.close()
})
