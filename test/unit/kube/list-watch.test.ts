import t from 'tap'
import {
  type KubeApi, KubeError, type KubeListPage, type KubeListRequest, type KubeWatchEvent, type KubeWatchRequest
} from '../../../src/kube/kube-api.ts'
import { DEFAULT_LIST_WATCH_TUNING, ListWatch, type ListWatchTuning } from '../../../src/kube/list-watch.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

type Step = KubeWatchEvent | KubeError | 'end'

/** A Kubernetes API that the test plays: lists are answered from a queue, watches stay open until they are told to end. */
class PlayedApi implements KubeApi {
  readonly lists: KubeListRequest[] = []
  readonly watches: KubeWatchRequest[] = []
  readonly pages: (KubeListPage | KubeError)[] = []
  #wake: ((step: Step) => void) | undefined

  async list (request: KubeListRequest): Promise<KubeListPage> {
    this.lists.push(request)
    const page = this.pages.shift() ?? pageOf('1')
    if (page instanceof KubeError) throw page
    return page
  }

  async * watch (request: KubeWatchRequest): AsyncGenerator<KubeWatchEvent, void, undefined> {
    this.watches.push(request)
    for (;;) {
      const step = await new Promise<Step>(resolve => {
        this.#wake = resolve
        request.signal.addEventListener('abort', () => { resolve(KubeError.from(request.signal.reason)) }, { once: true })
      })
      if (step === 'end') return
      if (step instanceof KubeError) throw step
      yield step
    }
  }

  async play (...steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      this.#wake?.(step)
      await settled()
    }
  }
}

function pageOf (resourceVersion: string, names: readonly string[] = [], continueToken = ''): KubeListPage {
  return { resourceVersion, continueToken, items: names.map(objectOf) }
}

function objectOf (name: string): unknown {
  return { metadata: { name, namespace: 'ns' } }
}

function event (type: string, name: string, resourceVersion: string): KubeWatchEvent {
  return { type, object: { metadata: { name, namespace: 'ns', resourceVersion } } }
}

async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

function played (tuning: Partial<ListWatchTuning> = {}) {
  const api = new PlayedApi()
  const clock = new FakeClock()
  const told: string[] = []
  const listWatch = new ListWatch<string>({
    api,
    clock,
    random: () => 0,
    tuning: { ...DEFAULT_LIST_WATCH_TUNING, ...tuning },
    collection: { groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace: 'ns', labelSelector: '' },
    read: object => JSON.stringify(object),
    listener: {
      replaced: objects => { told.push(`= ${[...objects.keys()].join()}`) },
      changed: (key, before, after) => { told.push(`${before === undefined ? '+' : after === undefined ? '-' : '~'} ${key}`) },
      failed: (error, retryInMs) => { told.push(`! ${error.kind} ${retryInMs}`) }
    }
  })
  return { api, clock, told, listWatch }
}

t.test('lists, watches from the version of the list, and tells every change', async t => {
  const { api, told, listWatch } = played()
  api.pages.push(pageOf('7', ['a', 'b'], 'more'), pageOf('7', ['c']))
  listWatch.start()
  listWatch.start()
  await settled()
  await api.play(event('ADDED', 'd', '8'), event('MODIFIED', 'a', '9'), event('DELETED', 'b', '11'), event('DELETED', 'b', '12'), event('MODIFIED', 'e', '13'))
  t.strictSame(told, ['= ns/a,ns/b,ns/c', '+ ns/d', '~ ns/a', '- ns/b', '+ ns/e'])
  t.strictSame(api.lists.map(({ continueToken, limit, freshness }) => [continueToken, limit, freshness]), [['', 200, 'latest'], ['more', 200, 'latest']])
  t.equal(api.watches[0]?.resourceVersion, '7')
  t.equal(api.watches[0]?.timeoutSeconds, 300)
  t.match(listWatch.stats(), { synced: true, lists: 1, restarts: 0, lastError: undefined, objects: 4 })
  await listWatch.stop()
  t.equal(api.watches.length, 1)
})

t.test('a clean end is resumed from the last event or bookmark; a long watch without a pause', async t => {
  const { api, clock, told, listWatch } = played()
  listWatch.start()
  await settled()
  await api.play(event('ADDED', 'a', '5'), { type: 'BOOKMARK', object: { metadata: { resourceVersion: '90' } } })
  clock.advance(6_000)
  await api.play('end')
  t.strictSame(api.watches.map(({ resourceVersion }) => resourceVersion), ['1', '90'])
  t.equal(api.lists.length, 1)
  t.strictSame(told, ['= ', '+ ns/a'])
  await listWatch.stop()
})

t.test('a server that ends every watch at once is asked with growing pauses', async t => {
  const { api, clock, listWatch } = played()
  listWatch.start()
  await settled()
  const pauses: number[] = []
  for (let round = 1; round <= 9; round++) {
    await api.play('end')
    const before = clock.nowMs()
    while (api.watches.length === round) {
      clock.advance(10)
      await settled()
    }
    pauses.push(clock.nowMs() - before)
  }
  t.strictSame(pauses, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
  await listWatch.stop()
})

t.test('any failure is followed by a pause and a fresh list; a stable watch ends the row of failures', async t => {
  const { api, clock, told, listWatch } = played()
  api.pages.push(new KubeError('status', '500'), new KubeError('network', 'reset'), pageOf('3', ['a']), pageOf('4', ['b']))
  listWatch.start()
  await settled()
  clock.advance(50)
  await settled()
  clock.advance(100)
  await settled()
  t.strictSame(told, ['! status 50', '! network 100', '= ns/a'])
  clock.advance(5_000)
  await api.play(new KubeError('network', 'reset'))
  t.equal(listWatch.stats().lastError, 'reset')
  t.equal(listWatch.stats().objects, 1, 'the last known objects stay')
  clock.advance(50)
  await settled()
  t.strictSame(told.slice(3), ['! network 50', '= ns/b'])
  t.equal(listWatch.stats().restarts, 3)
  t.equal(listWatch.stats().lastError, undefined)
  await listWatch.stop()
})

t.test('ERROR in a stream: 410 is gone, anything else a status', async t => {
  const { api, clock, told, listWatch } = played()
  listWatch.start()
  await settled()
  await api.play({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } })
  clock.advance(50)
  await settled()
  await api.play({ type: 'ERROR', object: { code: 500, message: 'oh' } })
  clock.advance(100)
  await settled()
  await api.play({ type: 'ERROR', object: null })
  t.strictSame(told, ['= ', '! gone 50', '= ', '! status 100', '= ', '! status 200'])
  t.equal(listWatch.stats().lastError, 'the watch ended with an error: no message')
  await listWatch.stop()
})

t.test('Retry-After is obeyed up to a bound', async t => {
  const { api, clock, told, listWatch } = played()
  api.pages.push(new KubeError('status', 'busy', { retryAfterMs: 3_000 }), new KubeError('status', 'busy', { retryAfterMs: 9_999_000 }))
  listWatch.start()
  await settled()
  clock.advance(2_999)
  await settled()
  t.equal(api.lists.length, 1)
  clock.advance(1)
  await settled()
  t.strictSame(told, ['! status 3000', '! status 30000'])
  await listWatch.stop()
})

t.test('silence ends a watch, events and bookmarks put it off', async t => {
  const { api, clock, told, listWatch } = played()
  listWatch.start()
  await settled()
  clock.advance(129_000)
  await api.play({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '1' } } })
  clock.advance(129_999)
  await settled()
  t.strictSame(told, ['= '])
  clock.advance(1)
  await settled()
  t.match(told[1], '! silent')
  await listWatch.stop()
})

t.test('watches that end cleanly without a word are silence too', async t => {
  const { api, clock, told, listWatch } = played()
  listWatch.start()
  await settled()
  for (let round = 0; round < 4; round++) {
    clock.advance(30_000)
    await api.play('end')
  }
  clock.advance(10_000)
  await settled()
  t.match(told[1], '! silent')
  await listWatch.stop()
})

t.test('now and then a clean end is followed by a list', async t => {
  const { api, clock, told, listWatch } = played({ silenceMs: 10_000_000 })
  api.pages.push(pageOf('1', ['a']), pageOf('50', ['b']))
  listWatch.start()
  await settled()
  clock.advance(599_000)
  await api.play('end')
  t.equal(api.lists.length, 1)
  clock.advance(6_000)
  await api.play('end')
  t.strictSame(told, ['= ns/a', '= ns/b'])
  t.equal(listWatch.stats().restarts, 0)
  await listWatch.stop()
})

t.test('more objects than the bound are refused, in a list and in a watch, and the known ones stay', async t => {
  const { api, clock, told, listWatch } = played({ maxObjects: 2 })
  api.pages.push(pageOf('1', ['a', 'b']), pageOf('2', ['a', 'b', 'c']))
  listWatch.start()
  await settled()
  await api.play(event('ADDED', 'c', '2'))
  clock.advance(50)
  await settled()
  t.strictSame(told, ['= ns/a,ns/b', '! too-large 50', '! too-large 100'])
  t.equal(listWatch.stats().objects, 2)
  await listWatch.stop()
})

t.test('a list that never stops to continue is given up', async t => {
  const { api, told, listWatch } = played()
  for (let page = 0; page < 1_001; page++) api.pages.push(pageOf('1', [], 'more'))
  listWatch.start()
  while (told.length === 0) await settled()
  t.strictSame(told, ['! too-large 50'])
  t.equal(api.lists.length, 1_000)
  await listWatch.stop()
})

t.test('items and events that are no objects are passed over', async t => {
  const { api, told, listWatch } = played()
  api.pages.push({ resourceVersion: '1', continueToken: '', items: [null, 7, 'x', [], {}, { metadata: null }, { metadata: { name: 5 } }, objectOf('a')] })
  listWatch.start()
  await settled()
  await api.play({ type: 'ADDED', object: null }, { type: 'MODIFIED', object: [] }, { type: 'DELETED', object: { metadata: { name: {} } } }, event('FOO', 'x', '4'), event('ADDED', 'b', '5'))
  t.strictSame(told, ['= ns/a', '+ ns/b'])
  await listWatch.stop()
})

t.test('after a first timeout a list from the cache is taken, but never after a consistent one', async t => {
  const { api, clock, listWatch } = played()
  api.pages.push(new KubeError('timeout', 'slow'), pageOf('1', ['a']), new KubeError('timeout', 'slow'), pageOf('1', ['a']))
  listWatch.start()
  await settled()
  clock.advance(50)
  await settled()
  await api.play(new KubeError('network', 'reset'))
  clock.advance(10_000)
  await settled()
  clock.advance(10_000)
  await settled()
  t.strictSame(api.lists.map(({ freshness }) => freshness), ['latest', 'any', 'latest', 'latest'])
  await listWatch.stop()
})

t.test('stops in the middle of a pause', async t => {
  const { api, clock, listWatch } = played()
  api.pages.push(new KubeError('network', 'reset'))
  listWatch.start()
  await settled()
  await listWatch.stop()
  t.equal(clock.pending, 0)
  clock.advance(100_000)
  await settled()
  t.equal(api.lists.length, 1)
})

t.test('stops before it started, and stays so', async t => {
  const { api, listWatch } = played()
  await listWatch.stop()
  listWatch.start()
  await settled()
  t.equal(api.lists.length, 0)
})

t.test('a listener that throws does not end it', async t => {
  const { api, clock } = played()
  let broken = true
  const listWatch = new ListWatch<number>({
    api,
    clock,
    random: () => 0,
    collection: { groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace: 'ns', labelSelector: '' },
    read: () => 1,
    listener: {
      replaced: () => { if (broken) throw new Error('broken') },
      changed: () => {},
      failed: () => { if (broken) throw new Error('broken too') }
    }
  })
  listWatch.start()
  await settled()
  t.equal(listWatch.stats().lastError, 'broken too')
  broken = false
  clock.advance(10_000)
  await settled()
  t.equal(api.watches.length, 1)
  await listWatch.stop()
})
