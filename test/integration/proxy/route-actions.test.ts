/** What routes and versions do to messages, with raw bytes on both sides. */
import type { RouteConfig, VersionConfig } from '../../../src/config/schema.ts'
import { recallRequest } from '../../../src/exchange/explain-choice.ts'
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { acceptUpgrade, switching, WEBSOCKET } from '../../helpers/open-tunnel.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler, type RawOrigin } from '../../helpers/raw-origin.ts'
import { accessLines, named, NO_EJECTION, says } from '../../helpers/two-endpoints.ts'

type Headers = NonNullable<NonNullable<VersionConfig['filters']>['requestHeaders']>
type Filters = NonNullable<RouteConfig['filters']>

const headers = (changes: Partial<Headers>): Headers => ({ set: [], add: [], remove: [], ...changes })
const set = (name: string, value: string): Headers => headers({ set: [{ name, value }] })
/** A limit of one client by its address. */
const rate = (requests: number, different: Partial<NonNullable<Filters['rateLimit']>> = {}): Filters =>
  ({ rateLimit: { requests, per: '1s', by: 'client-ip', maxClients: 64, ...different } })

async function single (bench: ProxyBench, filters: Filters, { handler = named('v1'), match = {} }: { readonly handler?: OriginHandler, readonly match?: RouteConfig['match'] } = {}): Promise<RawOrigin> {
  const origin = await bench.extraOrigin(handler)
  bench.route([{ weights: { v1: 1 }, filters, match: match ?? {} }])
  bench.endpoints('v1', [origin.port])
  return origin
}

/** What one of two versions gets after the other, to which the client belongs, has failed. */
async function afterFailure (bench: ProxyBench, versionFilters: Readonly<Record<string, NonNullable<VersionConfig['filters']>>>, filters: Filters = {}): Promise<RawOrigin> {
  const stable = await bench.extraOrigin(named('stable'))
  bench.route([{
    weights: { stable: 0, canary: 1 }, policy: { ...NO_EJECTION, failover: { to: 'stable', on: ['connect', 'reset', 502, 503, 504] } }, filters, versionFilters
  }])
  bench.endpoints('stable', [stable.port])
  return stable
}

const targetOf = (request: RawMessage | undefined): string => request?.startLine.split(' ')[1] ?? ''

proxyTest('fields, path and host of a request, and fields of its response, are changed by route and version', async (t, bench) => {
  const origin = await bench.extraOrigin(says(ok('body', 'Server: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n')))
  bench.route([{
    weights: { v1: 1 },
    match: { path: '/api' },
    filters: {
      requestHeaders: headers({ set: [{ name: 'X-Env', value: 'prod' }, { name: 'X-Both', value: 'route' }], remove: ['authorization'] }),
      responseHeaders: headers({ add: [{ name: 'Set-Cookie', value: 'c=3' }], remove: ['Server'] }),
      urlRewrite: { hostname: 'inside.example', path: { replacePrefixMatch: '/v2/' } }
    },
    versionFilters: {
      v1: { requestHeaders: headers({ set: [{ name: 'x-both', value: 'version ü' }], add: [{ name: 'Accept', value: 'text/b' }] }), responseHeaders: set('X-From', 'v1') }
    }
  }])
  bench.endpoints('v1', [origin.port])
  const answer = await (await bench.client()).ask(get('/api/x?y=/api', 'Authorization: secret\r\nX_ENV: fake\r\naccept: text/a\r\nx-both: client\r\n'))
  const [request] = origin.requests
  t.equal(request?.startLine, 'GET /v2/x?y=/api HTTP/1.1')
  if (request === undefined) return
  t.same(valuesOf(request, 'host'), ['inside.example'])
  t.same(valuesOf(request, 'x-forwarded-host'), ['example.test'])
  t.same([valuesOf(request, 'x-env'), valuesOf(request, 'x_env'), valuesOf(request, 'authorization')], [['prod'], [], []])
  t.same(valuesOf(request, 'x-both').map(value => Buffer.from(value, 'latin1').toString()), ['version ü'])
  t.same(valuesOf(request, 'accept'), ['text/a', 'text/b'])
  t.same([valuesOf(answer, 'server'), valuesOf(answer, 'set-cookie'), valuesOf(answer, 'x-from')], [[], ['a=1', 'b=2', 'c=3'], ['v1']])
  t.equal(answer.body.toString(), 'body')
  await bench.until('the log', () => bench.logLines.length === 1)
  t.match(accessLines(bench)[0], { path: '/api/x', host: 'example.test' }, 'the log has what the client has asked for')
}, { accessLog: { mode: 'on', sampleRate: 1 } })

proxyTest('a request that fails over gets the edits of the version that answers, and none of the other', async (t, bench) => {
  const stable = await afterFailure(bench, {
    canary: { requestHeaders: headers({ set: [{ name: 'X-V', value: 'canary' }], remove: ['X-Kept'] }), urlRewrite: { hostname: 'canary.example', path: { replaceFullPath: '/canary' } }, responseHeaders: set('X-By', 'canary') },
    stable: { requestHeaders: headers({ add: [{ name: 'X-V', value: 'stable' }] }), urlRewrite: { path: { replaceFullPath: '/stable' } }, responseHeaders: set('X-By', 'stable') }
  }, { requestHeaders: set('X-Route', 'r') })
  bench.endpoints('canary', [await closedPort()])
  const client = await bench.client()
  for (const [request, body] of [[get('/a?b', 'X-Kept: k\r\n'), ''], [post('/a?b', 'the body', 'X-Kept: k\r\n'), 'the body'], ['POST /a?b HTTP/1.1\r\nHost: example.test\r\nX-Kept: k\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthe\r\n0\r\nT: 1\r\n\r\n', 'the']] as const) {
    const answer = await client.ask(request)
    t.same([statusOf(answer), valuesOf(answer, 'x-by')], [200, ['stable']])
    const got = stable.requests.at(-1)
    t.equal(targetOf(got), '/stable?b')
    t.equal(got?.body.toString(), body)
    if (got === undefined) return
    t.same([valuesOf(got, 'host'), valuesOf(got, 'x-forwarded-host'), valuesOf(got, 'x-v'), valuesOf(got, 'x-kept'), valuesOf(got, 'x-route')], [
      ['example.test'], ['example.test'], ['stable'], ['k'], ['r']
    ])
    t.equal(valuesOf(got, 'via').length, 1, 'what Weir adds is there once')
  }
})

proxyTest('what a route sets or removes does not come in trailers either, in any spelling, whichever version gets them', async (t, bench) => {
  const stable = await afterFailure(bench, { canary: { requestHeaders: headers({ remove: ['X-Debug'] }) } }, { requestHeaders: set('X-User', 'nobody') })
  bench.endpoints('canary', [await closedPort()])
  const client = await bench.client()
  const start = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
  const end = (trailers: string): string => `0\r\n${trailers}\r\n`
  const forged = 'X-User: root\r\nx_user: root\r\nX.Debug: 1\r\n'
  await client.ask(start + end(`${forged}X-Sum: 1\r\n`))
  await client.ask(start + end(forged))
  const answered = client.ask(start)
  await bench.until('the first piece', () => stable.connections.reduce((heads, { reader }) => heads + reader.heads, 0) === 3)
  client.send(end(`X-Sum: 2\r\n${forged}`))
  await answered
  t.same(stable.requests.map(({ trailers, body }) => [trailers, body.toString()]), [['X-Sum: 1\r\n', 'abc'], ['', 'abc'], ['X-Sum: 2\r\n', 'abc']])
  t.same(stable.requests.map(request => valuesOf(request, 'x-user')), [['nobody'], ['nobody'], ['nobody']])
})

proxyTest('a version without edits gets the request as it came', async (t, bench) => {
  const stable = await afterFailure(bench, { canary: { requestHeaders: set('X-V', 'canary'), urlRewrite: { hostname: 'c' } } })
  const canary = await bench.extraOrigin(says('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'))
  bench.endpoints('canary', [canary.port])
  const client = await bench.client()
  await client.ask(get('/p'))
  await client.ask('GET /p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  const lines = ({ requests }: RawOrigin): ReadonlyArray<ReadonlyArray<readonly string[]>> =>
    requests.map(request => ['host', 'x-forwarded-host', 'x-v'].map(name => valuesOf(request, name)))
  t.same(lines(canary), [[['c'], ['example.test'], ['canary']], [['c'], [], ['canary']]])
  t.same(lines(stable), [[['example.test'], ['example.test'], []], [[''], [], []]])
})

proxyTest('a request that has waited gets the edits of the version to which it goes', async (t, bench) => {
  const filters = (value: string): VersionConfig['filters'] => ({ requestHeaders: set('X-V', value), urlRewrite: { path: { replaceFullPath: `/${value}` } } })
  const route = (value: string): void => {
    bench.route([{ weights: { v1: 1 }, whenEmpty: 'hold', versionFilters: { v1: filters(value) ?? {} } }])
  }
  route('first')
  const client = await bench.client()
  const answered = client.ask(post('/a', 'body'))
  await bench.until('it to wait', () => bench.version().held === 1)
  route('second')
  const origin = await bench.extraOrigin(named('v1'))
  bench.endpoints('v1', [origin.port])
  t.equal(statusOf(await answered), 200)
  const [request] = origin.requests
  t.same([targetOf(request), request === undefined ? [] : valuesOf(request, 'x-v'), request?.body.toString()], ['/second', ['second'], 'body'])
})

proxyTest('interim responses and what Weir answers itself are not changed; a switch and the answer to a HEAD are', async (t, bench) => {
  const filters: Filters = { responseHeaders: headers({ set: [{ name: 'X-R', value: 'r'.repeat(2_000) }], remove: ['x-old'] }) }
  const origin = await single(bench, filters, {
    handler: (request, connection) => {
      if (targetOf(request) === '/upgrade') acceptUpgrade(connection, switching('Upgrade: websocket\r\nX-Old: 1\r\n'))
      else connection.send('HTTP/1.1 103 Early Hints\r\nX-Old: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-Old: 1\r\nContent-Length: 5\r\n\r\n')
    }
  })
  const client = await bench.client()
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  client.expect('HEAD')
  const interim = await client.next()
  t.same([statusOf(interim), valuesOf(interim, 'x-old'), valuesOf(interim, 'x-r').length], [103, ['1'], 0])
  const head = await client.next()
  t.same([statusOf(head), valuesOf(head, 'x-old'), valuesOf(head, 'x-r').map(value => value.length), valuesOf(head, 'content-length')], [200, [], [2_000], ['5']])
  bench.endpoints('v1', [await closedPort()])
  const failed = await client.ask(get())
  t.same([statusOf(failed), valuesOf(failed, 'x-r')], [502, []])
  bench.endpoints('v1', [origin.port])
  client.expect('GET')
  client.send(get('/upgrade', WEBSOCKET))
  const switched = await client.next()
  t.same([statusOf(switched), valuesOf(switched, 'x-old'), valuesOf(switched, 'x-r').length, valuesOf(switched, 'upgrade')], [101, [], 1, ['websocket']])
})

proxyTest('clients of denied networks get 403, and the connection stays', async (t, bench) => {
  const origin = await single(bench, { clients: { allow: ['192.0.2.0/24', '127.0.0.0/8'], deny: ['192.0.2.7'] } })
  const client = await bench.client()
  for (const [from, status] of [['192.0.2.1', 200], ['192.0.2.7', 403], ['198.51.100.1', 403], ['127.0.0.9', 200], ['192.0.2.8', 200], ['2001:db8::1', 403]] as const) {
    t.equal(statusOf(await client.ask(get('/', `X-Forwarded-For: ${from}\r\n`))), status, from)
  }
  t.equal(origin.requests.length, 3)
  t.match((await client.ask(get('/', 'X-Forwarded-For: 192.0.2.7\r\n'))).body.toString(), /"code":"client_denied"/)
}, { trustedProxies: ['127.0.0.1'] })

proxyTest('of what filters answer the log says no key, and an explanation by id no version and no draw', async (t, bench) => {
  const client = await bench.client()
  const answered: Filters[] = [{ clients: { allow: [], deny: ['127.0.0.1'] } }, rate(1), { requestRedirect: { scheme: 'https', statusCode: 301 } }]
  for (const filters of answered) {
    await single(bench, filters)
    if (filters.rateLimit !== undefined) await client.ask(get('/'))
    const [id = ''] = valuesOf(await client.ask(get('/')), 'x-request-id')
    await bench.until('the request is over', () => bench.plane.recent.find(id) !== undefined)
    t.match(recallRequest(bench.plane, id).request, { keyKind: 'none', version: '', now: null })
  }
  await bench.until('the log', () => bench.logLines.length === 4)
  t.match(accessLines(bench).map(({ status, stickyKey, keyHash }) => ({ status, stickyKey, keyHash })), [
    { status: 403, stickyKey: null, keyHash: null },
    { status: 200, stickyKey: 'random', keyHash: null },
    { status: 429, stickyKey: null, keyHash: null },
    { status: 301, stickyKey: null, keyHash: null }
  ])
}, { accessLog: { mode: 'on', sampleRate: 1 }, responseFields: { requestId: true, version: false } })

timedProxyTest('a client that sends more than it may gets 429 with the time to wait; others are served', async (t, bench, advance) => {
  const origin = await single(bench, rate(2, { per: '10s' }))
  const client = await bench.client()
  const ask = async (from: string): Promise<RawMessage> => await client.ask(get('/', `X-Forwarded-For: ${from}\r\n`))
  const statuses = async (from: string, times: number): Promise<number[]> => {
    const found: number[] = []
    for (let index = 0; index < times; index++) found.push(statusOf(await ask(from)))
    return found
  }
  t.same(await statuses('192.0.2.1', 3), [200, 200, 429])
  const refused = await ask('192.0.2.1')
  t.same([valuesOf(refused, 'retry-after'), JSON.parse(refused.body.toString()).code], [['5'], 'rate_limited'])
  t.same(await statuses('192.0.2.2', 3), [200, 200, 429], 'another client')
  t.same(await statuses('2001:db8::1', 2), [200, 200])
  t.same(await statuses('2001:db8::ffff', 1), [429], 'the same network of IPv6')
  await advance(4_999)
  t.same(await statuses('192.0.2.1', 1), [429])
  await advance(1)
  t.same(await statuses('192.0.2.1', 2), [200, 429])
  await advance(20_000)
  t.same(await statuses('192.0.2.1', 3), [200, 200, 429], 'no more than the burst')
  t.equal(origin.requests.length, 9)
}, { trustedProxies: ['127.0.0.1'] })

timedProxyTest('clients are told apart by a header or a cookie, and by their address without it', async (t, bench) => {
  for (const [limit, field] of [[{ by: 'header', header: 'X-Key' }, (key: string) => `x-key: ${key}\r\n`], [{ by: 'cookie', cookie: 'sid' }, (key: string) => `Cookie: a=b; sid=${key}\r\n`]] as const) {
    await single(bench, rate(1, limit))
    const client = await bench.client()
    const found: number[] = []
    for (const fields of [field('a'), field('b'), field('a'), '', '', field('')]) found.push(statusOf(await client.ask(get('/', fields))))
    t.same(found, [200, 200, 429, 200, 429, 429], limit.by)
  }
})

proxyTest('a redirect keeps what it does not name; query, method and body are no matter', async (t, bench) => {
  const origin = await single(bench, { requestRedirect: { scheme: 'https', path: { replacePrefixMatch: '/new' }, statusCode: 308 } }, { match: { path: '/old' } })
  const client = await bench.client()
  for (const [request, location] of [
    [get('/old/a?b=/old'), 'https://example.test/new/a?b=/old'], [post('/old', 'body'), 'https://example.test/new'],
    ['GET http://Other.test:81/old/ HTTP/1.1\r\nHost: x\r\n\r\n', 'https://other.test/new/'], [get('/old//evil.example'), 'https://example.test/new//evil.example']
  ] as const) {
    const answer = await client.ask(request)
    t.same([statusOf(answer), valuesOf(answer, 'location'), valuesOf(answer, 'content-length')], [308, [location], ['0']])
  }
  const head = await client.ask('HEAD /old HTTP/1.1\r\nHost: h\r\n\r\n')
  t.same(valuesOf(head, 'location'), ['https://h/new'])
  t.equal(origin.requests.length, 0)
  const homeless = await client.ask('GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  t.equal(statusOf(homeless), 400)
})

proxyTest('without a scheme a redirect has the port of the listener, or that of the scheme that a trusted proxy tells', async (t, bench) => {
  await single(bench, { requestRedirect: { path: { replaceFullPath: '/b' }, statusCode: 302 } })
  const client = await bench.client()
  const location = async (fields: string): Promise<readonly string[]> => valuesOf(await client.ask(get('/a', fields)), 'location')
  t.same(await location(''), [`http://example.test:${bench.port}/b`])
  t.same(await location('X-Forwarded-Proto: https\r\n'), ['https://example.test/b'])
  t.same(await location('X-Forwarded-Proto: http\r\n'), ['http://example.test/b'])
}, { trustedProxies: ['127.0.0.1'] })

proxyTest('a version may take smaller bodies than its route', async (t, bench) => {
  const origin = await bench.extraOrigin(named('v1'))
  bench.route([{ weights: { v1: 1 }, policy: { maxBodyBytes: 8 }, versionMaxBodyBytes: { v1: 4 } }])
  bench.endpoints('v1', [origin.port])
  const ask = async (request: string): Promise<number> => statusOf(await (await bench.client()).ask(request))
  t.equal(await ask(post('/', '1234')), 200)
  t.equal(await ask(post('/', '12345')), 413)
  t.equal(await ask('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n'), 413)
  t.equal(await ask(post('/', '123456789')), 413, 'more than the route takes')
  t.same([bench.version().inFlight, origin.requests.length, bench.errors('body_too_large')], [0, 1, 3])
})
