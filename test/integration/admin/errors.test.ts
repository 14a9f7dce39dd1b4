import t from 'tap'
import { adminFixture } from '../../helpers/admin-fixture.ts'

const host = { host: 'localhost' }
const json = { ...host, 'content-type': 'application/json' }

t.test('what there is not is answered as problem details', async t => {
  const { app } = await adminFixture()
  for (const url of ['/nope', '/v1', '/v1/routes/', '/v1/routes/hello/', '/V1/routes', '/v1/routes/hello/nope', '//']) {
    const answer = await app.inject({ url, headers: host })
    t.equal(answer.statusCode, 404, url)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json(), { status: 404 })
  }
  for (const url of ['/v1/routes/nope', '/v1/routes/nope/history', '/v1/routes/__proto__', '/v1/routes/..%2f..%2fetc']) {
    t.match((await app.inject({ url, headers: host })).json(), { status: 404, code: 'unknown_route' }, url)
  }
})

t.test('methods that a resource does not have are refused with those it has', async t => {
  const { app } = await adminFixture()
  const wrong = [['DELETE', '/v1/routes/hello', 'GET, HEAD, OPTIONS'], ['POST', '/v1/routes', 'GET, HEAD, OPTIONS'], ['GET', '/v1/routes/hello/weights', 'PUT, OPTIONS'], ['PUT', '/v1/routes/hello/undo', 'POST, OPTIONS'], ['POST', '/healthz', 'GET, HEAD, OPTIONS']] as const
  for (const [method, url, allow] of wrong) {
    const answer = await app.inject({ method, url, headers: { ...host, 'content-type': 'text/plain' }, ...(method === 'GET' ? {} : { payload: 'x' }) })
    t.equal(answer.statusCode, 405, `${method} ${url}`)
    t.equal(answer.headers.allow, allow)
    t.match(answer.json(), { code: 'method_not_allowed' })
  }
  const options = await app.inject({ method: 'OPTIONS', url: '/v1/routes/hello/weights', headers: host })
  t.equal(options.statusCode, 204)
  t.equal(options.headers.allow, 'PUT, OPTIONS')
  t.notOk(Object.keys(options.headers).some(name => name.startsWith('access-control')), 'other web sites are not invited')
})

t.test('who may not know what there is may not learn it by a method', async t => {
  const { app } = await adminFixture({ tokens: [{ name: 'ci', role: 'viewer', file: `${t.testdir({ look: 'v'.repeat(32) })}/look` }] })
  const ask = async (method: 'POST' | 'OPTIONS' | 'PATCH', url: string, authorization?: string) => {
    const answer = await app.inject({ method, url, headers: { ...host, ...(authorization === undefined ? {} : { authorization }) } })
    return answer.statusCode
  }
  t.same([await ask('POST', '/healthz'), await ask('OPTIONS', '/healthz')], [405, 204])
  t.same([await ask('PATCH', '/v1/routes'), await ask('OPTIONS', '/v1/routes'), await ask('PATCH', '/v1/nope')], [401, 401, 401])
  const viewer = `Bearer ${'v'.repeat(32)}`
  t.same([await ask('PATCH', '/v1/routes', viewer), await ask('PATCH', '/v1/routes?a=/b#c', viewer), await ask('PATCH', '/v1/routesx', viewer)], [405, 405, 404])
})

t.test('bodies that are not what they say are refused', async t => {
  const { app, traffic } = await adminFixture()
  const put = (payload: string, headers: Record<string, string> = json) => app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers, payload })
  const malformed = ['', '{', 'null x', '{"weights":{"__proto__":1,"stable":1}}', '{"weights":{"constructor":{"prototype":1}}}', '\ufeff{', '[1,2']
  for (const body of malformed) t.match((await put(body)).json(), { status: 400, code: 'malformed_body' }, body)
  for (const body of ['null', '1', '"x"', '[]']) t.match((await put(body)).json(), { status: 400, code: 'invalid_request' }, body)
  t.match((await put('{"weights":{"stable":1e999,"canary":1}}')).json(), { status: 400, code: 'invalid_request' }, 'a number that overflows')
  t.match((await put('x=1', { ...host, 'content-type': 'application/x-www-form-urlencoded' })).json(), { status: 415, code: 'unsupported_media_type' })
  t.match((await put('{}', { ...host, 'content-type': 'text/plain' })).json(), { status: 415 }, 'what a browser sends without asking')
  t.match((await put('{}', host)).json(), { status: 415 }, 'no type at all')
  t.match((await put(JSON.stringify({ weights: { stable: 1 }, reason: 'x'.repeat(70_000) }))).json(), { status: 413, code: 'body_too_large' })
  t.equal(traffic.route('hello')?.epoch, 1)
})

t.test('every fault of a body is listed, within bounds', async t => {
  const { app } = await adminFixture()
  const answer = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers: host, payload: { weights: { stable: 'a', canary: -1 }, more: 1 } })
  const paths = answer.json<{ errors: { path: string }[] }>().errors.map(({ path }) => path).sort()
  t.same(paths, ['body/more', 'body/weights/canary', 'body/weights/stable'])
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`key${index}`, 1]))
  const bounded = await app.inject({ method: 'PUT', url: '/v1/routes/hello/weights', headers: host, payload: many })
  t.equal(bounded.json<{ errors: object[] }>().errors.length, 20)
})

t.test('targets that can\'t be read are refused', async t => {
  const { app } = await adminFixture()
  t.match((await app.inject({ url: '/v1/routes/%zz', headers: host })).json(), { status: 400, code: 'bad_request' })
  t.match((await app.inject({ url: `/v1/routes/${'a'.repeat(800)}`, headers: host })).json(), { status: 414, code: 'uri_too_long' })
  t.match((await app.inject({ url: '/v1/routes/hello/history?limit=0', headers: host })).json(), { errors: [{ path: 'query/limit' }] })
  t.match((await app.inject({ url: '/v1/routes/hello/history?limit=5&limit=6', headers: host })).json(), { errors: [{ path: 'query/limit' }] })
})

t.test('a defect is answered without its details, which are in the log', async t => {
  const { app, log } = await adminFixture({ metrics: async () => { throw new Error('password=hunter2 in /secret/place') } })
  const answer = await app.inject({ url: '/metrics', headers: host })
  t.equal(answer.statusCode, 500)
  t.same(answer.json(), { type: 'urn:weir:problem:internal_error', title: 'Weir failed to answer; its log says why', status: 500, code: 'internal_error' })
  t.match(log.at('error'), [{ fields: { url: '/metrics', error: /hunter2/ } }])
})
