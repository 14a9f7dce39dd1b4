/** What of a request reaches the origin, and as what: cases 1 to 8. */
import { randomBytes } from 'node:crypto'
import { proxyTest } from '../helpers/data-plane.ts'
import { echoTarget } from '../helpers/observe-request.ts'
import { ownLines } from '../helpers/own-lines.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

/** The body as chunks of the given size. */
function chunked (body: Buffer, size: number): Buffer {
  const pieces: Buffer[] = []
  for (let from = 0; from < body.length; from += size) {
    const piece = body.subarray(from, from + size)
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')])
}

function withLength (method: string, body: Buffer, fields = ''): Buffer {
  return Buffer.concat([Buffer.from(`${method} /x HTTP/1.1\r\nHost: h\r\n${fields}Content-Length: ${body.length}\r\n\r\n`), body])
}

function withChunks (method: string, body: Buffer, size = 4_096): Buffer {
  return Buffer.concat([Buffer.from(`${method} /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`), chunked(body, size)])
}

const BODIES: ReadonlyArray<readonly [what: string, body: Buffer]> = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['every byte', Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))],
  ['a chunked body', Buffer.from('5\r\nhello\r\n0\r\n\r\n')],
  ['a request', Buffer.from(get('/hidden'))],
  ['as much as a read takes', randomBytes(131_072)],
  ['more than a read takes', randomBytes(300_001)]
]

for (const method of ['GET', 'POST']) {
  for (const [what, body] of BODIES) {
    proxyTest(`case 1: ${what} as the body of a ${method} arrives identical`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const client = await bench.client()
      for (const request of [
        withLength(method, body), withChunks(method, body), withChunks(method, body, 100_000), withChunks(method, body.subarray(0, 3_000), 1)
      ]) {
        t.equal(statusOf(await client.ask(request, method)), 200)
      }
      const expected = [body, body, body, body.subarray(0, 3_000)]
      t.same(origin.requests.map(request => request.body.equals(expected.shift() ?? Buffer.from('none'))), [true, true, true, true])
      t.same(origin.faults, [])
    })
  }
}

for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PATCH', 'REPORT']) {
  proxyTest(`case 2: the body of a ${method} is not dropped`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('')) })
    const client = await bench.client()
    for (const request of [
      withLength(method, Buffer.from('body')), withChunks(method, Buffer.from('body')), withLength(method, Buffer.from('')),
      withChunks(method, Buffer.from(''))
    ]) {
      t.equal(statusOf(await client.ask(request, method)), 200)
    }
    t.same(origin.requests.map(({ body }) => body.toString()), ['body', 'body', '', ''])
  })
}

for (const connection of [
  'X-Secret', 'x-secret', 'X-SECRET', 'close-not, X-Secret', ',, X-Secret ,', ' \t X-Secret\t ', 'keep-alive,X-Secret', 'X-Secret, keep-alive',
  ',X-Secret',
  'X-Other\r\nConnection: X-Secret', 'X-Secret\r\nconnection: close', '\r\nConnection: X-Secret', 'X-Secret, X-Secret', 'Host, X-Secret',
  'X-Secret,\r\nConnection:,'
]) {
  proxyTest(`case 3: what Connection: ${JSON.stringify(connection)} names stays here, before and behind it`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    const request = get('/', `X-Secret: 1\r\nX-Kept: 2\r\nConnection: ${connection}\r\nx-secret: 3\r\nX-Secret-Not: 4\r\nX-SECRET:\r\n`)
    t.equal(statusOf(await client.ask(request)), 200)
    t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-Kept: 2', 'X-Secret-Not: 4'])
  })
}

proxyTest('case 3: fields that matter to others may be nominated too', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  await client.ask(get('/', 'Connection: Cookie, Authorization, Accept, X-A, X-B\r\nCookie: a\r\nAuthorization: b\r\nX-B: 1\r\nAccept: */*\r\nX-A: 1\r\nX-C: 1\r\n'))
  t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-C: 1'])
})

proxyTest('case 3: nominating what Weir adds does not take it away', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  await client.ask(get('/', 'Connection: Via, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Request-Id\r\n'))
  const request = origin.requests[0] ?? { fields: [] }
  for (const name of [
    'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'
  ]) t.equal(valuesOf(request, name).length, 1, name)
})

for (const connection of [
  'Host', 'Content-Length', 'host, content-length, transfer-encoding', 'HOST\r\nConnection: Content-Length', 'close, Host, Content-Length'
]) {
  proxyTest(`case 4: Connection: ${JSON.stringify(connection)} does not damage the message`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    for (const request of [withLength('POST', Buffer.from('body'), `Connection: ${connection}\r\n`),
      Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nConnection: ${connection}, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`)]) {
      const client = await bench.client()
      t.equal(statusOf(await client.ask(request, 'POST')), 200)
    }
    t.same(origin.requests.map(message => [message.body.toString(), valuesOf(message, 'host').length]), [['body', 1], ['body', 1]])
    t.same(origin.faults, [])
  })
}

for (const field of [
  'Keep-Alive: timeout=5', 'keep-alive: 300', 'Proxy-Connection: keep-alive', 'TE: gzip', 'TE: trailers;q=0.x, deflate', 'TE:',
  'Upgrade: websocket', 'Upgrade: h2c, foo', 'HTTP2-Settings: AAMAAABk', 'Connection: keep-alive', 'Connection: foo'
]) {
  proxyTest(`case 5: ${field} stays here without being nominated`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(get('/', `${field}\r\nX-Kept: 1\r\n`))), 200)
    t.same(ownLines(origin.requests[0]), ['Host: example.test', 'X-Kept: 1'])
  })
}

for (const te of ['trailers', 'Trailers', 'gzip, trailers', 'trailers , deflate;q=0.5', 'gzip\r\nTE: trailers']) {
  proxyTest(`case 5: TE: ${JSON.stringify(te)} leaves the wish for trailers`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    await client.ask(get('/', `TE: ${te}\r\n`))
    t.same(ownLines(origin.requests[0]), ['Host: example.test', 'TE: trailers', 'Connection: TE'])
  })
}

for (const [what, fields, expected] of [
  ['none', '', ['1.1 weir']],
  ['one', 'Via: 1.0 fred\r\n', ['1.0 fred', '1.1 weir']],
  ['a list and a line', 'Via: 1.0 fred, 1.1 p.example.net (Apache/1.1)\r\nX: y\r\nvia: 2 z\r\n', ['1.0 fred, 1.1 p.example.net (Apache/1.1)', '2 z', '1.1 weir']]
] as const) {
  proxyTest(`case 6: Via gets our entry behind ${what}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    await client.ask(get('/', fields))
    t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'via'), expected)
  })
}

proxyTest('case 6: Via has the version that the client spoke', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  for (const version of ['1.0', '1.1', '1.0', '1.3']) {
    const client = await bench.client()
    await client.ask(`GET / HTTP/${version}\r\nHost: h\r\n\r\n`)
  }
  t.same(origin.requests.map(request => valuesOf(request, 'via')), [['1.0 weir'], ['1.1 weir'], ['1.0 weir'], ['1.1 weir']])
})

for (const [method, value, expected] of [
  ['OPTIONS', '1', '0'], ['OPTIONS', '10', '9'], ['TRACE', '5', '4'], ['OPTIONS', '007', '6'], ['OPTIONS', '9007199254740991', '9007199254740990'],
  ['GET', '1', '1'], ['GET', '0', '0'], ['POST', '0', '0'], ['GET', 'x', 'x']
] as const) {
  proxyTest(`case 7: Max-Forwards: ${value} of a ${method} goes on as ${expected}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`${method} /x HTTP/1.1\r\nHost: h\r\nMax-Forwards: ${value}\r\n\r\n`)), 200)
    t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'max-forwards'), [expected])
  })
}

for (const [request, status] of [
  ['OPTIONS /x HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n', 200],
  ['OPTIONS * HTTP/1.1\r\nHost: h\r\nmax-forwards:\t000\r\n\r\n', 200],
  ['TRACE /x HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n', 405],
  ['OPTIONS /x HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\nConnection: Max-Forwards\r\n\r\n', 200],
  ...['-1', '1x', '', '1, 0', '0x1', '1\r\nMax-Forwards: 0', '99999999999999999999'].map(value => [`OPTIONS /x HTTP/1.1\r\nHost: h\r\nMax-Forwards: ${value}\r\n\r\n`, 400] as const)
] as const) {
  proxyTest(`case 7: ${JSON.stringify(request)} is answered here with ${status}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(request)), status)
    t.equal(origin.connections.length, 0)
  })
}

for (const method of [
  'get', 'Get', 'PROPFIND', 'M-SEARCH', 'PURGE', 'BREW', 'X', "!#$%&'*+-.^_`|~", 'post', 'connect', 'A'.repeat(32), 'QUERY', 'HEADER', 'options'
]) {
  proxyTest(`case 8: the method ${method} goes on as it is`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`${method} /x HTTP/1.1\r\nHost: h\r\n\r\n`)), 200)
    t.equal(origin.requests[0]?.startLine, `${method} /x HTTP/1.1`)
  })
}

proxyTest('case 8: a method in lower case is not the one in upper case', async (t, bench) => {
  const origin = await bench.origin((request, connection) => { connection.send(ok(request.startLine.startsWith('head ') ? 'with a body' : '')) })
  const client = await bench.client()
  t.equal((await client.ask('head / HTTP/1.1\r\nHost: h\r\n\r\n')).body.toString(), 'with a body')
  t.equal(statusOf(await client.ask('options / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n')), 200)
  t.equal(statusOf(await client.ask(post('/', 'x'))), 200)
  t.equal(origin.requests.length, 3)
})

for (const [line, status] of [
  ['CONNECT h:443 HTTP/1.1', 405], ['G(T / HTTP/1.1', 400], [`${'A'.repeat(33)} / HTTP/1.1`, 400], ['GÉT / HTTP/1.1', 400], ['G\tT / HTTP/1.1', 400]
] as const) {
  proxyTest(`case 8: ${line} is answered with ${status}`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    t.equal(statusOf(await client.ask(`${line}\r\nHost: h\r\n\r\n`, 'GET')), status)
    await client.untilEnded()
    t.equal(origin.connections.length, 0)
  })
}
