import { join } from 'node:path'
import t from 'tap'
import { adminFixture } from '../../helpers/admin-fixture.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const headers = { host: 'localhost' }
const { retries, hold, health, slowStart, circuitBreaker, upgrades } = ROUTE_DEFAULTS

t.test('GET / says what there is', async t => {
  const { app } = await adminFixture()
  const { resources } = (await app.inject({ url: '/', headers })).json<{ resources: Record<string, string> }>()
  for (const url of Object.values(resources)) {
    // One of them never ends.
    const answer = await app.inject({ url, headers, payloadAsStream: true })
    t.equal(answer.statusCode, 200, url)
    answer.stream().destroy()
  }
})

t.test('all routes are listed with weights and ready endpoints', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({ url: '/v1/routes', headers })
  t.same(answer.json(), { routes: [{ name: 'hello', epoch: 1, revision: 1, weights: { stable: 90, canary: 10 }, readyEndpoints: { stable: 1, canary: 1 } }] })
  t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
})

t.test('a route shows versions, endpoints with conditions, sources and shares, and its epoch as ETag', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({ url: '/v1/routes/hello', headers })
  const healthy = { available: 'all', reasons: [] }
  t.equal(answer.headers.etag, '"1"')
  t.same(answer.json(), {
    name: 'hello',
    epoch: 1,
    revision: 1,
    weights: { stable: 90, canary: 10 },
    fileWeights: { stable: 90, canary: 10 },
    affinity: { by: 'header', header: 'x-user', level: 'version' },
    balancing: 'least-request',
    whenEmpty: 'fallback',
    policies: { retries, hold, health, slowStart, circuitBreaker, upgrades },
    match: { path: '/' },
    versions: [
      {
        name: 'stable',
        weight: 90,
        targetShare: 0.9,
        observed: { requests: 9, share: 0.9 },
        source: { kind: 'static', state: 'synced' },
        availableEndpoints: 1,
        panic: 'none',
        endpoints: [{ address: '127.0.0.1', port: 9001, ready: true, serving: true, terminating: false, health: healthy }]
      },
      {
        name: 'canary',
        weight: 10,
        targetShare: 0.1,
        source: { kind: 'kubernetes', state: 'stale', name: 'shop/hello-canary:http', detail: 'the API server does not answer' },
        availableEndpoints: 0,
        panic: 'some',
        endpoints: [
          {
            address: 'fd00::1',
            port: 80,
            ready: true,
            serving: true,
            terminating: false,
            health: {
              available: 'some',
              reasons: [{ kind: 'ejected', workers: 1, since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T00:00:10.000Z', detail: '5 failures in a row, the last one status_503' }]
            }
          },
          { address: 'fd00::2', port: 80, ready: false, serving: true, terminating: true, health: healthy }
        ]
      }
    ]
  })
  t.notMatch(answer.body, 'do-not-show', 'the salt of the draw stays inside')
})

t.test('HEAD is GET without a body', async t => {
  const { app } = await adminFixture()
  const [head, get] = await Promise.all((['HEAD', 'GET'] as const).map(method => app.inject({ method, url: '/v1/routes/hello', headers })))
  t.equal(head?.statusCode, 200)
  t.equal(head?.body, '')
  t.equal(head?.headers.etag, '"1"')
  t.equal(head?.headers['content-length'], get?.headers['content-length'])
})

t.test('health is always well, readiness gives its reasons', async t => {
  const { app, missing } = await adminFixture()
  t.same((await app.inject('/readyz')).json(), { ready: true, reasons: [] })
  missing.push('listener web is not open')
  const unready = await app.inject('/readyz')
  t.equal(unready.statusCode, 503)
  t.same(unready.json(), { ready: false, reasons: ['listener web is not open'] })
  t.same((await app.inject('/healthz')).json(), { status: 'ok' })
})

t.test('readiness names routes to those who may read them, and tells others how many wait', async t => {
  const file = join(t.testdir({ token: 'viewer-token-0123456789' }), 'token')
  const closed = await adminFixture({ tokens: [{ name: 'look', role: 'viewer', file }] })
  const open = await adminFixture()
  for (const { waiting } of [open, closed]) waiting.push('secret')
  const named = { ready: false, reasons: ['version "secret" waits'] }
  const counted = { ready: false, reasons: ['1 version has not had its first list of endpoints'] }
  const ask = async ({ app }: typeof open, headers: Record<string, string>, remoteAddress = '127.0.0.1') => {
    const answer = await app.inject({ url: '/readyz', headers: { host: 'localhost', ...headers }, remoteAddress })
    t.equal(answer.statusCode, 503)
    return answer.json<object>()
  }
  t.same(await ask(closed, { authorization: 'Bearer viewer-token-0123456789' }), named)
  t.same(await ask(closed, {}), counted)
  t.same(await ask(closed, { authorization: 'Bearer another-token-0123456789' }), counted, 'and nobody is refused')
  t.same(await ask(open, {}), named)
  t.same(await ask(open, {}, '10.0.0.9'), counted, 'not another machine')
  t.same(await ask(open, { host: 'evil.example' }), counted, 'nor a web site in the browser of this one')
  closed.waiting.push('another')
  t.same(await ask(closed, {}), { ready: false, reasons: ['2 versions have not had their first list of endpoints'] })
})

t.test('metrics come as the collector made them', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({ url: '/metrics', headers })
  t.equal(answer.body, 'weir_up 1\n')
  t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
})

t.test('explain hands over the request as routing sees one', async t => {
  const { app, asked } = await adminFixture()
  const query = 'ip=::ffff:203.0.113.9&method=POST&host=Hello.Example.com:8080&path=/a%3Fb%3Dc%3Fd&header=X-User:%2042&header=x-user:43&header=Cookie:a%3Db&header=User-Agent:one&header=cookie:sid%3D1&header=user-agent:two&header=x-city:K%C3%B6ln%20%E6%97%A5'
  const answer = await app.inject({ url: `/v1/routes/hello/explain?${query}`, headers })
  t.match(answer.json(), { matches: true, stickyKey: { kind: 'header', value: '42, 43' }, version: 'canary' })
  t.same(asked, [{
    route: 'hello',
    ip: '203.0.113.9',
    method: 'POST',
    host: 'hello.example.com',
    path: '/a',
    query: 'b=c?d',
    headers: new Map([['x-user', '42, 43'], ['cookie', 'a=b; sid=1'], ['user-agent', 'one'], ['x-city', 'Köln 日']]),
    members: new Map()
  }])
  await app.inject({ url: '/v1/routes/hello/explain?ip=::1&host=[::1]:80', headers })
  t.same(asked[1], { route: 'hello', ip: '::1', method: 'GET', host: '[::1]', path: '/', query: '', headers: new Map(), members: new Map() })
})

t.test('explain takes the id of a request that is over, and nothing besides', async t => {
  const { app, asked } = await adminFixture()
  const of = async (query: string, route = 'hello') => (await app.inject({ url: `/v1/routes/${route}/explain?${query}`, headers })).json()
  t.match(await of('requestId=0123456789abcdef'), { version: 'canary', why: ['because of 0123456789abcdef'] })
  t.match(await of('requestId=forgotten'), { status: 404, code: 'unknown_request', detail: 'nobody remembers it' })
  t.match(await of('requestId=abc', 'nope'), { status: 404, code: 'unknown_route' })
  for (const more of ['ip=::1', 'path=/x', 'header=a:b', 'method=POST', 'host=a']) {
    t.match(await of(`requestId=abc&${more}`), { code: 'invalid_request', errors: [{ path: 'query/requestId' }] }, more)
  }
  t.match(await of('requestId=%20'), { code: 'invalid_request', errors: [{ path: 'query/requestId' }] })
  t.same(asked, [])
})

t.test('what explain can\'t understand is refused with the place', async t => {
  const { app, asked } = await adminFixture()
  const wrong = {
    '': 'query/ip',
    'ip=nonsense': 'query/ip',
    'ip=1.2.3.4:80': 'query/ip',
    'ip=1.1.1.1&path=x': 'query/path',
    'ip=1.1.1.1&path=/%0d%0a': 'query/path',
    'ip=1.1.1.1&method=GE%20T': 'query/method',
    'ip=1.1.1.1&header=nocolon': 'query/header/0',
    'ip=1.1.1.1&header=a:b&header=a:%0d': 'query/header/1',
    'ip=1.1.1.1&user=42': 'query/user',
    'ip=1.1.1.1&header=x:%E9': 'query',
    'ip=1.1.1.1&header=x:100%': 'query'
  }
  for (const [query, path] of Object.entries(wrong)) {
    const answer = await app.inject({ url: `/v1/routes/hello/explain?${query}`, headers })
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { code: 'invalid_request', errors: [{ path }] }, query)
  }
  t.same(asked, [])
  t.match((await app.inject({ url: '/v1/routes/nope/explain?ip=::1', headers })).json(), { status: 404, code: 'unknown_route' })
})

t.test('/v1/state says how the store of the weights is doing', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({ url: '/v1/state', headers })
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { store: 'memory', state: 'synced', detail: '' })
})

t.test('/v1/webhooks says how each is doing, and no more than is known', async t => {
  const counts = { queued: 0, delivered: 1, retried: 2, refused: 3, expired: 4, dropped: 5 }
  const { app } = await adminFixture({
    webhooks: () => [
      { name: 'new', url: 'http://a/', events: ['weights'], ...counts, lastSuccessMs: undefined, lastError: undefined },
      { name: 'old', url: 'http://b/', events: ['verdict', 'rollout'], ...counts, lastSuccessMs: Date.UTC(2026, 0, 1), lastError: { atMs: Date.UTC(2026, 0, 2), reason: 'answers 503' } }
    ]
  })
  const answer = await app.inject({ url: '/v1/webhooks', headers })
  t.same(answer.json(), {
    webhooks: [
      { name: 'new', url: 'http://a/', events: ['weights'], ...counts },
      { name: 'old', url: 'http://b/', events: ['verdict', 'rollout'], ...counts, lastSuccess: '2026-01-01T00:00:00.000Z', lastError: { at: '2026-01-02T00:00:00.000Z', reason: 'answers 503' } }
    ]
  })
})
