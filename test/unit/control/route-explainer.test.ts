/**
 * What explain says, held to what the same worker does with requests.
 */
import t from 'tap'
import type { RouteConfig } from '../../../src/config/schema.ts'
import { IpKey } from '../../../src/routing/ip-key.ts'
import { ExplainBench, HELLO, toEndpoint } from '../../helpers/explain-bench.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const [STABLE, CANARY] = ['127.0.0.1:9001', '127.0.0.1:9002']
const noPanic = { ...ROUTE_DEFAULTS.health, panicThreshold: 0 }

/** Two endpoints for each version. */
const wide = (changes: Partial<RouteConfig> = {}): RouteConfig => ({
  ...HELLO,
  ...changes,
  versions: [
    { name: 'stable', weight: 1, endpoints: { static: [STABLE, '127.0.0.1:9003'] } },
    { name: 'canary', weight: 1, endpoints: { static: [CANARY, '127.0.0.1:9004'] } }
  ]
})

/** The client that tests ask for belongs to the canary. */
const IP = '203.0.113.8'

t.test('tells the epoch, the weights, the scores and the hash of the key, and the lowest score wins', async t => {
  const bench = new ExplainBench([HELLO])
  bench.split({ stable: 75, canary: 25 })
  for (let host = 0; host < 50; host++) {
    const { epoch, chosen, version, versions, stickyKey, outcome } = await bench.ask({ ip: `203.0.113.${host}` })
    const [winner] = [...versions].sort((left, right) => (left.score ?? Infinity) - (right.score ?? Infinity))
    t.match({ epoch, chosen, version, outcome }, { epoch: 2, chosen: winner?.name, version: winner?.name, outcome: 'attempt' })
    t.match(versions, [{ name: 'stable', weight: 75, usedEndpoints: 1, panic: 'none' }, { name: 'canary', weight: 25, usedEndpoints: 1 }])
    t.match(stickyKey, { kind: 'client-ip', value: `203.0.113.${host}`, hash: /^[0-9a-f]{8}$/, missing: null })
  }
})

t.test('the salt of a rollout is that of the explanation too, and of the scores in it', async t => {
  const bench = new ExplainBench([HELLO])
  const weights = { stable: 1, canary: 1 }
  const versions = async (): Promise<readonly unknown[]> =>
    await Promise.all(Array.from({ length: 40 }, async (_, host) => (await bench.ask({ ip: `203.0.113.${host}` })).version))
  const before = await versions()
  bench.split(weights, 'hello', 'rollout-7')
  const drawn = bench.workers[0]?.plane.routes.get('hello')?.split
  const during = await versions()
  t.not(during.join(), before.join(), 'another cohort')
  for (let host = 0; host < 40; host++) {
    const { versions: scored, version } = await bench.ask({ ip: `203.0.113.${host}` })
    t.equal(version, scored.toSorted((left, right) => (left.score ?? Infinity) - (right.score ?? Infinity))[0]?.name)
    t.equal(version, drawn?.versions[drawn.choose(new IpKey().hash(`203.0.113.${host}`))], 'what requests get')
  }
  bench.split(weights)
  t.same(await versions(), before)
})

t.test('a version whose endpoints fail their check is not named, as no request goes there', async t => {
  const bench = new ExplainBench([wide({ health: noPanic })])
  t.match(await bench.ask({ ip: IP }), { chosen: 'canary', version: 'canary' })
  bench.failing('canary', [CANARY, '127.0.0.1:9004'])
  const answer = await bench.ask({ ip: IP })
  t.match(answer, { chosen: 'canary', version: 'stable', outcome: 'attempt', versions: [{ usedEndpoints: 2 }, { usedEndpoints: 0 }] })
  t.match(answer.why.join('\n'), /"canary" uses 0 of 2 endpoints; left out: 127\.0\.0\.1:9002 \(check-failed: status 500\)/)
  t.match(answer.why.join('\n'), /"canary" has no ready endpoint; "stable" has the next score and serves until "canary" is back/)
})

t.test('in panic the version serves all the same, and says why', async t => {
  const bench = new ExplainBench([wide()])
  bench.failing('canary', [CANARY, '127.0.0.1:9004'])
  const answer = await bench.ask({ ip: IP })
  t.match(answer, { version: 'canary', versions: [{ panic: 'none' }, { usedEndpoints: 2, panic: 'all' }] })
  t.match(answer.why.join('\n'), /so few endpoints of "canary" are available that all 2 are used \(panic\)/)
})

t.test('an endpoint is certain only where the worker would take it', async t => {
  const bench = new ExplainBench([wide({ affinity: { by: 'client-ip', level: 'endpoint' } })])
  const pinned = (await bench.ask({ ip: IP })).endpoint
  const other = pinned === CANARY ? '127.0.0.1:9004' : CANARY
  t.not(pinned, null)
  bench.eject(0, 'canary', pinned ?? '')
  const answer = await bench.ask({ ip: IP })
  t.equal(answer.endpoint, other)
  t.match(answer.why.join('\n'), new RegExp(`left out: ${pinned} \\(ejected: 5 failures in a row`))
  const pool = bench.workers[0]?.plane.routes.get('hello')?.versions[1]?.pool
  t.equal(pool?.pick(Number.parseInt(answer.stickyKey.hash ?? '', 16) | 0, [])?.key, other, 'as the worker picks')
  const spread = new ExplainBench([wide()])
  t.match(await spread.ask({ ip: IP }), { endpoint: null, why: /which endpoint of "canary" gets it is decided by least-request/ })
  spread.eject(0, 'canary', CANARY)
  t.equal((await spread.ask({ ip: IP })).endpoint, '127.0.0.1:9004', 'only one is left')
})

t.test('workers that do not agree are told one by one, and nothing is named as certain', async t => {
  const bench = new ExplainBench([wide({ affinity: { by: 'client-ip', level: 'endpoint' } })], 2)
  const pinned = (await bench.ask({ ip: IP })).endpoint ?? ''
  bench.eject(1, 'canary', pinned)
  const answer = await bench.ask({ ip: IP })
  t.match(answer, { version: 'canary', endpoint: null, outcome: 'attempt', workers: [{ worker: 0, endpoint: pinned }, { worker: 1, version: 'canary' }], versions: [{}, { usedEndpoints: 1 }] })
  t.not(answer.workers[1]?.endpoint, pinned)
  t.match(answer.why.join('\n'), /worker 1: "canary" uses 1 of 2 endpoints/)
  t.notMatch(answer.why.join('\n'), /worker 0: "canary" uses/)
  t.match(answer.why.at(-1), /up to the kernel/)
})

t.test('a worker that does not answer is named, and then no endpoint is certain', async t => {
  const bench = new ExplainBench([HELLO], 2)
  bench.silent.add(1)
  const answer = await bench.ask({ ip: IP })
  t.match(answer, { version: 'canary', endpoint: null, workers: [{ worker: 0, endpoint: CANARY }] })
  t.match(answer.why.at(-1), /worker 1 has not answered within 1000 ms: what it would do is not known/)
  bench.silent.add(0)
  await t.rejects(bench.ask(), { code: 'workers_silent' })
})

t.test('says what the client was recognised by, and what was missing', async t => {
  const by = (affinity: RouteConfig['affinity']) => new ExplainBench([{ ...HELLO, affinity }])
  const cookie = by({ by: 'cookie', cookie: 'sid', level: 'version' })
  const found = (await cookie.ask({ headers: new Map([['cookie', 'a=b; sid=secret']]) })).stickyKey
  t.match(found, { kind: 'cookie', name: 'sid', value: /^[0-9a-f]{8}$/, missing: null })
  t.equal(found.value, found.hash)
  const answer = await cookie.ask({ ip: IP, headers: new Map([['cookie', 'a=b']]) })
  t.match(answer.stickyKey, { kind: 'client-ip', value: IP, missing: 'cookie "sid"' })
  t.match(answer.why[1], `the request has no cookie "sid", so the client is recognised by its IP ${IP}`)
  const header = by({ by: 'header', header: 'X-User', level: 'version' })
  t.match((await header.ask({ headers: new Map([['x-user', '42']]) })).stickyKey, { kind: 'header', name: 'X-User', value: '42', missing: null })
})

t.test('nobody serves: waits, fails or gets 503, as the route says', async t => {
  for (const [whenEmpty, outcome, text] of [
    ['fallback', 'no_endpoint', /no other version with a weight has one: the request gets 503/],
    ['hold', 'waits', /says to hold: the request waits for one/],
    ['fail', 'no_endpoint', /says to fail: the request gets 503/]
  ] as const) {
    const bench = new ExplainBench([{ ...HELLO, whenEmpty }])
    for (const version of ['stable', 'canary']) bench.endpoints(version, [])
    const answer = await bench.ask({ ip: IP })
    t.match(answer, { chosen: 'canary', version: null, endpoint: null, outcome }, whenEmpty)
    t.match(answer.why.join('\n'), text)
  }
  const zero = new ExplainBench([HELLO])
  zero.split({ stable: 0, canary: 0 })
  t.match(await zero.ask(), { chosen: null, version: null, outcome: 'no_endpoint', why: /every version of the route has the weight 0/ })
})

t.test('a limit that is met keeps the request out, in explain too', async t => {
  const bench = new ExplainBench([{ ...HELLO, circuitBreaker: { ...ROUTE_DEFAULTS.circuitBreaker, requests: 1 } }])
  t.match(await bench.ask({ ip: IP }), { outcome: 'attempt', endpoint: CANARY })
  const pool = bench.workers[0]?.plane.routes.get('hello')?.versions[1]?.pool.pick(0, [])
  if (pool !== undefined) pool.inFlight = 1
  t.match(await bench.ask({ ip: IP }), { outcome: 'circuit_open', version: null, endpoint: null })
  const full = new ExplainBench([HELLO], 1, { limits: { maxConcurrentRequests: 1 } })
  const [worker] = full.workers
  if (worker !== undefined) worker.plane.inFlight = 1
  t.match(await full.ask({ ip: IP }), { outcome: 'overloaded', version: null })
})

t.test('terminating endpoints are named as the last resort', async t => {
  const bench = new ExplainBench([HELLO])
  bench.endpoints('canary', [{ ...toEndpoint(CANARY), ready: false, terminating: true }])
  const before = await bench.ask({ ip: IP })
  t.match(before, { chosen: 'canary', version: 'stable' }, 'but not while another version is ready')
  t.match(before.why.join('\n'), /"canary" has no ready endpoint; "stable" has the next score/)
  bench.endpoints('stable', [])
  const after = await bench.ask({ ip: IP })
  t.equal(after.version, 'canary')
  t.match(after.why.join('\n'), /no endpoint of "canary" is ready: those that terminate but still serve are the last resort/)
})

t.test('a draw for each request names a version only when it can be no other', async t => {
  const bench = new ExplainBench([{ ...HELLO, affinity: { by: 'none', level: 'version' } }])
  t.match(await bench.ask(), { stickyKey: { kind: 'none', value: null, hash: null }, chosen: null, version: null, outcome: 'undecided', versions: [{ score: null }, { score: null }] })
  bench.endpoints('canary', [])
  t.match(await bench.ask(), { chosen: null, version: 'stable', endpoint: STABLE, outcome: 'attempt' })
  bench.split({ stable: 0, canary: 1 })
  t.match(await bench.ask(), { chosen: 'canary', version: null, outcome: 'no_endpoint' })
})

t.test('a route that another one takes requests from is explained all the same', async t => {
  const bench = new ExplainBench([HELLO, { ...HELLO, name: 'api', match: { path: '/api' } }])
  t.match(await bench.ask({ path: '/api/x' }), { route: 'hello', matches: false, matchedRoute: 'api', outcome: 'attempt', why: /the route "api" takes the request, not this one/ })
  t.match(await bench.ask({ path: '/x' }), { matches: true, matchedRoute: 'hello' })
  t.match(await bench.ask({ route: 'api' }), { matches: false, matchedRoute: 'hello' })
  t.equal(await bench.explainer.explain({ route: 'nope', ip: IP, method: 'GET', host: '', path: '/', query: '', headers: new Map(), members: new Map() }), undefined)
})

t.test('the version that may help out is named', async t => {
  const bench = new ExplainBench([{ ...HELLO, failover: { to: 'stable', on: ['connect'] } }])
  t.match((await bench.ask({ ip: IP })).why.at(-1), 'if that fails, "stable" may help out (failover)')
})
