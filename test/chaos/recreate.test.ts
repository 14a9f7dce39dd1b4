/** The Recreate strategy: the old pod goes before the new one comes, and requests wait in between. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { scaled } from '../helpers/chaos-scale.ts'
import { freePort } from '../helpers/free-port.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { executions, startPod, type Pod } from '../helpers/pod.ts'
import { startWeir, temporaryDirectory } from '../helpers/weir-process.ts'

const GAP_MS = scaled(1_200, 5_000)
const ROUNDS = scaled(2, 4)
const CLIENTS = 200
/** What the requests that wait may cost. */
const MAX_GROWTH_BYTES = 64 * 1_024 * 1_024

t.setTimeout(scaled(60_000, 600_000))

t.test(`${ROUNDS} times nobody is there for ${GAP_MS} ms, and nobody notices but by the time`, async t => {
  const directory = await temporaryDirectory(t)
  const journal = path.join(directory, 'journal')
  const kubeconfig = path.join(directory, 'kubeconfig')
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  await writeFile(journal, '')
  await writeFile(kubeconfig, server.kubeconfig())
  const port = await freePort()
  let started = 0
  const start = async (): Promise<Pod> => {
    const number = ++started
    return await startPod(t, { name: `pod-${number}`, address: `127.0.9.${number}`, port, journal, workMs: 2, lateMs: 100 })
  }
  const publish = (pod: Pod | undefined, terminating = false): void => {
    const endpoints = pod === undefined ? [] : [{ addresses: [pod.spec.address], conditions: { ready: !terminating, serving: true, terminating } }]
    const slice = { name: 'web-a', service: 'web', endpoints, ports: [{ name: 'http', protocol: 'TCP', port }] }
    if (started === 1 && !terminating && pod !== undefined) server.createSlice(slice)
    else server.patchSlice(slice)
  }
  let pod = await start()
  publish(pod)
  const weir = await startWeir(t, {
    directory,
    config: () => ({
      workers: 2,
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] },
      routes: [{ name: 'hello', whenEmpty: 'hold', versions: [{ name: 'v1', weight: 1, endpoints: { service: 'web', port: 'http' } }] }]
    })
  })
  await weir.untilReadiness(200)
  const load = new PacedLoad({ port: weir.ports.web, clients: CLIENTS, rate: scaled(400, 2_000), posts: 0.2 })
  await load.more(300)
  const before = await weir.metric('process_resident_memory_bytes')
  let mostHeld = 0
  let growth = 0
  for (let round = 0; round < ROUNDS; round++) {
    // The list lags behind the end of the pod: for a while it names one that refuses.
    publish(pod, true)
    await pod.end('SIGTERM')
    await wait(100)
    publish(undefined)
    await wait(GAP_MS)
    mostHeld = Math.max(mostHeld, await weir.metric('weir_requests_held'))
    growth = Math.max(growth, await weir.metric('process_resident_memory_bytes') - before)
    pod = await start()
    publish(pod)
    await load.more(200)
  }
  await load.stop()

  const executed = executions(journal)
  t.same(load.failed('GET'), [])
  t.same(load.failed('CONNECT'), [])
  // A POST that crosses the end of the pod's kept-alive connection on the way can't be told from one that it has read.
  const crossed = load.failed('POST')
  t.same(crossed.filter(({ path, status }) => status !== 502 || executed.has(path)), [], 'no POST failed that a pod has executed')
  t.equal(load.sent, load.answered + crossed.length)
  t.same(load.posted.filter(path => executed.get(path) !== 1 && !crossed.some(failure => failure.path === path)), [], 'every other POST was executed once')
  t.ok(mostHeld >= CLIENTS / 2, `${mostHeld} requests waited at a time`)
  t.ok(load.slowestMs >= GAP_MS)
  t.equal(await weir.metric('weir_requests_held'), 0)
  t.ok(growth < MAX_GROWTH_BYTES, `memory grew by ${Math.round(growth / 1_048_576)} MiB`)
  t.comment(`${load.summary()}, ${await weir.metric('weir_upstream_retries_total')} further attempts`)
})
