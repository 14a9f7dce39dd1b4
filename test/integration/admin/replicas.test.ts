/**
 * What the admin API says of several replicas, and what it tells another one.
 */
import t from 'tap'
import type { OtherReplicas } from '../../../src/admin/admin-deps.ts'
import type { ClusterRoute } from '../../../src/replicas/cluster-facts.ts'
import type { AwaitedChange, ConvergenceReceipt } from '../../../src/replicas/convergence.ts'
import type { PeerRequest } from '../../../src/replicas/proof-gate.ts'
import type { ReplicaQuery } from '../../../src/replicas/own-facts.ts'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import type { FakeClock } from '../../helpers/fake-clock.ts'
import { listenAdmin } from '../../helpers/listen-admin.ts'

const MISSING = { name: 'weir-2', address: '10.0.0.2:9901', reason: 'it gave no answer within 300 ms' }

const RECEIPT: ConvergenceReceipt = {
  replicas: { applied: 2, of: 3 },
  workers: { applied: 4, of: 6 },
  tookMs: 5_000.4,
  complete: false,
  stopping: false,
  missing: [MISSING],
  notes: ['weir-3 (10.0.0.3:9901) has no route "hello": its configuration is another one'],
  unknown: 'the API server said 403'
}

const version = (name: string, why: readonly string[] = []): ClusterRoute['versions'][number] =>
  ({ name, requests: 10, share: 0.5, inFlight: why.length, tunnels: 0, held: 0, safe: why.length === 0, why })

const ROUTE: ClusterRoute = {
  replicas: { answered: 2, of: 3 },
  missing: [MISSING],
  unknown: undefined,
  versions: [version('stable', ['replica weir-2 (10.0.0.2:9901) did not answer: it gave no answer within 300 ms']), version('canary')]
}

/** Other replicas that say what the test says. */
class Others implements OtherReplicas {
  cluster = ROUTE
  receipt = RECEIPT
  admits = true
  readonly asked: PeerRequest[] = []
  readonly changes: AwaitedChange[] = []
  readonly queries: ReplicaQuery[] = []
  readonly gate: OtherReplicas['gate'] = {
    admit: async request => {
      this.asked.push(request)
      return this.admits
        ? { ok: true, sign: (status, body) => `proof of ${status} ${body.length}` }
        : { ok: false, refusal: 'secret', challenge: 'Weir-Replica challenge="c", error="secret"' }
    }
  }

  async answer (query: ReplicaQuery) {
    this.queries.push(query)
    return { id: 'own', name: 'weir-0', version: '0.1.0', startedAt: '', ready: true, workers: 2, routes: new Map([['hello', { epoch: 1, workers: 2, all: 1 }]]), route: undefined }
  }

  async converge (change: AwaitedChange) {
    this.changes.push(change)
    return this.receipt
  }

  async route () {
    return this.cluster
  }
}

t.test('without other replicas nothing is said of any, and nobody is told anything', async t => {
  const { app } = await adminFixture()
  const list = await app.inject('/v1/replicas')
  t.match(list.json(), { replicas: [{ name: 'weir-0', self: true, answering: true, epochLag: { max: 0, routes: {} } }] })
  t.notOk('unknown' in list.json<object>())
  t.match((await app.inject('/v1/replica')).json(), { status: 404, code: 'not_found', detail: /replicas\.service is not configured/ })
  t.notOk('cluster' in (await app.inject('/v1/routes/hello')).json<object>())
  t.notOk('cluster' in (await app.inject('/v1/routes/hello/versions/canary/drain')).json<object>())
  const changed = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights?wait=all', payload: { weights: { stable: 1, canary: 1 } } })
  t.strictSame(Object.keys(changed.json<{ readonly applied: object }>().applied), ['workers', 'applied', 'complete', 'tookMs'])
})

t.test('with tokens and without other replicas it takes a token to learn that there is no such resource', async t => {
  const directory = t.testdir({ token: 'a-token-that-is-long-enough' })
  const { app } = await adminFixture({ tokens: [{ name: 'a', role: 'viewer', file: `${directory}/token` }] })
  t.equal((await app.inject('/v1/replica')).statusCode, 401)
  t.equal((await app.inject({ url: '/v1/replica', headers: { authorization: 'Bearer a-token-that-is-long-enough' } })).statusCode, 404)
})

t.test('wait=all says how far a change has come in all replicas', async t => {
  const others = new Others()
  const { app } = await adminFixture({ others })
  const changed = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights?wait=all&timeout=3s', payload: { weights: { stable: 1, canary: 1 } } })
  t.strictSame(changed.json<{ readonly applied: object }>().applied, {
    workers: 6,
    applied: 4,
    complete: false,
    tookMs: 5_000.4,
    replicas: { applied: 2, of: 3 },
    missing: [MISSING],
    notes: RECEIPT.notes,
    unknown: 'the API server said 403',
    summary: '2/3 replicas, 4/6 workers, 5000 ms; not weir-2 (10.0.0.2:9901): it gave no answer within 300 ms; others are not known: the API server said 403'
  })
  t.match(others.changes, [{ route: 'hello', versions: ['stable', 'canary'], epoch: 2, timeoutMs: 3_000 }])
  others.receipt = { ...RECEIPT, stopping: true, notes: [] }
  const stopped = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights?wait=all', payload: { weights: { stable: 3, canary: 1 } } })
  t.match(stopped.json(), { applied: { notes: [/this replica stops/], summary: /; this replica stops$/ } })
  await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', payload: { weights: { stable: 2, canary: 1 } } })
  t.equal(others.changes.length, 2, 'nobody is waited for who is not asked for')
})

t.test('a route has the sums, and a version is safe when it is in all replicas', async t => {
  const others = new Others()
  const { app, left } = await adminFixture({ others })
  t.strictSame((await app.inject('/v1/routes/hello')).json<{ readonly cluster: object }>().cluster, {
    replicas: { answered: 2, of: 3 },
    missing: [MISSING],
    versions: ROUTE.versions.map(({ safe, why, ...counts }) => ({ ...counts, drain: { safe, why } }))
  })
  t.match((await app.inject('/v1/routes/hello/versions/stable/drain')).json(), {
    safe: false, why: [/^replica weir-2 .* did not answer/], inFlight: 0, cluster: { replicas: { answered: 2, of: 3 }, inFlight: 1 }
  })
  t.match((await app.inject('/v1/routes/hello/versions/canary/drain')).json(), { safe: true, why: [] })
  left.inFlight = 2
  t.match((await app.inject('/v1/routes/hello/versions/canary/drain')).json(), { safe: false, why: ['inFlight: 2'] }, 'this one counts too')
})

t.test('what one replica has seen alone says so', async t => {
  const ask = { method: 'POST', url: '/v1/routes/hello/plan', payload: { to: 'canary' } } as const
  const warningsOf = async (others?: Others): Promise<string> => (await (await adminFixture(others === undefined ? {} : { others })).app.inject(ask)).body
  t.match(await warningsOf(new Others()), '"code":"one_replica","detail":"this speaks of the clients and requests of the replica that answers, one of 3"')
  t.notMatch(await warningsOf(), 'one_replica')
})

/** What becomes of it while time goes on. */
async function passing<Value> (clock: FakeClock, promise: Promise<Value>): Promise<Value> {
  const over = new AbortController()
  void promise.finally(() => { over.abort() })
  while (!over.signal.aborted) {
    clock.advance(50)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  return await promise
}

t.test('waiting for a drain waits for all replicas', async t => {
  const others = new Others()
  others.cluster = { ...ROUTE, versions: [version('stable'), version('canary', ['replica weir-2 (10.0.0.2:9901): 1 request is in flight'])] }
  const { app, clock } = await adminFixture({ others })
  const url = '/v1/routes/hello/versions/canary/drain?wait=true&timeout=1s'
  t.match((await passing(clock, app.inject(url))).json(), { safe: false, why: [/1 request is in flight/] }, 'the time was over')
  const waiting = passing(clock, app.inject({ url: url.replace('1s', '50s') }))
  others.cluster = { ...ROUTE, versions: [version('stable'), version('canary')] }
  t.match((await waiting).json(), { safe: true, why: [] })
})

t.test('another replica is told when it has proven itself, and the answer has a proof', async t => {
  const others = new Others()
  const { port } = await listenAdmin(t, { others })
  const answer = await fetch(`http://127.0.0.1:${port}/v1/replica?route=hello&epoch=3&timeout=2s`, { headers: { authorization: 'Weir-Replica x' } })
  const body = await answer.text()
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('weir-replica-proof'), `proof of 200 ${body.length}`)
  t.match(JSON.parse(body), { id: 'own', workers: 2, routes: { hello: [1, 2, 1] }, route: null })
  t.match(others.asked, [{
    method: 'GET', target: '/v1/replica?route=hello&epoch=3&timeout=2s', to: `127.0.0.1:${port}`, local: `127.0.0.1:${port}`, peer: '127.0.0.1', authorization: 'Weir-Replica x'
  }])
  t.match(others.queries, [{ route: 'hello', epoch: 3, timeoutMs: 2_000 }])
  others.admits = false
  const refused = await fetch(`http://127.0.0.1:${port}/v1/replica`)
  t.equal(refused.status, 401)
  t.equal(refused.headers.get('www-authenticate'), 'Weir-Replica challenge="c", error="secret"')
  t.match(await refused.json(), { code: 'unauthenticated', detail: /for other replicas of this Weir/ })
  t.equal(others.queries.length, 1)
  others.admits = true
  for (const query of ['?timeout=31s', '?epoch=-1', '?epoch=1e3', '?timeout=x']) t.equal((await fetch(`http://127.0.0.1:${port}/v1/replica${query}`)).status, 400, query)
})

t.test('who waits for the workers of this replica alone has an answer when it stops', async t => {
  const { app, publisher, stop } = await adminFixture()
  const published = Promise.withResolvers<undefined>()
  publisher.publish = async () => {
    published.resolve(undefined)
    return await new Promise<never>(() => {})
  }
  const answering = Promise.all([
    app.inject({ method: 'PUT', url: '/v1/routes/hello/weights?wait=all&timeout=30s', payload: { weights: { stable: 1, canary: 1 } } })
  ])
  await published.promise
  stop.abort()
  const [answer] = await answering
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), { epoch: 2, changed: true, applied: { workers: 2, complete: false, notes: [/this replica stops/] } })
})
