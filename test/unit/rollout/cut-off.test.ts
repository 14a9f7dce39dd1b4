/** A change that takes traffic away from a bad version is in force before it is stored, and stays so until it is. */
import t from 'tap'
import { pause } from '../../../src/core/abortable.ts'
import { SOLE_REPLICA } from '../../../src/core/leadership.ts'
import { TrafficControl } from '../../../src/rollout/traffic-control.ts'
import type { TrafficState } from '../../../src/rollout/traffic-state.ts'
import { type StateStore, StoreError } from '../../../src/store/state-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakePublisher } from '../../helpers/fake-publisher.ts'
import { FragileStore } from '../../helpers/fragile-store.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { takeOver } from '../../helpers/take-over.ts'
import { turns } from '../../helpers/turns.ts'

const META = { actor: 'weir', reason: 'it fails', source: 'verdict' } as const
const HELLO = { name: 'hello', weights: { stable: 75, canary: 25 } }
const OTHER = { name: 'other', weights: { a: 1 } }
const FULL = new StoreError('no-space', 'no space left on /secret/path')
/** Turns of the event loop in which whatever can end does. */
const FEW = 10

const weights = (stable: number, canary: number) => ({ type: 'weights', weights: { stable, canary } }) as const
const BACK = weights(100, 0)

async function open (store = new FragileStore()) {
  const publisher = new FakePublisher()
  const log = new ListLog()
  const clock = new FakeClock()
  const control = await TrafficControl.open({ store, publisher, clock, log, leadership: SOLE_REPLICA })
  await takeOver(control.prepare([HELLO, OTHER]))
  const told: number[] = []
  control.subscribe(({ traffic }) => { told.push(traffic.epoch) })
  return { control, publisher, log, clock, store, told, served: () => publisher.splits.findLast(({ route }) => route === 'hello') }
}

t.test('the workers have it when the call returns, and the store after that', async t => {
  const { control, served, store, told } = await open()
  const result = control.cutOff('hello', BACK, META)
  t.match(served(), { epoch: 1, weights: { stable: 100, canary: 0 } }, 'under the epoch that they have')
  t.match(result, { ok: true, changed: true, traffic: { epoch: 1, weights: { stable: 100, canary: 0 } } })
  t.same(told, [])
  if (result.ok) await result.settled
  t.match((await store.read()).value.routes.get('hello'), { epoch: 2, weights: { canary: 0 }, history: [{}, { source: 'verdict', reason: 'it fails', before: { canary: 25 } }] })
  t.match(served(), { epoch: 2, weights: { stable: 100, canary: 0 } }, 'then it is a revision like any other')
  t.same(told, [2])
  t.equal(control.pendingCut('hello'), null)
  await control.close()
})

t.test('a store that hangs delays nothing, and what it did before does not bring the version back', async t => {
  const { control, served, store, clock, log } = await open()
  store.hang()
  const step = control.change('hello', weights(50, 50), META)
  await turns(FEW)
  const result = control.cutOff('hello', BACK, META)
  t.match(served(), { epoch: 1, weights: { canary: 0 } })
  let settled = false
  if (result.ok) void result.settled.then(() => { settled = true })
  await turns(FEW)
  t.equal(settled, false)
  clock.advance(1_000)
  await turns(FEW)
  t.equal(settled, true, 'whoever waits is told that it is not stored yet')
  t.match(control.pendingCut('hello'), /in force, and not stored for 1 s: the state store takes too long/)
  t.match(log.at('error').map(({ message }) => message), [/put back in the workers and could not be stored/])
  clock.advance(60_000)
  t.equal(log.at('error').length, 1, 'it is said once')
  store.release()
  await turns(FEW)
  t.match(await step, { ok: false, error: { code: 'store_failed', message: /may be made all the same/ } }, 'the step that was under way was, and who asked for it was answered before')
  t.match(control.route('hello'), { epoch: 3, weights: { canary: 0 }, history: [{}, { after: { canary: 50 } }, { before: { canary: 50 }, after: { canary: 0 } }] })
  t.notOk(served()?.weights['canary'])
  t.match(log.at('info').at(-1)?.message, /stored now/)
  await control.close()
})

t.test('the step that a slow store takes after the cut is published without the bad weights', async t => {
  const { control, publisher, store } = await open()
  store.hang()
  void control.change('hello', weights(50, 50), META)
  await turns(FEW)
  control.cutOff('hello', BACK, META)
  const from = publisher.splits.length
  store.release()
  await turns(FEW)
  const later = publisher.splits.slice(from)
  t.ok(later.length >= 2)
  t.same(later.filter(({ weights }) => weights['canary'] !== 0), [], 'neither for the step nor for the cut')
  t.same(later.map(({ epoch }) => epoch), later.map(({ epoch }) => epoch).toSorted((left, right) => left - right))
  await control.close()
})

t.test('a store that fails is tried until it has it; status and log say so meanwhile', async t => {
  const { control, store, clock, log } = await open()
  store.fault = FULL
  const result = control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  t.match(control.pendingCut('hello'), /no space is left$/)
  t.notMatch(control.pendingCut('hello'), /secret/)
  for (let passed = 0; passed < 20_000; passed += 250) {
    clock.advance(250)
    await turns(2)
  }
  const tries = store.writes
  t.ok(tries > 8 && tries < 20, `${tries} tries in 20 s`)
  t.equal(log.at('error').length, 1)
  t.match((await store.read()).value.routes.get('hello'), { epoch: 1, weights: { canary: 25 } })
  t.match(control.route('hello'), { epoch: 1, weights: { canary: 0 } }, 'what is served is shown')
  t.match(control.routes().get('hello'), { weights: { canary: 0 } })
  store.fault = undefined
  clock.advance(2_000)
  await turns(FEW)
  t.match((await store.read()).value.routes.get('hello'), { epoch: 2, weights: { canary: 0 } })
  t.equal(control.pendingCut('hello'), null)
  t.equal(clock.pending, 0, 'nothing is tried any more')
  await control.close()
})

t.test('a reload while the store is away brings nothing back', async t => {
  const { control, store, served, publisher } = await open()
  store.fault = FULL
  const result = control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  const refused = control.prepare([HELLO])
  await t.rejects(refused.persist?.() ?? Promise.resolve(), /could not be stored/, 'it takes a route away, which has to be stored')
  await refused.discard()
  await takeOver(control.prepare([HELLO, OTHER]))
  t.match(control.route('hello'), { weights: { canary: 0 } })
  t.match(served(), { weights: { canary: 0 } })
  store.fault = undefined
  await takeOver(control.prepare([{ ...HELLO, weights: { stable: 60, canary: 40 } }, OTHER]))
  t.same(publisher.splits.filter(({ route, epoch, weights }) => route === 'hello' && epoch >= 2 && weights['canary'] !== 0), [], 'the new weights of the file are not served first')
  await control.close()
})

t.test('a route that leaves the configuration takes its cut along', async t => {
  const { control, store, clock } = await open()
  store.fault = FULL
  const result = control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  store.fault = undefined
  await takeOver(control.prepare([OTHER]))
  t.equal(control.route('hello'), undefined)
  t.equal(control.pendingCut('hello'), null)
  clock.advance(10_000)
  await turns(FEW)
  t.equal(clock.pending, 0)
  await control.close()
})

t.test('who changes the route meanwhile stores the cut first', async t => {
  const { control, store } = await open()
  store.fault = FULL
  const result = control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  t.match(await control.change('hello', weights(90, 10), META), { ok: false, error: { code: 'store_failed', message: /no space is left/ } })
  t.match(control.route('hello'), { weights: { canary: 0 } })
  store.fault = undefined
  t.match(await control.change('hello', weights(90, 10), META, { ifEpoch: [1] }), { ok: false, error: { code: 'epoch_mismatch', epoch: 2 } }, 'it was decided without knowing of the cut')
  t.match(await control.change('hello', weights(90, 10), META, { ifEpoch: [2] }), { ok: true, traffic: { epoch: 3, weights: { canary: 10 } } })
  t.same(control.route('hello')?.history.map(({ after }) => after['canary']), [25, 0, 10])
  await control.close()
})

t.test('what can\'t be is refused, and nothing is published', async t => {
  const { control, publisher } = await open()
  const before = publisher.splits.length
  t.match(control.cutOff('nope', BACK, META), { ok: false, error: { code: 'unknown_route' } })
  t.match(control.cutOff('hello', weights(0, 0), META), { ok: false, error: { code: 'all_weights_zero', epoch: 1 } })
  t.match(control.cutOff('hello', BACK, META, { ifEpoch: [7] }), { ok: false, error: { code: 'epoch_mismatch' } })
  t.equal(publisher.splits.length, before)
  t.equal(control.pendingCut('hello'), null)
  t.match(control.cutOff('hello', weights(75, 25), META), { ok: true, changed: false })
  await control.close()
})

t.test('what another replica stores meanwhile is served with the cut', async t => {
  const store = new FragileStore(true)
  const first = await open(store)
  const second = await open(store)
  store.fault = FULL
  const result = first.control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  store.fault = undefined
  t.match(await second.control.change('hello', weights(50, 50), META), { ok: true, traffic: { epoch: 2 } })
  await turns(FEW)
  t.match(first.served(), { epoch: 2, weights: { canary: 0 } }, 'its step goes through, without the bad weights here')
  first.clock.advance(250)
  await turns(FEW)
  t.match((await store.read()).value.routes.get('hello'), { epoch: 3, weights: { canary: 0 } })
  t.match(second.served(), { epoch: 3, weights: { canary: 0 } }, 'and the other one hears of the cut as of any change')
  await first.control.close()
  await second.control.close()
})

t.test('a process that ends in peace tries once more', async t => {
  const { control, store, clock } = await open()
  store.fault = FULL
  const result = control.cutOff('hello', BACK, META)
  if (result.ok) await result.settled
  store.fault = undefined
  await control.close()
  t.match((await store.read()).value.routes.get('hello'), { epoch: 2, weights: { canary: 0 } })
  t.equal(clock.pending, 0)
})

t.test('an end does not wait for a store that hangs once for each route', async t => {
  const names = Array.from({ length: 20 }, (_, index) => `route-${index}`)
  const inner = new FragileStore(true)
  const clock = new FakeClock()
  let hangs = false
  const store: StateStore<TrafficState> = {
    ...inner.as('one'),
    compareAndSwap: async (version, value, timeoutMs = 4_000) => {
      if (!hangs) return await inner.compareAndSwap(version, value)
      await pause(clock, timeoutMs)
      throw new StoreError('unavailable', 'no answer')
    }
  }
  const control = await TrafficControl.open({ store, publisher: new FakePublisher(), clock, log: new ListLog(), leadership: SOLE_REPLICA })
  await takeOver(control.prepare(names.map(name => ({ ...HELLO, name }))))
  hangs = true
  for (const name of names) control.cutOff(name, BACK, META)
  await turns(FEW)
  const closing = control.close()
  for (let passedMs = 0; passedMs < 10_000; passedMs += 500) {
    clock.advance(500)
    await turns(100)
  }
  t.equal(await Promise.race([closing.then(() => 'closed'), turns(100).then(() => 'it waits')]), 'closed')
})
