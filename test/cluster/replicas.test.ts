/**
 * Three Weirs that know of each other, against the double of an API server: what one answer says of all of them.
 */
import net from 'node:net'
import t from 'tap'
import { connectClient, getOnce } from '../helpers/keep-alive-client.ts'
import { replicaSet, replicasOf, untilReplicas, type ReplicaBody } from '../helpers/weir-replicas.ts'
import { changeAll, clusterAnswer, drainOf, settledDrainOf, type Applied } from '../helpers/weir-cluster-answers.ts'
import { eventually, type WeirProcess } from '../helpers/weir-process.ts'

async function untilReplica (weir: WeirProcess, name: string, meant: (replica: ReplicaBody) => boolean): Promise<ReplicaBody> {
  return await eventually(async () => (await replicasOf(weir)).find(replica => replica.name === name && meant(replica)))
}

// A replica that is looked at every five seconds is seen to stop, and to go on.
if (import.meta.main) t.setTimeout(600_000)
const set = await replicaSet(t)
const NAMES = ['weir-a', 'weir-b', 'weir-c'] as const
const [a, b, c] = await Promise.all([
  set.start({ name: NAMES[0], workers: 2 }), set.start({ name: NAMES[1] }), set.start({ name: NAMES[2] })
])

t.test('each finds the others, and itself among the addresses of the slices', async t => {
  for (const [index, weir] of [a, b, c].entries()) {
    const replicas = await untilReplicas(weir, NAMES)
    t.match(replicas[0], { name: NAMES[index], self: true, address: `127.0.0.1:${weir.ports.admin}`, ready: true, epochLag: { max: 0 } })
    t.same(replicas.slice(1).map(({ self, ready }) => [self, ready]), [[false, true], [false, true]])
  }
  t.equal(await a.metric('weir_replicas', { state: 'ready' }), 3)
  t.equal(await a.metric('weir_replicas', { state: 'silent' }), 0)
})

t.test('wait=all counts over all workers of all replicas, whoever is asked, while clients come', async t => {
  const over = new AbortController()
  const statuses: number[] = []
  const clients = [a, b, c].map(async weir => {
    const client = await connectClient({ port: weir.ports.web })
    while (!over.signal.aborted) statuses.push((await client.get()).status)
    client.close()
  })
  const answers: Applied[] = []
  for (let index = 0; index < 8; index++) for (const weir of [a, b, c]) answers.push(await changeAll(weir))
  for (let index = 0; index < 4; index++) answers.push(...await Promise.all([a, b, c].map(async weir => await changeAll(weir))))
  over.abort()
  await Promise.all(clients)
  t.same(answers.filter(({ complete, replicas, workers, applied }) => !complete || replicas.applied !== 3 || replicas.of !== 3 || workers !== 4 || applied !== 4), [])
  t.match(answers[0]?.summary, /^3\/3 replicas, 4\/4 workers, \d+ ms$/)
  t.same(statuses.filter(status => status !== 200), [], 'no request has failed')
  const sorted = answers.map(({ tookMs }) => tookMs).toSorted((left, right) => left - right)
  t.comment(`${answers.length} changes: median ${sorted[sorted.length >> 1] ?? 0} ms, longest ${sorted.at(-1) ?? 0} ms`)
  const epochs = await Promise.all([a, b, c].map(async weir => await weir.metric('weir_route_epoch')))
  t.equal(new Set(epochs).size, 1, 'after it each has the same weights')
  const { body } = await a.api('PUT', '/v1/routes/hello/weights', { weights: { v1: 5, v2: 5 } })
  t.notOk(JSON.stringify(body).includes('applied'), 'who does not ask for it is told nothing')
})

t.test('sums over all replicas are exact', async t => {
  t.equal((await a.setWeights('hello', { v1: 1, v2: 0 })).status, 200)
  const before = await eventually(async () => {
    const cluster = await clusterAnswer(a, 3)
    return cluster.versions.every(({ inFlight }) => inFlight === 0) ? cluster : undefined
  })
  const [v1Before = 0, v2Before = 0] = before.versions.map(({ requests }) => requests)
  for (const [index, weir] of [a, b, c].entries()) {
    for (let count = 0; count <= index; count++) t.equal((await getOnce({ port: weir.ports.web })).status, 200)
  }
  const after = await eventually(async () => {
    const cluster = await clusterAnswer(b, 3)
    return (cluster.versions[0]?.requests ?? 0) >= v1Before + 6 ? cluster : undefined
  })
  t.same(after.versions.map(({ requests }) => requests), [v1Before + 6, v2Before], 'one, two and three more')
  t.match(after, { replicas: { answered: 3, of: 3 }, missing: [] })
})

t.test('a version is safe to scale down when it is in all replicas', async t => {
  const held = getOnce({ port: c.ports.web }, '/held')
  await eventually(async () => set.origin.held === 1 ? true : undefined)
  t.equal((await a.setWeights('hello', { v1: 0, v2: 1 })).status, 200)
  const busy = await eventually(async () => {
    const drain = await settledDrainOf(a, 'v1', 3)
    return drain.cluster.inFlight === 1 ? drain : undefined
  })
  t.match(busy, { safe: false, inFlight: 0, why: [/^replica weir-c \(127\.0\.0\.1:\d+\): 1 request is in flight$/], cluster: { replicas: { answered: 3, of: 3 } } })
  t.match(await drainOf(b, 'v1', '?wait=true&timeout=300ms'), { safe: false })
  const waiting = drainOf(b, 'v1', '?wait=true&timeout=50s')
  set.origin.answerHeld()
  t.match(await waiting, { safe: true, why: [] })
  t.equal((await held).status, 200)
  t.match((await clusterAnswer(a, 3)).versions[0], { drain: { safe: true } })
})

t.test('nobody but a replica is told what one replica tells another', async t => {
  const ask = async (headers: Readonly<Record<string, string>>) => await fetch(`${a.url}/v1/replica`, { headers })
  for (const headers of [{}, { authorization: 'Bearer a-token-of-somebody-else' }, { authorization: 'Weir-Replica challenge="aaaaaaaaaaaaaaaaaaaaaaaa", nonce="aaaaaaaaaaaaaaaaaaaaaaaa", proof="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"' }]) {
    const response = await ask(headers)
    t.equal(response.status, 401)
    t.match(response.headers.get('www-authenticate'), /^Weir-Replica challenge="/)
    t.match(await response.json(), { code: 'unauthenticated' })
  }
})

t.test('a replica that is stopped is named, falls behind, and catches up when it is woken', async t => {
  c.kill('SIGSTOP')
  const held = await changeAll(a, '1s')
  t.match(held, { complete: false, replicas: { applied: 2, of: 3 }, workers: 4, applied: 3, missing: [{ name: 'weir-c', address: `127.0.0.1:${c.ports.admin}`, reason: /no answer within/ }] })
  t.match(held.summary, /^2\/3 replicas, 3\/4 workers, \d+ ms; not weir-c \(127\.0\.0\.1:\d+\): it gave no answer/)
  t.match(await clusterAnswer(b, 2), { replicas: { answered: 2, of: 3 }, missing: [{ name: 'weir-c', reason: /no answer within 300 ms/ }] })
  t.match(await settledDrainOf(b, 'v2', 2), { safe: false, why: [/.*/, /.*/, /^replica weir-c .* did not answer/] })
  const silent = await untilReplica(b, 'weir-c', ({ answering, epochLag }) => !answering && epochLag.max > 0)
  t.match(silent, { ready: true, reason: /no answer within/, laggingSince: /^20/ })
  await b.untilMetric('weir_replicas', 1, { state: 'silent' })
  await b.untilMetric('weir_replica_epoch_lag', lag => lag > 0, { replica: 'weir-c' })

  // Kubernetes calls a pod not ready that fails its probes.
  set.list('weir-c', c.ports.admin, { ready: false, serving: false })
  await untilReplica(a, 'weir-c', ({ ready }) => !ready)
  t.match(await changeAll(a), { complete: true, replicas: { applied: 2, of: 2 } })
  t.match(await clusterAnswer(a, 2), { replicas: { answered: 2, of: 3 } }, 'it may have requests in flight all the same')

  c.kill('SIGCONT')
  set.list('weir-c', c.ports.admin)
  await untilReplica(a, 'weir-c', ({ ready }) => ready)
  t.match(await changeAll(a), { complete: true, replicas: { applied: 3, of: 3 }, workers: 4, applied: 4 })
  await untilReplica(b, 'weir-c', ({ answering, epochLag }) => answering && epochLag.max === 0)
  await b.untilMetric('weir_replica_epoch_lag', 0, { replica: 'weir-c' })
  await c.untilMetric('weir_replica_epoch_lag', 0)
})

t.test('an address that somebody has planted is asked, learns nothing, and is named', async t => {
  const heard: string[] = []
  const planted = net.createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', bytes => {
      heard.push(bytes.toString('latin1'))
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
    })
  })
  await new Promise<void>(resolve => { planted.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { planted.close() })
  const { port } = planted.address() as net.AddressInfo // listens on TCP
  set.list('planted', port)
  await eventually(async () => (await replicasOf(a)).some(({ address, reason }) => address === `127.0.0.1:${port}` && reason !== undefined) ? true : undefined)
  t.match(await changeAll(a, '3s'), { complete: false, replicas: { applied: 3, of: 4 }, missing: [{ address: `127.0.0.1:${port}`, reason: /its answer was not made with the secret/ }] })
  t.notOk(heard.some(text => text.includes('a-secret-of-the-replicas')))
  set.unlist('planted')
  await untilReplicas(a, NAMES)
})
