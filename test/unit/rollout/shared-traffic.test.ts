/**
 * The traffic state of a replica that shares it with others: who does what, and what is asked of the store.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { HolderStanding } from '../../../src/core/leadership.ts'
import { TrafficControl } from '../../../src/rollout/traffic-control.ts'
import { type ConfiguredRoute, EMPTY_TRAFFIC, type TrafficState } from '../../../src/rollout/traffic-state.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import { type StateStore, StoreError } from '../../../src/store/state-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { FakePublisher } from '../../helpers/fake-publisher.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { takeOver } from '../../helpers/take-over.ts'

const META = { actor: 'ops', reason: 'because', source: 'api' } as const
const HELLO = { name: 'hello', weights: { stable: 90, canary: 10 } }
const weights = (stable: number, canary: number) => ({ type: 'weights', weights: { stable, canary } }) as const

interface Shared {
  readonly memory: MemoryStore<TrafficState>
  /** Of one replica: what it asks, and what it is told late or not at all. */
  storeOf (replica: { deaf: boolean, writes: number }): StateStore<TrafficState>
}

function shared (): Shared {
  const memory = new MemoryStore(EMPTY_TRAFFIC, error => { throw error })
  return {
    memory,
    storeOf: replica => ({
      shared: true,
      status: () => memory.status(),
      read: async () => await memory.read(),
      watch: listener => memory.watch(current => { if (!replica.deaf) listener(current) }),
      compareAndSwap: async (version, value) => {
        replica.writes++
        return await memory.compareAndSwap(version, value)
      },
      close: async () => {}
    })
  }
}

async function replicaOf (t: Test, { storeOf }: Shared, standing: HolderStanding, route: ConfiguredRoute = HELLO) {
  const replica = { deaf: false, writes: 0 }
  const leadership = new FakeLeadership(standing)
  const clock = new FakeClock()
  const log = new ListLog()
  const control = await TrafficControl.open({ store: storeOf(replica), publisher: new FakePublisher(), clock, log, leadership })
  await takeOver(control.prepare([route]))
  t.teardown(async () => { await control.close() })
  return { control, replica, leadership, clock, log }
}

/** What somebody with kubectl does: other weights, and nothing else. */
async function edit ({ memory }: Shared, stable: number, canary: number): Promise<void> {
  const { value, version } = await memory.read()
  const routes = new Map([...value.routes].map(([name, route]) => [name, { ...route, weights: { stable, canary } }]))
  await memory.compareAndSwap(version, { ...value, routes })
  await settled()
}

async function settled (): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

async function storedHistory ({ memory }: Shared): Promise<number | undefined> {
  return (await memory.read()).value.routes.get('hello')?.history.length
}

t.test('an edit by hand is in force everywhere, and one of them adds it to the history', async t => {
  const state = shared()
  const holder = await replicaOf(t, state, 'holder')
  const follower = await replicaOf(t, state, 'follower')
  for (const { replica } of [holder, follower]) replica.writes = 0
  await edit(state, 1, 2)
  for (const { control } of [holder, follower]) t.match(control.route('hello'), { epoch: 2, weights: { stable: 1, canary: 2 } })
  t.equal(await storedHistory(state), 2)
  t.same([holder.replica.writes, follower.replica.writes], [1, 0])
  t.strictSame(follower.control.route('hello'), holder.control.route('hello'))
})

t.test('with a holder that does not, an edit waits for the next one, for a change, or for 20 s', async t => {
  const state = shared()
  const follower = await replicaOf(t, state, 'follower')
  await edit(state, 1, 2)
  t.match(follower.control.route('hello'), { epoch: 2, weights: { stable: 1, canary: 2 } })
  t.equal(await storedHistory(state), 1)
  follower.leadership.become('vacant')
  await settled()
  t.equal(await storedHistory(state), 2)

  follower.leadership.become('follower')
  await edit(state, 3, 4)
  t.equal(await storedHistory(state), 2)
  t.match(await follower.control.change('hello', weights(5, 6), META), { ok: true, traffic: { epoch: 4 } })
  t.equal(await storedHistory(state), 4, 'the change brings the edit with it')

  await edit(state, 7, 8)
  follower.clock.advance(20_000)
  await settled()
  t.equal(await storedHistory(state), 5)
})

t.test('that a change changes nothing is asked of the store: another replica may have made one unheard', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder')
  const two = await replicaOf(t, state, 'follower')
  two.replica.deaf = true
  t.match(await one.control.change('hello', weights(50, 50), META), { ok: true, traffic: { epoch: 2 } })
  t.match(two.control.route('hello'), { epoch: 1, weights: { stable: 90, canary: 10 } }, 'it has not heard')
  t.match(await two.control.change('hello', weights(90, 10), META), { ok: true, changed: true, traffic: { epoch: 3 } })
  t.match((await state.memory.read()).value.routes.get('hello'), { epoch: 3, weights: { stable: 90, canary: 10 } })
  t.match(await two.control.change('hello', weights(90, 10), META), { ok: true, changed: false, traffic: { epoch: 3 } })
})

t.test('and with a store that is away it is no answer', async t => {
  const state = shared()
  const store = state.storeOf({ deaf: false, writes: 0 })
  const away = { ...store, compareAndSwap: async () => { throw new StoreError('unavailable', 'the API server is away') } }
  const control = await TrafficControl.open({ store, publisher: new FakePublisher(), clock: new FakeClock(), log: new ListLog() })
  await takeOver(control.prepare([HELLO]))
  await control.close()
  const cut = await TrafficControl.open({ store: away, publisher: new FakePublisher(), clock: new FakeClock(), log: new ListLog() })
  await takeOver(cut.prepare([HELLO]))
  t.match(await cut.change('hello', weights(90, 10), META), { ok: false, error: { code: 'store_failed', message: /the API server is away/ } })
  await cut.close()
})

t.test('an older copy of the object is a change back: no epoch comes twice, no history is lost, and all agree', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder')
  const two = await replicaOf(t, state, 'follower')
  await one.control.change('hello', weights(50, 50), META)
  const { value: copy } = await state.memory.read()
  await one.control.change('hello', weights(10, 90), META)
  await two.control.change('hello', weights(0, 100), META)
  const { version } = await state.memory.read()
  await state.memory.compareAndSwap(version, copy)
  await settled()
  for (const { control } of [one, two]) {
    t.match(control.route('hello'), { epoch: 5, revision: 5, weights: { stable: 50, canary: 50 } })
    t.same(control.route('hello')?.history.map(({ epoch, source }) => `${epoch} ${source}`), ['1 config', '2 api', '3 api', '4 api', '5 kubernetes'])
  }
  t.strictSame((await state.memory.read()).value.routes.get('hello'), one.control.route('hello'))
  t.strictSame(two.control.route('hello'), one.control.route('hello'))

  // The same copy once more, and a copy with what is in force.
  await state.memory.compareAndSwap((await state.memory.read()).version, copy)
  await settled()
  t.match((await state.memory.read()).value.routes.get('hello'), { epoch: 5, revision: 5 }, 'nothing changes, and the history is written again')

  await state.memory.compareAndSwap((await state.memory.read()).version, { routes: new Map(), epochFloor: 0 })
  await settled()
  t.match((await state.memory.read()).value.routes.get('hello'), { epoch: 5 }, 'a route that somebody has taken out is there again')
})

t.test('a configuration that is given up leaves the weights as they were, under an epoch that nobody has seen', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder')
  const two = await replicaOf(t, state, 'follower')
  const change = one.control.prepare([{ name: 'hello', weights: { stable: 1, canary: 1 } }])
  await change.persist?.()
  await settled()
  t.match(two.control.route('hello'), { epoch: 2, weights: { stable: 1, canary: 1 } }, 'another replica has seen it')
  await change.discard()
  await settled()
  for (const { control } of [one, two]) t.match(control.route('hello'), { epoch: 3, weights: { stable: 90, canary: 10 } })
  t.strictSame(two.control.route('hello'), one.control.route('hello'))
  await takeOver(one.control.prepare([HELLO]))
  t.match(one.control.route('hello'), { epoch: 3 })
})

t.test('a pod of the old ReplicaSet that starts once more leaves what was set by the API, and says once why', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder')
  const newer = await replicaOf(t, state, 'follower', { name: 'hello', weights: { stable: 80, canary: 20 } })
  await newer.control.change('hello', weights(5, 95), META)
  await settled()
  const old = await replicaOf(t, state, 'follower')
  await takeOver(old.control.prepare([HELLO]))
  await settled()
  for (const { control } of [one, newer, old]) t.match(control.route('hello'), { epoch: 3, weights: { stable: 5, canary: 95 } })
  t.match(old.log.at('warn'), [{ message: /not taken over: a reload from the newer one to them would, or the API/, fields: { routes: 'hello' } }])
  t.equal(old.log.at('warn').length, 1)
  t.match(await old.control.change('hello', weights(6, 94), META), { ok: true, traffic: { epoch: 4 } })
  await takeOver(newer.control.prepare([HELLO]))
  await settled()
  for (const { control } of [one, newer, old]) t.match(control.route('hello'), { epoch: 5, weights: HELLO.weights }, 'a deliberate revert')
})

const WEB = { name: 'web', weights: { v1: 1, v2: 1 } }
const OTHER_WEB = { name: 'web', weights: { blue: 9, green: 1 } }

t.test('a start leaves a state alone whose route of the same name has wholly other versions', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder', WEB)
  const other = await replicaOf(t, state, 'follower', OTHER_WEB)
  t.notOk(other.control.isKnown)
  t.match(other.control.storeStatus(), { state: 'read-only', detail: /web has the versions v1, v2 and none of blue, green/ })
  t.match(await other.control.change('web', { type: 'switch', to: 'blue' }, META), { ok: false, error: { code: 'store_failed', message: /a state\.name of its own/ } })
  t.match(await one.control.change('web', { type: 'switch', to: 'v2' }, META), { ok: true })
  await settled()
  t.match((await state.memory.read()).value.routes.get('web'), { epoch: 2, weights: { v1: 0, v2: 100 } })
  t.equal(other.replica.writes, 0)
  t.equal(other.log.at('error').length, 1, 'said once')
  t.match(other.control.route('web'), { weights: OTHER_WEB.weights })

  await takeOver(one.control.prepare([{ name: 'web', weights: { silver: 2, gold: 1 } }]))
  await settled()
  t.match(one.control.route('web'), { epoch: 3, weights: { silver: 2, gold: 1 } }, 'a running one that reloads is still itself')
})

t.test('of two Weirs that start on nothing at the same time, one has the state, and the other one leaves it alone', async t => {
  const state = shared()
  const store = state.storeOf({ deaf: true, writes: 0 })
  const { value, version } = await state.memory.read()
  const one = await replicaOf(t, state, 'holder', WEB)
  // It has read before the first one wrote.
  let reads = 0
  const late = { ...store, read: async () => reads++ === 0 ? { value, version } : await state.memory.read() }
  const log = new ListLog()
  const other = await TrafficControl.open({ store: late, publisher: new FakePublisher(), clock: new FakeClock(), log })
  t.teardown(async () => { await other.close() })
  await takeOver(other.prepare([OTHER_WEB]))
  t.notOk(other.isKnown)
  t.match(other.storeStatus(), { state: 'read-only', detail: /state\.name/ })
  t.match(log.at('error'), [{ message: 'the stored traffic state is that of another Weir and is left alone' }])
  t.match(await other.change('web', { type: 'switch', to: 'blue' }, META), { ok: false, error: { code: 'store_failed' } })
  t.match((await state.memory.read()).value.routes.get('web'), { epoch: 1, weights: WEB.weights })
  t.strictSame(one.control.route('web'), (await state.memory.read()).value.routes.get('web'))

  await takeOver(other.prepare([{ name: 'web', weights: { v2: 5, blue: 1 } }]))
  t.ok(other.isKnown, 'a configuration that has one of its versions is that of a replica')
})

t.test('weights of 0 for all that were written over history and file weights too are not taken, and are written over', async t => {
  const state = shared()
  const one = await replicaOf(t, state, 'holder')
  const { value, version } = await state.memory.read()
  const none = JSON.parse(JSON.stringify([...value.routes]).replaceAll('"stable":90,"canary":10', '"stable":0,"canary":0')) as [string, never][] // as it was
  await state.memory.compareAndSwap(version, { ...value, routes: new Map(none) })
  await settled()
  t.match(one.control.route('hello'), { epoch: 1, weights: HELLO.weights })
  t.match((await state.memory.read()).value.routes.get('hello'), { epoch: 1, weights: HELLO.weights })
  t.match(one.log.at('error'), [{ message: /would serve nobody/, fields: { routes: 'hello' } }])
})
