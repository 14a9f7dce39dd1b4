/**
 * Replicas that don't find or don't believe each other, against the double of an API server: what is said of them, and not claimed.
 */
import t from 'tap'
import { UNWATCHED_MS } from '../../src/replicas/replica-members.ts'
import { replicaSet, replicasOf, untilReplicas } from '../helpers/weir-replicas.ts'
import { changeAll, settledDrainOf } from '../helpers/weir-cluster-answers.ts'
import { eventually } from '../helpers/weir-process.ts'

// Five processes start in it.
if (import.meta.main) t.setTimeout(600_000)
const set = await replicaSet(t)
const [a, b] = await Promise.all([set.start({ name: 'weir-a' }), set.start({ name: 'weir-b' })])
await untilReplicas(a, ['weir-a', 'weir-b'])

t.test('a replica with another secret is believed by nobody, and both say why', async t => {
  const d = await set.start({ name: 'weir-d', secret: 'another-secret-that-is-long-enough-too' })
  const address = `127.0.0.1:${d.ports.admin}`
  const unproven = await eventually(async () => (await replicasOf(a)).find(replica => replica.address === address && replica.reason !== undefined))
  t.match(unproven, { answering: false, reason: /it refuses the proof of this replica: its secret is another one/ })
  t.notOk(unproven.name)
  t.match(await changeAll(a, '3s'), { complete: false, replicas: { applied: 2, of: 3 }, missing: [{ address, reason: /secret is another one/ }] })
  await d.untilLogged('a request of a replica is refused: it was not made with the secret of this one')
  await a.untilLine(line => line.message === 'a replica can\'t be asked what it applies' && line['endpoint'] === address, 'the fault of weir-d')
  t.equal((await replicasOf(d)).filter(({ answering }) => answering).length, 1, 'it believes itself alone')
  // Ended while it is waited for: it does not count any more.
  const waiting = changeAll(a, '30s')
  d.kill('SIGKILL')
  await d.end()
  set.unlist('weir-d')
  t.match(await waiting, { complete: true, replicas: { applied: 2, of: 2 } })
  await a.untilMetric('weir_replicas', 0, { state: 'silent' })
})

t.test('where the others can\'t be found, nobody vouches for them', async t => {
  set.server.forbiddenNamespaces.add('hidden')
  const [hidden, nameless] = await Promise.all([
    set.start({ name: 'weir-e', unlisted: true, replicas: { namespace: 'hidden' } }),
    set.start({ name: 'weir-f', unlisted: true, replicas: { service: 'mistyped' } })
  ])
  t.match(await changeAll(hidden), { complete: false, replicas: { applied: 1, of: 1 }, unknown: /403|forbidden/i, summary: /^1\/1 replicas.*others are not known/ })
  t.match(await changeAll(nameless), { complete: false, replicas: { applied: 1, of: 1 }, unknown: /no EndpointSlice .* names Service "mistyped"/ })
  t.match((await nameless.api('GET', '/v1/replicas')).body, { unknown: /mistyped/ })
  t.match(await settledDrainOf(hidden, 'v2', 1), { safe: false, why: [/.*/, /the other replicas are not all known/] })
})

t.test('while the slices can\'t be read any more there may be others, and it says so until they are read again', async t => {
  set.server.forbiddenResources.add('endpointslices')
  set.server.endWatches()
  const sinceMs = performance.now()
  const unknown = /their EndpointSlices are not watched since 2\d{3}-.*403/
  t.match(await changeAll(a, '30s'), { complete: false, replicas: { applied: 2, of: 2 }, unknown, summary: unknown })
  t.ok(performance.now() - sinceMs < 30_000, 'it does not wait for what nobody can say')
  t.match((await a.api('GET', '/v1/replicas')).body, { unknown })
  t.match(await settledDrainOf(a, 'v2', 2), { safe: false, why: [/weight 1/, /weight 1/, unknown] })
  t.ok(performance.now() - sinceMs >= UNWATCHED_MS, 'a change waits for a watch that may be open again in a moment')
  set.server.forbiddenResources.delete('endpointslices')
  await eventually(async () => (await changeAll(a)).complete || undefined)
})

t.test('who waits at a replica that stops is told how far the change has come', async t => {
  b.kill('SIGSTOP')
  t.teardown(() => { b.kill('SIGKILL') })
  const { epoch } = (await a.api('GET', '/v1/routes/hello')).body as { readonly epoch: number } // as its schema has it
  const waiting = changeAll(a, '30s')
  await eventually(async () => ((await a.api('GET', '/v1/routes/hello')).body as { readonly epoch: number }).epoch > epoch || undefined)
  const sinceMs = performance.now()
  a.kill('SIGINT')
  t.match(await waiting, {
    complete: false, workers: 2, applied: 1, replicas: { applied: 1, of: 2 }, missing: [{ name: 'weir-b' }], notes: [/this replica stops/]
  })
  t.ok(performance.now() - sinceMs < 25_000, 'it does not wait for the end of the time')
  t.equal(await a.end(), 0)
})
