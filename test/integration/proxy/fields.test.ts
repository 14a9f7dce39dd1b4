import { proxyTest } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }

/** The fields of a request without those that Weir adds, as lines. */
function ownLines (message: RawMessage | undefined): readonly string[] {
  const added = new Set(['via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id'])
  return (message?.fields ?? []).filter(([name]) => !added.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`)
}

proxyTest('end-to-end fields reach the origin in order and unchanged, bytes past ASCII too', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const lines = ['Cookie: a=1', 'X-Empty: ', 'x-OBS: \xe9\xff\x80', 'Cookie: b=2', 'Accept-Encoding: gzip, br', 'Range: bytes=0-1', 'X-Quoted: "a, b"']
  await client.ask(`GET /a/../b//c;d?e=%2e&f=|{} HTTP/1.1\r\nHost: Example.TEST:80\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`)
  t.equal(origin.requests[0]?.startLine, 'GET /a/../b//c;d?e=%2e&f=|{} HTTP/1.1')
  t.same(ownLines(origin.requests[0]), ['Host: Example.TEST:80', ...lines.map(line => line)])
})

proxyTest('end-to-end fields reach the client in order and unchanged', async (t, bench) => {
  const lines = ['Set-Cookie: a=1', 'ETag: "x"', 'X-Obs: \xe9\x80', 'WWW-Authenticate: Basic', 'Set-Cookie: b=2', 'WWW-Authenticate: Digest', 'Content-Encoding: gzip', 'Server: origin', 'Via: 1.1 inner']
  await bench.origin((_, connection) => { connection.send(ok('x', lines.map(line => `${line}\r\n`).join(''))) })
  const client = await bench.client()
  const answer = await client.ask(get())
  t.same(answer.fields.slice(2).map(([name, value]) => `${name}: ${value}`), lines)
})

for (const nominated of ['Connection: X-Secret', 'connection: close-not, x-secret', 'Connection: ,, X-SECRET ,', 'Connection: Foo\r\nConnection: X-Secret']) {
  proxyTest(`the fields that ${JSON.stringify(nominated)} names do not reach the origin`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const client = await bench.client()
    await client.ask(get('/', `X-Secret: 1\r\nX-Kept: 2\r\n${nominated}\r\nx-secret: 3\r\n`))
    t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-Kept: 2'])
  })
}

proxyTest('naming Host, Content-Length or Transfer-Encoding in Connection does not damage the request', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(post('/', 'body', 'Connection: Host, Content-Length\r\n'))
  await client.ask('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: Transfer-Encoding\r\n\r\n4\r\nbody\r\n0\r\n\r\n', 'POST')
  t.same(origin.requests.map(({ body }) => body.toString()), ['body', 'body'])
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'host'), ['example.test'])
})

proxyTest('naming X-Forwarded-For, Via or X-Request-Id in Connection does not take out ours', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'Connection: X-Forwarded-For, X-Request-Id, X-Forwarded-Proto, Via\r\nX-Forwarded-For: 1.2.3.4\r\nX-Request-Id: mine\r\n'))
  const [request] = origin.requests
  t.same(valuesOf(request ?? { fields: [] }, 'x-forwarded-for'), ['127.0.0.1'])
  t.same(valuesOf(request ?? { fields: [] }, 'via'), ['1.1 weir'])
  t.match(valuesOf(request ?? { fields: [] }, 'x-request-id'), [/^[0-9a-f]{32}$/])
})

proxyTest('hop-by-hop fields do not reach the origin, nominated or not', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: foo\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: keep-alive\r\nX-Kept: 1\r\n'))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-Kept: 1'])
})

proxyTest('hop-by-hop fields of the response do not reach the client', async (t, bench) => {
  await bench.origin((_, connection) => {
    connection.send(ok('x', 'Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nConnection: X-Secret, keep-alive\r\nX-Secret: 1\r\nX-Kept: 2\r\n'))
  })
  const client = await bench.client()
  t.same((await client.ask(get())).fields.map(([name]) => name), ['Date', 'Content-Length', 'X-Kept'])
})

proxyTest('TE: trailers is passed on as a wish of Weir\'s own hop', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'TE: gzip, trailers\r\nConnection: TE\r\n'))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', 'TE: trailers', 'Connection: TE'])
})

proxyTest('Via is added behind the entries that are there', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'Via: 1.0 fred\r\n'))
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'via'), ['1.0 fred', '1.1 weir'])
})

proxyTest('what an untrusted client says of itself is replaced', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'X-Forwarded-For: 192.0.2.1\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: evil\r\nX-Request-Id: evil\r\nX-Forwarded-For: 192.0.2.2\r\n'))
  const request = origin.requests[0] ?? { fields: [] }
  t.same(valuesOf(request, 'x-forwarded-for'), ['127.0.0.1'])
  t.same(valuesOf(request, 'x-forwarded-proto'), ['http'])
  t.same(valuesOf(request, 'x-forwarded-host'), ['example.test'])
  t.match(valuesOf(request, 'x-request-id'), [/^[0-9a-f]{32}$/])
})

proxyTest('what a trusted proxy says of the client is kept and added to', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask(get('/', 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: outside.test\r\nX-Request-Id: Abc-123\r\n'))
  await client.ask(get('/', 'X-Request-Id: not <valid>\r\nX-Forwarded-Proto: gopher\r\n'))
  const [first, second] = origin.requests
  t.same(valuesOf(first ?? { fields: [] }, 'x-forwarded-for'), ['192.0.2.1, 192.0.2.2, 127.0.0.1'])
  t.same(valuesOf(first ?? { fields: [] }, 'x-forwarded-proto'), ['https'])
  t.same(valuesOf(first ?? { fields: [] }, 'x-forwarded-host'), ['outside.test'])
  t.same(valuesOf(first ?? { fields: [] }, 'x-request-id'), ['Abc-123'])
  t.same(valuesOf(second ?? { fields: [] }, 'x-forwarded-for'), ['127.0.0.1'])
  t.same(valuesOf(second ?? { fields: [] }, 'x-forwarded-proto'), ['http'])
  t.match(valuesOf(second ?? { fields: [] }, 'x-request-id'), [/^[0-9a-f]{32}$/])
}, { trustedProxies: ['127.0.0.0/8'] })

proxyTest('every request gets another X-Request-Id', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  for (let round = 0; round < 20; round++) await client.ask(get())
  t.equal(new Set(origin.requests.flatMap(request => valuesOf(request, 'x-request-id'))).size, 20)
})

proxyTest('the authority of an absolute form replaces Host', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  await client.ask('GET http://real.test:81/a?b HTTP/1.1\r\nX-A: 1\r\nHost: fake.test\r\nX-B: 2\r\n\r\n')
  await client.ask('GET http://real.test?q HTTP/1.1\r\nHost: real.test\r\n\r\n')
  await client.ask('GET http://real.test HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  const [first, second, third] = origin.requests
  t.equal(first?.startLine, 'GET /a?b HTTP/1.1')
  t.same([...ownLines(first)].sort(), ['Host: real.test:81', 'X-A: 1', 'X-B: 2'])
  t.same(valuesOf(first ?? { fields: [] }, 'x-forwarded-host'), ['real.test:81'])
  t.equal(second?.startLine, 'GET /?q HTTP/1.1')
  t.equal(third?.startLine, 'GET / HTTP/1.1')
  t.same(valuesOf(third ?? { fields: [] }, 'host'), ['real.test'])
})

proxyTest('OPTIONS * stays what it is', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  t.equal(statusOf(await client.ask('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n')), 200)
  t.equal(origin.requests[0]?.startLine, 'OPTIONS * HTTP/1.1')
})

proxyTest('methods are passed on as they are, known or not', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  for (const method of ['PROPFIND', 'get', 'M-SEARCH', 'DELETE']) t.equal(statusOf(await client.ask(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)), 200)
  t.same(origin.requests.map(({ startLine }) => startLine.split(' ')[0]), ['PROPFIND', 'get', 'M-SEARCH', 'DELETE'])
})

proxyTest('a body on GET and DELETE reaches the origin', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  for (const method of ['GET', 'DELETE']) await client.ask(`${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody`)
  t.same(origin.requests.map(({ body }) => body.toString()), ['body', 'body'])
})

proxyTest('a later minor version is spoken to as HTTP/1.1', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  t.equal((await client.ask('GET / HTTP/1.2\r\nHost: h\r\n\r\n')).startLine, 'HTTP/1.1 200 OK')
  await client.ask(get())
  t.same(origin.requests.map(({ startLine }) => startLine), ['GET / HTTP/1.1', 'GET / HTTP/1.1'])
})

proxyTest('a length with leading zeros is passed on without them', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0004\r\n\r\ndown') })
  const client = await bench.client()
  const answer = await client.ask('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 002\r\n\r\nup')
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'content-length'), ['2'])
  t.same(valuesOf(answer, 'content-length'), ['4'])
  t.equal(answer.body.toString(), 'down')
})

proxyTest('Date is added to a response that has none, and left alone in one that has', async (t, bench) => {
  let fields = ''
  await bench.origin((_, connection) => { connection.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`) })
  const client = await bench.client()
  const [added = ''] = valuesOf(await client.ask(get()), 'date')
  t.match(added, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
  t.ok(Math.abs(Date.parse(added) - Date.now()) < 60_000)
  fields = 'date: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
  t.same(valuesOf(await client.ask(get()), 'date'), ['Thu, 01 Jan 2026 00:00:00 GMT'])
})

proxyTest('statuses and reasons are passed on as they are', async (t, bench) => {
  let line = ''
  await bench.origin((_, connection) => { connection.send(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`) })
  const client = await bench.client()
  for (line of ['302 Found', '418 I\'m a teapot', '299 ', '500 \xe9chec', '599 x y z']) t.equal((await client.ask(get())).startLine, `HTTP/1.1 ${line}`)
  line = '200'
  t.equal((await client.ask(get())).startLine, 'HTTP/1.1 200 ', 'the space that RFC 9112 section 4 demands is put in')
})

for (const [what, method, head] of [
  ['HEAD with Content-Length', 'HEAD', '200 OK\r\nContent-Length: 1000'],
  ['HEAD with Transfer-Encoding', 'HEAD', '200 OK\r\nTransfer-Encoding: chunked'],
  ['HEAD without either', 'HEAD', '200 OK'],
  ['204', 'GET', '204 No Content'],
  ['204 with Content-Length', 'GET', '204 No Content\r\nContent-Length: 5'],
  ['204 with Transfer-Encoding', 'GET', '204 No Content\r\nTransfer-Encoding: chunked'],
  ['304 with Content-Length', 'GET', '304 Not Modified\r\nContent-Length: 1000'],
  ['304 without', 'GET', '304 Not Modified']
] as const) {
  proxyTest(`the answer has no body and both connections stay in step: ${what}`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      connection.send(request.startLine.includes('/next') ? ok('next') : `HTTP/1.1 ${head}\r\nX-A: b\r\n\r\n`)
    })
    const client = await bench.client()
    client.expect(method, 'GET')
    client.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n` + get('/next'))
    const answer = await client.answer()
    t.equal(statusOf(answer), Number(head.slice(0, 3)))
    t.same(valuesOf(answer, 'x-a'), ['b'])
    if (head.includes('1000')) t.same(valuesOf(answer, 'content-length'), ['1000'], 'the length of what a GET would get')
    if (head.startsWith('204')) t.same([...valuesOf(answer, 'content-length'), ...valuesOf(answer, 'transfer-encoding')], [])
    t.equal((await client.answer()).body.toString(), 'next')
    t.equal(origin.connections.length, 1)
  })
}

proxyTest('trailers go both ways, without those that are not allowed there', async (t, bench) => {
  const trailers = 'X-First: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nAuthorization: x\r\nX-Forwarded-For: 1.1.1.1\r\nX-Last: 2\r\nSet-Cookie: a\r\n'
  const origin = await bench.origin((_, connection) => { connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-First\r\n\r\n1\r\nx\r\n0\r\n${trailers}\r\n`) })
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    const answer = await client.ask(`POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${trailers}\r\n`)
    t.equal(answer.trailers, 'X-First: 1\r\nX-Last: 2\r\n')
    t.equal(origin.requests[round]?.trailers, 'X-First: 1\r\nX-Last: 2\r\n')
  }
  const without = await client.ask(get())
  t.equal(without.trailers, 'X-First: 1\r\nX-Last: 2\r\n')
})

proxyTest('trailers are left out for an HTTP/1.0 client', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: 1\r\n\r\n') })
  const client = await bench.client()
  t.equal((await client.ask('GET / HTTP/1.0\r\n\r\n')).body.toString(), 'x')
})

proxyTest('an HTTP/1.0 client without Host is served and its connection closed', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const answer = await client.ask('GET /old HTTP/1.0\r\n\r\n')
  t.same(valuesOf(answer, 'connection'), ['close'])
  await client.untilEnded()
  t.equal(origin.requests[0]?.startLine, 'GET /old HTTP/1.1')
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'host'), [''], 'its own address would come back in redirects')
})

proxyTest('a request without Host gets the configured one, and only that', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  bench.route([{ weights: { v1: 1 }, policy: { defaultHost: 'shop.example:8443' } }])
  bench.endpoints('v1', [origin.port])
  for (const request of [
    'GET / HTTP/1.0\r\n\r\n',
    'GET / HTTP/1.0\r\nHost: own.example\r\n\r\n',
    'GET http://absolute.example/ HTTP/1.0\r\n\r\n',
    get()
  ]) {
    await (await bench.client()).ask(request)
  }
  t.same(origin.requests.map(request => valuesOf(request, 'host')), [
    ['shop.example:8443'],
    ['own.example'],
    ['absolute.example'],
    ['example.test']
  ])
  t.same(origin.requests.map(request => valuesOf(request, 'x-forwarded-host')), [
    [],
    ['own.example'],
    ['absolute.example'],
    ['example.test']
  ])
})

for (const trusted of [false, true]) {
  proxyTest(`no field tells an origin its own address as the host${trusted ? ', from a trusted proxy either' : ''}`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      const [host = ''] = valuesOf(request, 'host')
      connection.send(`HTTP/1.1 302 Found\r\nLocation: http://${host}/moved\r\nContent-Length: 0\r\n\r\n`)
    })
    const answer = await (await bench.client()).ask('GET / HTTP/1.0\r\n\r\n')
    t.same(valuesOf(answer, 'location'), ['http:///moved'])
    t.notOk(origin.requests[0]?.fields.some(([, value]) => value.includes(String(origin.port))))
  }, trusted ? { trustedProxies: ['127.0.0.1'] } : {})
}

proxyTest('an HTTP/1.0 client that announces keep-alive is told so and kept', async (t, bench) => {
  await bench.origin(answerOk)
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    t.same(valuesOf(await client.ask('GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'), 'connection'), ['keep-alive'])
  }
  t.equal(client.ended, false)
})
