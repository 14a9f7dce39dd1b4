/** `whenEmpty: fallback` while a version goes: endpoints that are terminating are the last resort, and what was never sent goes elsewhere. */
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { named, NO_EJECTION, retries, retriesOf } from '../../helpers/two-endpoints.ts'

/** Clients of canary, which has nearly all of the weight. */
function canaryRoute (bench: ProxyBench, whenEmpty: 'fallback' | 'hold' | 'fail' = 'fallback'): void {
  bench.route([{ weights: { stable: 1, canary: 1_000_000 }, whenEmpty, policy: NO_EJECTION }])
}

/** All endpoints of a version are told to end, and still serve. */
function terminating (bench: ProxyBench, version: string, port: number): void {
  bench.routes.applyEndpoints({ type: 'endpoints', route: 'test', version, endpoints: [{ address: '127.0.0.1', port, ready: false, serving: true, terminating: true }] })
}

proxyTest('a version whose endpoints are all terminating is empty for its clients while another one is ready', async (t, bench) => {
  canaryRoute(bench)
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))]
  bench.endpoints('stable', [stable.port])
  terminating(bench, 'canary', canary.port)
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'stable')
  t.same([bench.version('stable').fallbacks, canary.requests.length], [1, 0])
  bench.endpoints('canary', [canary.port])
  t.equal((await client.ask(get())).body.toString(), 'canary', 'they return')
  t.equal(bench.version('stable').fallbacks, 1)
})

proxyTest('when no version is ready, the terminating endpoints of the client\'s own version come before those of others', async (t, bench) => {
  canaryRoute(bench)
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))]
  terminating(bench, 'stable', stable.port)
  terminating(bench, 'canary', canary.port)
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'canary')
  bench.endpoints('canary', [])
  t.equal((await client.ask(get())).body.toString(), 'stable')
  t.same([bench.version('canary').fallbacks, bench.version('stable').fallbacks], [0, 1])
})

for (const whenEmpty of ['hold', 'fail'] as const) {
  proxyTest(`${whenEmpty}: terminating endpoints are used, as nobody may go elsewhere`, async (t, bench) => {
    canaryRoute(bench, whenEmpty)
    const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin(named('canary'))]
    bench.endpoints('stable', [stable.port])
    terminating(bench, 'canary', canary.port)
    t.equal((await (await bench.client()).ask(get())).body.toString(), 'canary')
  })
}

for (const request of [get(), post('/', 'body')]) {
  const method = request.slice(0, request.indexOf(' '))
  proxyTest(`${method}: all endpoints of a version refuse, and the list is behind: the client's next choice gets it`, async (t, bench) => {
    canaryRoute(bench)
    const stable = await bench.extraOrigin(named('stable'))
    bench.endpoints('stable', [stable.port])
    bench.endpoints('canary', [await closedPort(), await closedPort(), await closedPort(), await closedPort()])
    t.equal((await (await bench.client()).ask(request)).body.toString(), 'stable')
    t.same(retriesOf(bench, 'canary'), { connect: 3 })
    t.same([bench.version('stable').fallbacks, bench.version('stable').requestsByClass[1], bench.version('canary').inFlight], [1, 1, 0])
  })
}

proxyTest('no version gets a request twice that none of them takes', async (t, bench) => {
  bench.route([{ weights: { one: 1, two: 1, three: 1 }, whenEmpty: 'fallback', policy: retries({ attempts: 1 }) }])
  for (const version of ['one', 'two', 'three']) bench.endpoints(version, [await closedPort()])
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
  t.equal(['one', 'two', 'three'].reduce((sum, version) => sum + (retriesOf(bench, version).connect ?? 0), 0), 2)
})

proxyTest('a version of weight 0 is nobody\'s next choice', async (t, bench) => {
  bench.route([{ weights: { stable: 0, canary: 1 }, whenEmpty: 'fallback', policy: NO_EJECTION }])
  bench.endpoints('stable', [(await bench.extraOrigin(named('stable'))).port])
  bench.endpoints('canary', [await closedPort()])
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
})

proxyTest('a GET that is lost at an endpoint that was told to end meanwhile goes to a version that is ready; a POST does not', async (t, bench) => {
  canaryRoute(bench)
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin()]
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [canary.port])
  const [getter, poster] = [await bench.client(), await bench.client()]
  getter.expect('GET')
  getter.send(get())
  poster.expect('POST')
  poster.send(post('/', 'once'))
  await bench.until('both requests', () => canary.requests.length === 2)
  terminating(bench, 'canary', canary.port)
  for (const connection of canary.connections) connection.reset()
  t.equal((await getter.answer()).body.toString(), 'stable')
  t.equal(statusOf(await poster.answer()), 502)
  t.equal(bench.version('stable').fallbacks, 1)
})

proxyTest('what was sent stays with its version while that has ready endpoints', async (t, bench) => {
  canaryRoute(bench)
  const [stable, canary] = [await bench.extraOrigin(named('stable')), await bench.extraOrigin((_, connection) => { connection.reset() })]
  bench.endpoints('stable', [stable.port])
  bench.endpoints('canary', [canary.port])
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
  t.equal(stable.requests.length, 0)
})
