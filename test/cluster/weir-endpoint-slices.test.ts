/**
 * The whole Weir follows EndpointSlices of an API server (its double) while requests flow.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { connectClient, getOnce, type KeepAliveClient } from '../helpers/keep-alive-client.ts'
import { type Origin, startOrigins } from '../helpers/origins.ts'
import { eventually, startWeir, temporaryDirectory, type WeirProcess } from '../helpers/weir-process.ts'

const CLIENTS = 16
/** So many answers in a row from the right endpoints are taken for the new state. */
const ENOUGH = CLIENTS * 10

interface Condition {
  readonly ready?: boolean
  readonly serving?: boolean
  readonly terminating?: boolean
}

/** A slice of one endpoint with the port of its origin. */
function sliceOf (origin: Origin, service: string, { ready = true, serving = true, terminating = false }: Condition = {}) {
  return {
    name: `${service}-${origin.name}`,
    service,
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready, serving, terminating } }],
    ports: [{ name: 'http', protocol: 'TCP', port: origin.port }]
  }
}

/** Clients that ask without a pause, and everything that they saw. */
class Traffic {
  sent = 0
  answered = 0
  readonly failed: string[] = []
  /** The latest answers, the newest last. */
  readonly latest: string[] = []
  #stopping = false
  readonly #running: Promise<unknown>

  constructor (clients: readonly KeepAliveClient[]) {
    this.#running = Promise.all(clients.map(async client => { await this.#run(client) }))
  }

  async #run (client: KeepAliveClient): Promise<void> {
    while (!this.#stopping) {
      this.sent++
      try {
        const { status, body } = await client.get()
        if (status !== 200) throw new Error(`status ${status}: ${body}`)
        this.answered++
        this.latest.push(body)
        if (this.latest.length > ENOUGH) this.latest.shift()
      } catch (error) {
        this.failed.push(String(error))
        this.#stopping = true
      }
    }
    client.close()
  }

  /** Resolves when all of the latest answers come from these origins, and each of them has answered. */
  async until (origins: readonly Origin[]): Promise<true> {
    const names = origins.map(({ name }) => name).sort()
    this.latest.length = 0
    return await eventually(async () => {
      if (this.failed.length > 0) throw new Error(this.failed.join('\n'))
      if (this.latest.length < ENOUGH) return undefined
      return [...new Set(this.latest)].sort().join() === names.join() ? true : undefined
    })
  }

  async stop (): Promise<void> {
    this.#stopping = true
    await this.#running
  }
}

async function startFollowing (t: Test, server: KubeApiServer): Promise<WeirProcess> {
  const directory = await temporaryDirectory(t)
  const kubeconfig = path.join(directory, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  return await startWeir(t, {
    directory,
    config: () => ({
      workers: 2,
      kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] },
      routes: [{
        name: 'hello',
        versions: [
          { name: 'stable', weight: 1, endpoints: { service: 'stable', port: 'http' } },
          { name: 'canary', weight: 0, endpoints: { service: 'canary', port: 'http' } }
        ]
      }]
    })
  })
}

t.test('pods that come, go and terminate under traffic, an API server that is away, and no request lost', async t => {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const [one, two, three] = await startOrigins(t, ['one', 'two', 'three'])
  server.createSlice(sliceOf(one, 'stable'))
  const weir = await startFollowing(t, server)
  await weir.untilReadiness(200)
  t.match((await weir.api('GET', '/v1/routes/hello')).body, { versions: [{ source: { kind: 'kubernetes', state: 'synced' }, endpoints: [{ port: one.port, ready: true }] }, {}] })
  const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => await connectClient({ port: weir.ports.web })))
  const traffic = new Traffic(clients)
  t.ok(await traffic.until([one]))

  await t.test('a pod that becomes ready gets requests', async t => {
    server.createSlice(sliceOf(two, 'stable', { ready: false, serving: false }))
    server.patchSlice(sliceOf(two, 'stable'))
    t.ok(await traffic.until([one, two]))
  })

  await t.test('a pod that terminates gets no new request while others are ready, and finishes what it has', async t => {
    const answers: Promise<{ readonly status: number, readonly body: string }>[] = []
    // Until one of them is with the pod that goes.
    while (one.held < 1 || answers.length < 4) {
      const client = await connectClient({ port: weir.ports.web })
      answers.push(client.begin('/held').whole)
      await eventually(async () => one.held + two.held === answers.length ? true : undefined)
    }
    server.patchSlice(sliceOf(one, 'stable', { ready: false, terminating: true }))
    await traffic.until([two])
    for (const origin of [one, two]) origin.answerHeld()
    for (const answer of await Promise.all(answers)) t.equal(answer.status, 200)
    t.ok((await Promise.all(answers)).some(({ body }) => body === 'one'), 'one of the slow answers comes from the pod that terminates')
    const before = one.requests
    await traffic.until([two])
    t.equal(one.requests, before)
  })

  await t.test('all that is left terminates but serves: it is used', async t => {
    server.patchSlice(sliceOf(two, 'stable', { ready: false, terminating: true }))
    t.ok(await traffic.until([one, two]))
  })

  await t.test('a pod that is ready again takes over, and those that are gone are gone', async t => {
    server.batch(() => {
      server.createSlice(sliceOf(three, 'stable'))
      server.deleteSlice('stable-one')
      server.deleteSlice('stable-two')
    })
    t.ok(await traffic.until([three]))
  })

  await t.test('without its API server Weir goes on with what it knows; with it, it catches up', async t => {
    const from = weir.log.length
    await server.kill()
    await weir.untilLogged('the watch of EndpointSlices failed; the last known endpoints are used meanwhile', from)
    await traffic.until([three])
    t.equal((await weir.api('GET', '/readyz')).status, 200)
    await eventually(async () => {
      const { body } = await weir.api('GET', '/v1/routes/hello')
      return JSON.stringify(body).includes('"stale"') ? true : undefined
    })
    t.ok(await weir.untilMetric('weir_watch_restarts_total', sum => sum >= 1) >= 1)
    // Meanwhile, unseen:
    server.createSlice(sliceOf(one, 'stable'))
    server.patchSlice(sliceOf(three, 'stable', { ready: false, terminating: true }))
    await server.startAgain()
    await traffic.until([one])
    const synced = async () => JSON.stringify((await weir.api('GET', '/v1/routes/hello')).body).includes('"stale"') ? undefined : true
    t.ok(await eventually(synced), 'nothing is stale any more')
  })

  await traffic.stop()
  t.same(traffic.failed, [])
  t.equal(traffic.answered, traffic.sent, `${traffic.sent} requests`)
  t.equal(await weir.stop(), 0)
})

t.test('ready only after the first list; without an endpoint 503', async t => {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const [one] = await startOrigins(t, ['one'])
  server.forbidden = true
  const weir = await startFollowing(t, server)
  const { body } = await weir.untilReadiness(503)
  t.match(body, { reasons: [/"stable" of route "hello"/, /"canary" of route "hello"/] })
  t.ok(await weir.untilLine(line => /forbidden/i.test(JSON.stringify(line)), 'the permission that is missing'))
  server.forbidden = false
  await weir.untilReadiness(200)
  const client = await connectClient({ port: weir.ports.web })
  t.match(await client.get(), { status: 503, body: /no_endpoint/ }, 'ready, and empty')
  server.createSlice(sliceOf(one, 'canary'))
  await weir.untilMetric('weir_endpoints', 1, { version: 'canary', condition: 'ready' })
  t.match(await client.get(), { status: 503, body: /no_endpoint/ }, 'a version without weight is nobody\'s fallback')
  t.equal((await weir.setWeights('hello', { stable: 1, canary: 1 })).status, 200)
  const answers = await Promise.all(Array.from({ length: 30 }, async (_, index) => await getOnce({ port: weir.ports.web, from: `127.3.0.${1 + index}` })))
  t.same(new Set(answers.map(({ body }) => body)), new Set(['one']), 'one with weight takes the clients of an empty one')
  const fallbacks = await weir.untilMetric('weir_fallbacks_total', sum => sum > 0, { version: 'canary' })
  t.ok(fallbacks > 0 && fallbacks < 30, `${fallbacks} of 30 fell back`)
  client.close()
  t.equal(await weir.stop(), 0)
})
