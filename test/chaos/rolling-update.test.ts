/**
 * Rolling updates of five pods under load, discovered through an API server: pods close as Kubernetes makes them, some before
 * their event, some without closing at all.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { freePort } from '../helpers/free-port.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { executions, startPod, type Pod } from '../helpers/pod.ts'
import { startWeir, temporaryDirectory, type WeirProcess } from '../helpers/weir-process.ts'

const PODS = 5
const UPDATES = scaled(1, 50)
/** Between SIGTERM and the moment when a well-behaved pod closes. */
const LATE_MS = 200
/** How far an event is behind. */
const LAG_MS = 60

t.setTimeout(scaled(60_000, 1_800_000))

/** `orderly`: terminating, SIGTERM, late close. `early`: SIGTERM and close, then the event. `killed`: gone at once, then the event. */
type Death = 'orderly' | 'early' | 'killed'

/** A Deployment of pods with addresses of their own, and the slice that tells of them. */
class Deployment {
  readonly journal: string
  readonly #t: Test
  readonly #server: KubeApiServer
  readonly #port: number
  readonly #endpoints = new Map<Pod, { readonly ready: boolean, readonly terminating: boolean }>()
  #started = 0

  constructor (t: Test, server: KubeApiServer, { port, journal }: { readonly port: number, readonly journal: string }) {
    this.#t = t
    this.#server = server
    this.#port = port
    this.journal = journal
  }

  get pods (): readonly Pod[] { return [...this.#endpoints.keys()] }

  async add (lateMs: number): Promise<void> {
    const number = ++this.#started
    const pod = await startPod(this.#t, { name: `pod-${number}`, address: `127.0.${1 + (number >> 7)}.${1 + number % 128}`, port: this.#port, journal: this.journal, workMs: 3, lateMs })
    this.#endpoints.set(pod, { ready: true, terminating: false })
    this.publish()
  }

  publish (): void {
    const endpoints = [...this.#endpoints].map(([{ spec }, { ready, terminating }]) => ({ addresses: [spec.address], conditions: { ready, serving: true, terminating } }))
    const spec = { name: 'web-a', service: 'web', endpoints, ports: [{ name: 'http', protocol: 'TCP', port: this.#port }] }
    if (this.#server.objects.list(undefined, () => true).length === 0) this.#server.createSlice(spec)
    else this.#server.patchSlice(spec)
  }

  async remove (pod: Pod, death: Death): Promise<void> {
    if (death === 'orderly') this.#terminating(pod)
    const gone = pod.end(death === 'killed' ? 'SIGKILL' : 'SIGTERM')
    if (death !== 'orderly') {
      await wait(LAG_MS)
      this.#terminating(pod)
    }
    await gone
    this.#endpoints.delete(pod)
    this.publish()
  }

  #terminating (pod: Pod): void {
    this.#endpoints.set(pod, { ready: false, terminating: true })
    this.publish()
  }
}

async function follow (t: Test, server: KubeApiServer, directory: string): Promise<WeirProcess> {
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  return await startWeir(t, {
    directory,
    config: () => ({
      workers: 2,
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] },
      routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { service: 'web', port: 'http' } }] }]
    })
  })
}

for (const deaths of [['orderly'], ['early', 'orderly'], ['killed', 'orderly', 'early']] as const satisfies ReadonlyArray<readonly Death[]>) {
  t.test(`${UPDATES} rolling updates, pods that end ${deaths.join(' or ')}`, async t => {
    const directory = await temporaryDirectory(t)
    const journal = path.join(directory, 'journal')
    await writeFile(journal, '')
    const server = await KubeApiServer.start()
    t.teardown(async () => { await server.stop() })
    const deployment = new Deployment(t, server, { port: await freePort(), journal })
    const lateMs = (number: number): number => deaths[number % deaths.length] === 'orderly' ? LATE_MS : 0
    await Promise.all(Array.from({ length: PODS }, async (_, index) => { await deployment.add(lateMs(index)) }))
    const weir = await follow(t, server, directory)
    await weir.untilReadiness(200)
    const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
    await load.more(100)
    for (let update = 0; update < UPDATES; update++) {
      // As with maxSurge 1: the new one is ready before an old one goes.
      for (const [index, pod] of deployment.pods.entries()) {
        await deployment.add(lateMs(index))
        await deployment.remove(pod, deaths[index % deaths.length] ?? 'orderly')
      }
    }
    await load.more(100)
    await load.stop()

    const executed = executions(journal)
    const twice = [...executed].filter(([, count]) => count > 1)
    t.same(load.failed('GET'), [], 'no GET failed')
    t.same(load.failed('CONNECT'), [], 'every client could connect')
    t.same(twice, [], 'no POST was executed twice')
    t.same(load.posted.filter(path => executed.get(path) !== 1), [], 'every POST that was answered was executed')
    const posts = load.failed('POST')
    if (deaths[0] === 'orderly') t.same(posts, [], 'no POST failed')
    t.same(posts.filter(({ status, what }) => status !== 502 || !what.includes('upstream_reset')), [], 'a POST fails only when its pod dies with it, and is a 502 then')
    t.equal(load.sent, load.answered + load.failures.length)
    const retried = await weir.metric('weir_upstream_retries_total')
    t.comment(`${load.summary()}, ${retried} further attempts, ${posts.filter(({ path }) => executed.has(path)).length} of the failed POSTs were executed`)
  })
}
