/**
 * What can be wrong with the objects that replicas share, and with who asks for them, against the double of an API server.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { KubeClient } from '../../src/kube/kube-client.ts'
import { LeaseHolder } from '../../src/kube/lease-holder.ts'
import { createTrafficConfigMapCodec } from '../../src/rollout/traffic-config-map.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../../src/rollout/traffic-state.ts'
import { applyConfig, changeRoute, withRoute } from '../../src/rollout/transition.ts'
import { ConfigMapStore } from '../../src/store/config-map-store.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { clientOf, TEST_CLOCK } from '../helpers/kube-api-server-follower.ts'
import { ListLog } from '../helpers/list-log.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { until } from '../helpers/until.ts'

const AT = '2026-01-01T00:00:00.000Z'
const FIRST = applyConfig(EMPTY_TRAFFIC, [{ name: 'hello', weights: { v1: 75, v2: 25 } }], AT)

function withWeights (state: TrafficState, v1: number, v2: number): TrafficState {
  const route = state.routes.get('hello')
  const changed = route === undefined ? undefined : changeRoute(route, { type: 'weights', weights: { v1, v2 } }, { actor: 'ops', reason: '', source: 'api', at: AT })
  if (changed?.ok !== true) throw new Error('refused')
  return withRoute(state, 'hello', changed.route)
}

async function serverOf (t: Test): Promise<KubeApiServer> {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  return server
}

async function storeOn (t: Test, api: KubeClient, name = 'weir-state'): Promise<ConfigMapStore<TrafficState>> {
  const store = new ConfigMapStore({
    api, name, namespace: undefined, codec: createTrafficConfigMapCodec(), clock: TEST_CLOCK, random: Math.random, log: new ListLog(), onRefused: () => {}
  })
  t.teardown(async () => { await store.close() })
  store.start()
  await until(() => store.status().state !== 'starting')
  return store
}

/** Stores it, whatever is written meanwhile by those whom its watch has not told of yet, or to see whether writes go through again. */
async function write (store: ConfigMapStore<TrafficState>, state: TrafficState): Promise<void> {
  let { version } = await store.read()
  for (let attempt = 1; attempt <= 20; attempt++) {
    const swapped = await store.compareAndSwap(version, state)
    if (swapped.ok) return
    version = swapped.current.version
  }
  throw new Error('others were faster 20 times')
}

function leaseOn (t: Test, api: KubeClient, name = 'weir-state'): LeaseHolder {
  const lease = new LeaseHolder({ api, name, namespace: undefined, identity: 'one', clock: TEST_CLOCK, random: Math.random, log: new ListLog() })
  t.teardown(async () => { await lease.close() })
  lease.start()
  return lease
}

t.test('a token that has expired is read again, and no change is lost by it', async t => {
  const server = await serverOf(t)
  const tokenFile = join(await temporaryDirectory(t), 'token')
  await writeFile(tokenFile, 'first\n')
  server.token = 'first'
  const api = await clientOf(t, server.kubeconfig({ tokenFile }))
  const store = await storeOn(t, api)
  const lease = leaseOn(t, api)
  await until(() => lease.isHolder)
  let { value, version } = await store.read()
  value = FIRST
  for (const token of ['second', 'third', 'fourth']) {
    await writeFile(tokenFile, `${token}\n`)
    server.token = token
    value = withWeights(value, value.routes.get('hello')?.epoch ?? 0, 1)
    const swapped = await store.compareAndSwap(version, value)
    if (!swapped.ok) throw new Error('a conflict with nobody')
    version = swapped.version
    t.equal(server.requests.at(-1)?.authorization, `Bearer ${token}`)
  }
  // The file lags behind: it is a refusal, after a second try.
  server.token = 'fifth'
  const before = server.requests.filter(({ verb }) => verb === 'update').length
  await t.rejects(store.compareAndSwap(version, withWeights(value, 9, 9)), { code: 'not-permitted', message: /401/ })
  t.equal(server.requests.filter(({ verb }) => verb === 'update').length, before + 2)
  await writeFile(tokenFile, 'fifth\n')
  t.match(await store.compareAndSwap(version, withWeights(value, 9, 9)), { ok: true })
  t.ok(lease.isHolder)
  await lease.release()
  t.match(server.leases.objects.get('default', 'weir-state'), { spec: { holderIdentity: '' } })
})

t.test('a name of 253 characters', async t => {
  const server = await serverOf(t)
  const api = await clientOf(t, server.kubeconfig())
  const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`
  t.equal(name.length, 253)
  const store = await storeOn(t, api, name)
  const { version } = await store.read()
  t.match(await store.compareAndSwap(version, FIRST), { ok: true })
  const lease = leaseOn(t, api, name)
  await until(() => lease.isHolder)
  t.match(lease.status(), { name, holder: 'one' })
  server.leases.objects.editSpec('default', name, spec => ({ ...spec, holderIdentity: 'x'.repeat(100_000) }))
  await until(() => !lease.isHolder)
  t.equal(lease.status().holder?.length, 512, 'what somebody has written is bounded')
})

t.test('a ConfigMap that somebody has filled up: the change is refused with what helps, and made when there is room', async t => {
  const server = await serverOf(t)
  const store = await storeOn(t, await clientOf(t, server.kubeconfig()))
  t.match(await store.compareAndSwap('', FIRST), { ok: true })
  server.configMaps.objects.edit('default', 'weir-state', data => ({ ...data, ballast: 'x'.repeat(1_047_800) }))
  await until(() => store.status().state === 'synced' && server.configMaps.objects.get('default', 'weir-state')?.data?.['ballast'] !== undefined)
  let state = FIRST
  for (let change = 1; change <= 3; change++) state = withWeights(state, change, 1)
  await t.rejects(write(store, state), { code: 'too-large', message: /the ConfigMap weir-state can't be written: .*may not be more than 1048576 bytes/ })
  server.configMaps.objects.edit('default', 'weir-state', ({ ballast: _, ...data }) => data)
  await until(() => store.status().state === 'synced')
  await write(store, state)
  t.match(server.configMaps.objects.get('default', 'weir-state')?.data?.['route.hello'], /"epoch": 4/)
})

t.test('unknown fields and keys are nobody\'s fault; numbers that no Weir counts to are', async t => {
  const server = await serverOf(t)
  const store = await storeOn(t, await clientOf(t, server.kubeconfig()))
  t.match(await store.compareAndSwap('', FIRST), { ok: true })
  const edit = (change: (text: string) => string): void => {
    server.configMaps.objects.edit('default', 'weir-state', data => ({ ...data, note: 'ours', 'route.hello': change(data['route.hello'] ?? '') }))
  }
  edit(text => text.replace('{"weights"', '{"comment": {"by": ["us"]}, "weights"'))
  await until(() => server.configMaps.objects.get('default', 'weir-state')?.data?.['note'] === 'ours')
  await until(() => store.status().state === 'synced')
  await write(store, withWeights(FIRST, 1, 1))
  t.match(server.configMaps.objects.get('default', 'weir-state')?.data, { note: 'ours' })
  for (const [change, fault] of [
    [(text: string) => text.replace('"epoch": 2', '"epoch": 9007199254740991'), /route\.hello\.epoch or revision is more than/],
    [(text: string) => text.replace('"v1":1,', '"v1":1e999,'), /route\.hello\.weights\.v1 is not a weight/],
    [(text: string) => text.replace('"revision": 2', '"revision": -2'), /route\.hello\.revision is not a whole number/],
    [(text: string) => `${text.slice(0, 40)}\u0000\u2028`, /route\.hello is not JSON/],
    [() => `[${'['.repeat(50_000)}`, /route\.hello is not JSON/]
  ] as const) {
    const right = server.configMaps.objects.get('default', 'weir-state')?.data?.['route.hello'] ?? ''
    edit(change)
    await until(() => store.status().state === 'refused')
    t.match(store.status(), { detail: fault })
    t.match((await store.read()).value.routes.get('hello'), { epoch: 2, weights: { v1: 1, v2: 1 } }, 'the last good one stays')
    edit(() => right)
    await until(() => store.status().state === 'synced')
  }
})
