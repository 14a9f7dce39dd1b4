import t from 'tap'
import type { TrafficEvent } from '../../../src/rollout/split-announcer.ts'
import { TrafficControl } from '../../../src/rollout/traffic-control.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { applyConfig } from '../../../src/rollout/transition.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { type StateStore, StoreError, type SwapResult } from '../../../src/store/state-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakePublisher } from '../../helpers/fake-publisher.ts'
import { FragileStore } from '../../helpers/fragile-store.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { settled } from '../../helpers/memory-config-map.ts'
import { takeOver } from '../../helpers/take-over.ts'

const META = { actor: 'ops', reason: 'because', source: 'api' } as const
const HELLO = { name: 'hello', weights: { stable: 90, canary: 10 } }

const memory = () => new MemoryStore(EMPTY_TRAFFIC, error => { throw error })
const weights = (stable: number, canary: number) => ({ type: 'weights', weights: { stable, canary } }) as const

async function open (store: StateStore<TrafficState> = memory(), clock = new FakeClock()) {
  const publisher = new FakePublisher()
  const log = new ListLog()
  const control = await TrafficControl.open({ store, publisher, clock, log })
  return { control, publisher, log, store }
}

/** A store whose swaps go through `swap`. */
function storeWith (inner: StateStore<TrafficState>, swap: (version: string, value: TrafficState) => Promise<SwapResult<TrafficState>>): StateStore<TrafficState> {
  return { shared: false, status: () => inner.status(), read: () => inner.read(), watch: listener => inner.watch(listener), close: () => inner.close(), compareAndSwap: swap }
}

t.test('a configuration is stored and published once', async t => {
  const { control, publisher, store } = await open()
  t.equal(control.route('hello'), undefined)
  await takeOver(control.prepare([HELLO]))
  t.same(publisher.splits, [{ route: 'hello', epoch: 1, weights: { stable: 90, canary: 10 }, salt: '' }])
  t.equal((await store.read()).value.routes.get('hello')?.epoch, 1)
  await takeOver(control.prepare([HELLO]))
  t.equal(publisher.splits.length, 1, 'the same again changes nothing')
  await takeOver(control.prepare([HELLO, { name: 'other', weights: { a: 1 } }]))
  t.same(publisher.splits.at(-1), { route: 'other', epoch: 1, weights: { a: 1 }, salt: '' }, 'only what is new')
  await control.close()
})

t.test('a change is stored before it is published', async t => {
  const inner = memory()
  const order: string[] = []
  const store = storeWith(inner, async (version, value) => {
    const swapped = await inner.compareAndSwap(version, value)
    order.push('stored')
    return swapped
  })
  const { control, publisher } = await open(store)
  await takeOver(control.prepare([HELLO]))
  order.length = 0
  const publish = publisher.publish.bind(publisher)
  publisher.publish = async (split, timeoutMs) => {
    order.push('published')
    return await publish(split, timeoutMs)
  }
  const result = await control.change('hello', weights(75, 25), META)
  t.match(result, { ok: true, changed: true, traffic: { epoch: 2, weights: { stable: 75, canary: 25 } } })
  t.same(order, ['stored', 'published'])
  t.same(result.ok ? await result.published : undefined, { workers: 2, applied: 2, tookMs: 1.5 })
  await control.close()
})

t.test('changes survive a restart, and the configuration does not overrule them', async t => {
  const store = memory()
  const first = await open(store)
  await takeOver(first.control.prepare([HELLO]))
  await first.control.change('hello', weights(75, 25), META)
  await first.control.close()
  const second = await open(store)
  await takeOver(second.control.prepare([HELLO]))
  t.match(second.control.route('hello'), { epoch: 2, weights: { stable: 75, canary: 25 } })
  t.match(second.control.route('hello')?.history.at(-1), { actor: 'ops', reason: 'because', at: '2026-01-01T00:00:00.000Z' })
  t.same(second.publisher.splits.map(({ epoch }) => epoch), [2])
  await second.control.close()
})

t.test('what can\'t be is refused, and nothing is stored or published', async t => {
  const { control, publisher, store } = await open()
  await takeOver(control.prepare([HELLO]))
  const before = await store.read()
  t.match(await control.change('nope', weights(1, 1), META), { ok: false, error: { code: 'unknown_route' } })
  t.match(await control.change('hello', weights(0, 0), META), { ok: false, error: { code: 'all_weights_zero', epoch: 1 } })
  t.match(await control.change('hello', weights(1, 1), META, { ifEpoch: [2, 3] }), { ok: false, error: { code: 'epoch_mismatch', epoch: 1, message: /at epoch 1/ } })
  t.match(await control.change('hello', weights(1, 1), META, { ifEpoch: [] }), { ok: false, error: { code: 'epoch_mismatch' } })
  t.same(await store.read(), before)
  t.equal(publisher.splits.length, 1)
  t.match(await control.change('hello', weights(1, 1), META, { ifEpoch: [9, 1] }), { ok: true })
  await control.close()
})

t.test('a change to what is there already is published again but makes no epoch', async t => {
  const { control, publisher, store } = await open()
  await takeOver(control.prepare([HELLO]))
  const before = await store.read()
  t.match(await control.change('hello', weights(90, 10), META), { ok: true, changed: false, traffic: { epoch: 1 } })
  t.equal(await store.read().then(({ version }) => version), before.version)
  t.same(publisher.splits.map(({ epoch }) => epoch), [1, 1])
  await control.close()
})

t.test('a store that fails refuses the change and keeps the old weights', async t => {
  const inner = memory()
  let broken: Error | undefined
  const store = storeWith(inner, async (version, value) => {
    if (broken !== undefined) throw broken
    return await inner.compareAndSwap(version, value)
  })
  const { control, publisher, log } = await open(store)
  await takeOver(control.prepare([HELLO]))
  broken = new StoreError('no-space', 'writing the state file /secret/place failed')
  const refused = await control.change('hello', weights(1, 1), META)
  t.match(refused, { ok: false, error: { code: 'store_failed', message: /no space is left; nothing was changed/ } })
  t.notMatch(refused, { error: { message: /secret/ } }, 'the path is for the log')
  t.match(log.at('error'), [{ fields: { error: /secret\/place/ } }])
  t.equal(control.route('hello')?.epoch, 1)
  t.equal(publisher.splits.length, 1)
  broken = undefined
  t.match(await control.change('hello', weights(1, 1), META), { ok: true, traffic: { epoch: 2 } })
  await control.close()
})

t.test('a store that fails does not keep a new configuration from the traffic', async t => {
  const inner = memory()
  const store = storeWith(inner, async () => { throw new StoreError('not-permitted', 'read-only') })
  const { control, publisher, log } = await open(store)
  await takeOver(control.prepare([HELLO]))
  t.same(publisher.splits, [{ route: 'hello', epoch: 1, weights: HELLO.weights, salt: '' }])
  t.match(log.at('error'), [{ message: /used all the same/ }])
  await control.close()
})

t.test('a change by another replica is followed, published and told', async t => {
  const store = memory()
  const ours = await open(store)
  const theirs = await open(store)
  await takeOver(ours.control.prepare([HELLO]))
  await takeOver(theirs.control.prepare([HELLO]))
  const events: TrafficEvent[] = []
  ours.control.subscribe(event => { events.push(event) })
  await theirs.control.change('hello', weights(75, 25), META)
  await takeOver(ours.control.prepare([HELLO]))
  t.match(ours.control.route('hello'), { epoch: 2, weights: { stable: 75, canary: 25 } })
  t.same(ours.publisher.splits.map(({ epoch }) => epoch), [1, 2])
  t.match(events, [{ route: 'hello', revision: { actor: 'ops', epoch: 2 } }])
  t.match(await ours.control.change('hello', weights(1, 1), META), { ok: true, traffic: { epoch: 3 } })
  await ours.control.close()
  await theirs.control.close()
})

t.test('a lost race is run again on what the winner wrote', async t => {
  const inner = memory()
  let races = 2
  const store = storeWith(inner, async (version, value) => {
    if (races > 0 && version !== '0') {
      races -= 1
      // Somebody else adds a route to their configuration first.
      const { value: theirs, version: latest } = await inner.read()
      await inner.compareAndSwap(latest, applyConfig(theirs, [HELLO, { name: `other-${races}`, weights: { a: 1 } }], 'then'))
    }
    return await inner.compareAndSwap(version, value)
  })
  const { control } = await open(store)
  await takeOver(control.prepare([HELLO]))
  t.match(await control.change('hello', weights(75, 25), META), { ok: true, traffic: { epoch: 2 } })
  t.equal(races, 0)
  await control.close()
})

t.test('a race that is lost again and again is given up', async t => {
  const inner = memory()
  const store = storeWith(inner, async (version, value) => version === '0'
    ? await inner.compareAndSwap(version, value)
    : { ok: false, reason: 'conflict', current: await inner.read() })
  const { control } = await open(store)
  await takeOver(control.prepare([HELLO]))
  t.match(await control.change('hello', weights(75, 25), META), { ok: false, error: { code: 'store_conflict' } })
  await control.close()
})

t.test('a race that is lost for four seconds is given up with nothing changed, before a try whose answer could not be waited for', async t => {
  const clock = new FakeClock()
  const inner = memory()
  let tries = 0
  const store = storeWith(inner, async (version, value) => {
    if (version === '0') return await inner.compareAndSwap(version, value)
    tries++
    clock.advance(1_310)
    return { ok: false, reason: 'conflict', current: await inner.read() }
  })
  const { control } = await open(store, clock)
  await takeOver(control.prepare([HELLO]))
  const message = 'others were faster to change the state 3 times in a row; nothing was changed, try again'
  t.match(await control.change('hello', weights(75, 25), META), { ok: false, error: { code: 'store_failed', message } })
  t.equal(tries, 3)
  t.equal(control.route('hello')?.epoch, 1)
  await control.close()
})

t.test('a thousand changes at once are made one after another', async t => {
  const { control, publisher } = await open()
  await takeOver(control.prepare([HELLO]))
  const results = await Promise.all(Array.from({ length: 1000 }, (_, index) => control.change('hello', weights(index + 1, 1000), META)))
  t.ok(results.every(({ ok }) => ok))
  t.equal(control.route('hello')?.epoch, 1001)
  const epochs = publisher.splits.map(({ epoch }) => epoch)
  t.same(epochs, Array.from({ length: 1001 }, (_, index) => index + 1), 'published in the order of their epochs')
  t.same(publisher.splits.at(-1)?.weights, control.route('hello')?.weights)
  await control.close()
})

t.test('of a thousand changes on the same epoch, one is made', async t => {
  const { control } = await open()
  await takeOver(control.prepare([HELLO]))
  const results = await Promise.all(Array.from({ length: 1000 }, (_, index) => control.change('hello', weights(index + 1, 1000), META, { ifEpoch: [1] })))
  t.equal(results.filter(({ ok }) => ok).length, 1)
  t.equal(control.route('hello')?.epoch, 2)
  await control.close()
})

t.test('workers that do not answer are reported, and a publisher that throws harms nobody', async t => {
  const { control, publisher, log } = await open()
  await takeOver(control.prepare([HELLO]))
  publisher.applied = 1
  const late = await control.change('hello', weights(1, 1), META, { publishTimeoutMs: 123 })
  t.match(late.ok ? await late.published : undefined, { workers: 2, applied: 1 })
  t.equal(publisher.timeouts.at(-1), 123)
  t.match(log.at('warn'), [{ fields: { workers: 2, applied: 1 } }])
  publisher.publish = async () => { throw new Error('broken') }
  const broken = await control.change('hello', weights(2, 1), META)
  t.match(broken.ok ? await broken.published : undefined, { workers: 0, applied: 0 })
  t.match(log.at('error'), [{ fields: { error: 'broken' } }])
  await control.close()
})

t.test('a listener that throws is logged and harms nobody', async t => {
  const { control, log } = await open()
  control.subscribe(() => { throw new Error('broken') })
  await takeOver(control.prepare([HELLO]))
  t.match(log.at('error'), [{ message: /listener/ }])
  t.match(await control.change('hello', weights(1, 1), META), { ok: true })
  await control.close()
})

t.test('a configuration whose weights can\'t be stored changes nothing; at the start it is used all the same', async t => {
  const inner = memory()
  let broken = false
  const store = storeWith(inner, async (version, value) => {
    if (broken) throw new StoreError('no-space', 'writing the state file failed')
    return await inner.compareAndSwap(version, value)
  })
  const { control, publisher } = await open(store)
  await takeOver(control.prepare([HELLO]))
  const before = [control.routes(), await store.read()]
  broken = true
  const change = control.prepare([{ name: 'hello', weights: { stable: 1, canary: 1 } }])
  await t.rejects(takeOver(change), /its weights could not be stored: writing the state file failed/)
  await change.discard()
  broken = false
  t.same([control.routes(), await store.read()], before)
  t.equal(publisher.splits.length, 1)
  t.match(await control.change('hello', weights(1, 1), META), { ok: true, traffic: { epoch: 2 } }, 'changes are made again')
  await control.close()
})

t.test('a configuration that is given up after its weights were stored leaves them as they were', async t => {
  const { control, publisher, store } = await open()
  await takeOver(control.prepare([HELLO]))
  const { value } = await store.read()
  const change = control.prepare([{ name: 'other', weights: { a: 1 } }])
  await change.persist?.()
  change.commit()
  t.equal(control.route('hello'), undefined)
  await change.discard()
  t.same(control.routes(), value.routes)
  t.same((await store.read()).value, value)
  t.equal(publisher.splits.length, 1, 'nothing was told')
  await control.close()
})

t.test('a change of weights while a configuration is prepared stays, and one while it is stored waits for it', async t => {
  const { control } = await open()
  await takeOver(control.prepare([HELLO]))
  const given = control.prepare([HELLO, { name: 'other', weights: { a: 1 } }])
  t.match(await control.change('hello', weights(75, 25), META), { ok: true, traffic: { epoch: 2 } })
  await given.discard()
  t.match(control.route('hello'), { epoch: 2, weights: { stable: 75, canary: 25 } }, 'it stays when the configuration is given up')
  const taken = control.prepare([HELLO, { name: 'other', weights: { a: 1 } }])
  await taken.persist?.()
  let made = false
  const late = control.change('other', { type: 'weights', weights: { a: 2 } }, META).finally(() => { made = true })
  await new Promise(setImmediate)
  t.equal(made, false)
  taken.commit()
  taken.settle()
  t.match(await late, { ok: true, traffic: { epoch: 2, weights: { a: 2 } } }, 'it finds the new route')
  t.match(control.route('hello'), { epoch: 2, weights: { stable: 75, canary: 25 } })
  await control.close()
})

t.test('a store that does not answer keeps nobody waiting for more than five seconds; what waits behind it is not made later', async t => {
  const clock = new FakeClock()
  const store = new FragileStore()
  const { control } = await open(store, clock)
  await takeOver(control.prepare([HELLO]))
  store.hang()
  const answers = [weights(75, 25), weights(50, 50)].map(async command => await control.change('hello', command, META))
  await settled()
  clock.advance(5_000)
  t.match(await Promise.all(answers), [
    { ok: false, error: { code: 'store_failed', message: 'the state store has not answered; the change may be made all the same: read the route again' } },
    { ok: false, error: { code: 'store_failed', message: 'the state store takes too long; nothing was changed' } }
  ])
  store.release()
  await settled()
  t.match(control.route('hello'), { epoch: 2, weights: { stable: 75, canary: 25 } })
  await control.close()
})

t.test('a cut that is stored first, and the change behind it, have the time of one change together', async t => {
  const clock = new FakeClock()
  const inner = new FragileStore(true)
  const given: Array<number | undefined> = []
  let takesMs = 0
  const store: StateStore<TrafficState> = {
    ...inner.as('one'),
    compareAndSwap: async (version, value, timeoutMs) => {
      given.push(timeoutMs)
      clock.advance(takesMs)
      return await inner.compareAndSwap(version, value)
    }
  }
  const { control } = await open(store, clock)
  await takeOver(control.prepare([HELLO]))
  inner.fault = new StoreError('unavailable', 'it is away')
  const cut = control.cutOff('hello', weights(100, 0), META)
  if (cut.ok) await cut.settled
  inner.fault = undefined
  given.length = 0
  takesMs = 1_500
  t.match(await control.change('hello', weights(75, 25), META), { ok: true })
  t.same(given, [4_000, 2_500])
  await control.close()
})
