/** The API server is away, and a pod dies meanwhile: traffic goes on with what is known. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { freePort } from '../helpers/free-port.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { startPod } from '../helpers/pod.ts'
import { eventually, startWeir, temporaryDirectory } from '../helpers/weir-process.ts'

const AWAY_MS = scaled(3_000, 60_000)

t.setTimeout(scaled(60_000, 600_000))

t.test(`the API server is away for ${AWAY_MS} ms`, async t => {
  const directory = await temporaryDirectory(t)
  const journal = path.join(directory, 'journal')
  const kubeconfig = path.join(directory, 'kubeconfig')
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  await writeFile(journal, '')
  await writeFile(kubeconfig, server.kubeconfig())
  const port = await freePort()
  const start = async (number: number) => await startPod(t, { name: `pod-${number}`, address: `127.0.8.${number}`, port, journal, workMs: 1, lateMs: 0 })
  const [one, two] = [await start(1), await start(2)]
  const slice = (addresses: readonly string[]) => ({ name: 'web-a', service: 'web', endpoints: addresses.map(address => ({ addresses: [address], conditions: { ready: true, serving: true, terminating: false } })), ports: [{ name: 'http', protocol: 'TCP', port }] })
  server.createSlice(slice([one.spec.address, two.spec.address]))
  const weir = await startWeir(t, {
    directory,
    config: () => ({
      workers: 2,
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] },
      routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { service: 'web', port: 'http' } }] }]
    })
  })
  await weir.untilReadiness(200)
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0 })
  await load.more(100)

  await server.kill()
  await wait(AWAY_MS / 2)
  await two.end('SIGKILL')
  await wait(AWAY_MS / 2)
  t.same(load.failures, [], 'neither the API server nor the pod was missed')
  const three = await start(3)
  server.patchSlice(slice([one.spec.address, three.spec.address]))
  await server.startAgain()
  await eventually(async () => (load.byBody.get('pod-3') ?? 0) > 20 ? true : undefined)
  await load.stop()

  t.same(load.failures, [])
  t.equal(load.sent, load.answered)
  t.comment(`${load.summary()}, ${await weir.metric('weir_upstream_retries_total')} further attempts, ${await weir.metric('weir_watch_restarts_total')} restarts of the watch`)
})
