/** The whole Weir with two Deployments behind one Service: the canary of every tutorial. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { connectClient } from '../helpers/keep-alive-client.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from '../helpers/weir-process.ts'
import { readinessReasons } from '../helpers/weir-in-cluster.ts'

/** A pod that says its name, holds what asks for `/held`, and counts its connections. */
interface CountingPod {
  readonly name: string
  readonly port: number
  readonly connections: () => number
  readonly held: http.ServerResponse[]
}

async function startCountingPod (t: Test, name: string): Promise<CountingPod> {
  const held: http.ServerResponse[] = []
  let connections = 0
  const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
    if (request.url === '/held') held.push(response)
    else response.end(name)
  })
  server.on('connection', () => { connections++ })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { name, held, port: (server.address() as AddressInfo).port, connections: () => connections } // not a pipe, so an AddressInfo
}

const VERSIONS = [
  { name: 'stable', weight: 1, endpoints: { service: 'hello', port: 'http', podLabels: { track: 'stable' } } },
  { name: 'canary', weight: 0, endpoints: { service: 'hello', port: 'http', podLabels: { track: 'canary' } } }
]

/** The pods have one address, so each has a slice with its own number of the port. */
async function clusterOf (t: Test, labels: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const pods: CountingPod[] = []
  for (const [name, podLabels] of Object.entries(labels)) {
    const pod = await startCountingPod(t, name)
    pods.push(pod)
    const targetRef = server.pods.create({ name, labels: podLabels })
    server.createSlice({
      name: `hello-${name}`,
      service: 'hello',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, targetRef }],
      ports: [{ name: 'http', protocol: 'TCP', port: pod.port }]
    })
  }
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const start = async (versions: readonly PlainConfig[], kubernetes: PlainConfig = {}): Promise<WeirProcess> => await startWeir(t, {
    directory,
    config: () => ({
      workers: 1, kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'], ...kubernetes }, routes: [{ name: 'hello', versions }], timeouts: { upstreamIdle: '60s' }
    })
  })
  return { server, pods, start }
}

t.test('a pod that changes its label goes from one version to the other with its connections and what it has in hand', async t => {
  const { server, pods: [one, two], start } = await clusterOf(t, { one: { track: 'stable' }, two: { track: 'stable' } })
  if (one === undefined || two === undefined) throw new Error('a pod is missing')
  const weir = await start(VERSIONS)
  await weir.untilReadiness(200)
  t.match((await weir.api('GET', '/v1/routes/hello')).body, {
    versions: [{ source: { name: 'hello:http', pods: { selector: 'track=stable' } } }, { source: { problem: 'no-endpoints', detail: /no pod of Service "hello" has the labels track=canary/, pods: { selector: 'track=canary', other: 2 } } }]
  })
  const client = await connectClient({ port: weir.ports.web })
  const slow = []
  // One for each: the balancer looks at what is in flight.
  while (one.held.length === 0 || two.held.length === 0) {
    const asking = await connectClient({ port: weir.ports.web })
    slow.push(asking.begin('/held').whole)
    await eventually(async () => one.held.length + two.held.length === slow.length ? true : undefined)
  }
  // Beside the one that is in use, another that is idle.
  await eventually(async () => {
    await client.get()
    return two.connections() > two.held.length ? true : undefined
  })
  const before = two.connections()
  server.pods.label('two', { track: 'canary' })
  await weir.untilMetric('weir_endpoints', 1, { version: 'canary', condition: 'ready' })
  t.equal((await weir.setWeights('hello', { stable: 0, canary: 1 })).status, 200)
  for (let index = 0; index < 5; index++) t.equal((await client.get()).body, 'two')
  t.equal(two.connections(), before, 'no connection is new')
  for (const pod of [one, two]) for (const response of pod.held) response.end(pod.name)
  for (const answer of await Promise.all(slow)) t.equal(answer.status, 200)
  client.close()
  t.equal(await weir.stop(), 0)
})

t.test('a pod of two versions is in the API, in a metric, and once in the log', async t => {
  const { server, start } = await clusterOf(t, { one: { track: 'stable' }, both: { track: 'stable', also: 'yes' } })
  const weir = await start([...VERSIONS.slice(0, 1), { name: 'also', weight: 1, endpoints: { service: 'hello', port: 'http', podLabels: { also: 'yes' } } }])
  await weir.untilReadiness(200)
  const labels = { version: 'also', problem: 'pods-of-two' }
  t.equal(await weir.untilMetric('weir_endpoint_source_problem', 1, labels), 1)
  const { body } = await weir.api('GET', '/v1/routes/hello')
  t.match(body, {
    versions: [
      { source: { detail: /selected by version "also" as well/ }, endpoints: [{}, {}] },
      { source: { problem: 'pods-of-two', detail: /selected by version "stable" as well/, pods: { lost: 1 } }, endpoints: [] }
    ]
  })
  t.match(await readinessReasons(weir), [/version "also" of route "hello": 1 of the endpoints/])
  server.pods.touch('both')
  server.pods.label('both', { also: undefined })
  await weir.untilMetric('weir_endpoint_source_problem', 0, labels)
  await weir.untilLogged('pods of the version are another version\'s as well')
  t.equal(weir.logged('pods of the version are another version\'s as well').length, 1)
  t.equal(await weir.stop(), 0)
})

t.test('a start without the permission for pods is not ready, says what is missing, and becomes ready with it', async t => {
  const { server, start } = await clusterOf(t, { one: { track: 'stable' }, two: { track: 'canary' } })
  server.forbiddenResources.add('pods')
  const weir = await start(VERSIONS)
  await weir.untilReadiness(503)
  t.match(await weir.untilLogged('the watch of Pods failed; versions wait for their first endpoints'), { waiting: 'hello/stable, hello/canary', error: /list and watch on pods/ })
  t.ok((await readinessReasons(weir)).some(reason => reason.includes('list and watch on pods')))
  server.forbiddenResources.delete('pods')
  await weir.untilReadiness(200)
  await weir.untilLogged('the watch of Pods has recovered')
  t.equal(await weir.stop(), 0)
})
