import type { Test } from 'tap'
import { planeOptions, proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler, type RawOrigin } from '../../helpers/raw-origin.ts'
import { requestInFlight } from '../../helpers/request-in-flight.ts'

const named = (name: string): OriginHandler => (_, connection) => { connection.send(ok(name)) }

/** Requests from several clients until told to stop; every one has to be answered with 200. */
class Traffic {
  readonly seen = new Map<string, number>()
  readonly failures: string[] = []
  total = 0
  #stopped = false
  readonly #running: ReadonlyArray<Promise<void>>

  constructor (bench: ProxyBench, clients = 8) {
    this.#running = Array.from({ length: clients }, async () => { await this.#run(bench) })
  }

  async #run (bench: ProxyBench): Promise<void> {
    const client = await bench.client()
    while (!this.#stopped) {
      try {
        const answer = await client.ask(get())
        const body = answer.body.toString()
        if (statusOf(answer) !== 200) this.failures.push(`${statusOf(answer)} ${body}`)
        this.seen.set(body, (this.seen.get(body) ?? 0) + 1)
        this.total++
      } catch (error) {
        this.failures.push(String(error))
        return
      }
    }
  }

  async more (bench: ProxyBench, count = 200): Promise<void> {
    const before = this.total
    await bench.until('more traffic', () => this.total >= before + count || this.failures.length > 0)
  }

  async stop (t: Test): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    t.same(this.failures, [], `${this.total} requests, none lost`)
  }
}

async function twoVersions (bench: ProxyBench, weights: Readonly<Record<string, number>>): Promise<readonly [RawOrigin, RawOrigin]> {
  const origins = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))] as const
  bench.route([{ weights }])
  bench.endpoints('stable', [origins[0].port])
  bench.endpoints('canary', [origins[1].port])
  return origins
}

proxyTest('weights move under traffic and nothing is lost', async (t, bench) => {
  await twoVersions(bench, { stable: 100, canary: 0 })
  const traffic = new Traffic(bench)
  await traffic.more(bench)
  t.equal(traffic.seen.get('canary'), undefined)
  for (let canary = 0; canary <= 100; canary += 5) {
    bench.split({ stable: 100 - canary, canary })
    await traffic.more(bench, 30)
  }
  const before = traffic.seen.get('stable') ?? 0
  await traffic.more(bench)
  t.ok((traffic.seen.get('stable') ?? 0) - before <= 8, 'those that were on their way')
  await traffic.stop(t)
})

proxyTest('endpoints come and go under traffic and nothing is lost', async (t, bench) => {
  const origins = await Promise.all(['a', 'b', 'c'].map(async name => await bench.extraOrigin(named(name))))
  const [a = 0, b = 0, c = 0] = origins.map(({ port }) => port)
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [a])
  const traffic = new Traffic(bench)
  await traffic.more(bench, 100)
  for (const ports of [[a, b], [b], [b, c], [c], [a, b, c], [a]]) {
    bench.endpoints('v1', ports)
    await traffic.more(bench, 100)
  }
  await traffic.stop(t)
  await bench.until('the connections to the others to end', () => bench.counters.upstreamOpen <= 8)
  t.same([...traffic.seen.keys()].sort(), ['a', 'b', 'c'])
  t.equal(origins[1]?.connections.every(({ ended }) => ended), true, 'nobody is connected to an endpoint that has gone')
})

proxyTest('an endpoint that goes finishes what it has', async (t, bench) => {
  const { client, connection } = await requestInFlight(bench)
  const other = await bench.extraOrigin(named('other'))
  bench.endpoints('v1', [other.port])
  connection.send(ok('the last one'))
  t.equal((await client.answer()).body.toString(), 'the last one')
  await connection.untilEnded()
  t.equal((await client.ask(get())).body.toString(), 'other')
})

proxyTest('routes are replaced under traffic and nothing is lost; connections to endpoints that stay are kept', async (t, bench) => {
  const [stable] = await twoVersions(bench, { stable: 50, canary: 50 })
  const traffic = new Traffic(bench)
  await traffic.more(bench)
  const connections = stable.connections.length
  for (let round = 0; round < 20; round++) {
    bench.route([{ name: 'test', weights: { stable: 50, canary: 50 } }, { name: `extra-${round}`, match: { path: '/extra' }, weights: { v: 1 } }], planeOptions({ limits: { maxHeaderFields: 64 + round } }))
    await traffic.more(bench, 20)
  }
  await traffic.stop(t)
  t.ok(stable.connections.length <= connections + 8, 'no connection was thrown away')
})

proxyTest('a route that goes is a 404, and its endpoints are let go of', async (t, bench) => {
  await bench.origin(named('v1'))
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 200)
  bench.route([])
  t.equal(statusOf(await client.ask(get())), 404)
  await bench.until('the idle connection to end', () => bench.counters.upstreamOpen === 0)
  t.equal(bench.counters.upstreamIdle, 0)
})

proxyTest('a version without endpoints sends its clients to the next and gets them back', async (t, bench) => {
  const [, canary] = await twoVersions(bench, { stable: 0, canary: 100 })
  bench.split({ stable: 1, canary: 1_000_000 })
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'canary')
  bench.endpoints('canary', [])
  t.equal((await client.ask(get())).body.toString(), 'stable')
  t.equal((await client.ask(get())).body.toString(), 'stable')
  t.match(bench.version('stable'), { fallbacks: 2 })
  bench.endpoints('canary', [canary.port])
  t.equal((await client.ask(get())).body.toString(), 'canary')
  t.match(bench.version('stable'), { fallbacks: 2 })
})

proxyTest('whenEmpty: fail answers 503 for a version without endpoints', async (t, bench) => {
  const origin = await bench.extraOrigin(named('stable'))
  bench.route([{ whenEmpty: 'fail', weights: { stable: 0, canary: 1 } }])
  bench.endpoints('stable', [origin.port])
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 503)
  t.equal(bench.errors('no_endpoint', 'canary'), 1)
})

proxyTest('a client stays on its version, and only those who must move do', async (t, bench) => {
  const origins = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))] as const
  bench.route([{ affinity: { by: 'header', header: 'x-user', level: 'version' }, weights: { stable: 75, canary: 25 } }])
  bench.endpoints('stable', [origins[0].port])
  bench.endpoints('canary', [origins[1].port])
  const client = await bench.client()
  const ask = async (): Promise<readonly string[]> => {
    const versions: string[] = []
    for (let user = 0; user < 200; user++) versions.push((await client.ask(get('/', `X-User: ${user}\r\n`))).body.toString())
    return versions
  }
  const before = await ask()
  t.same(await ask(), before)
  bench.split({ stable: 50, canary: 50 })
  const after = await ask()
  t.ok(before.every((version, user) => version === 'stable' || after[user] === 'canary'), 'nobody leaves the version that grows')
  t.ok(after.some((version, user) => version !== before[user]))
})

proxyTest('new options are met with the next request of a connection', async (t, bench) => {
  await bench.origin(named('v1'))
  const client = await bench.client()
  const large = get('/', `X: ${'x'.repeat(3_000)}\r\n`)
  t.equal(statusOf(await client.ask(large)), 200)
  bench.route([{ weights: { v1: 1 } }], planeOptions({ limits: { maxHeadBytes: 2_048 } }))
  t.equal(statusOf(await client.ask(large)), 431)
})
