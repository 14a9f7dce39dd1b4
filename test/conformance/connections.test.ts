/** Persistence, pipelining and answers without a body: cases 24 to 26. */
import { proxyTest } from '../helpers/data-plane.ts'
import { echoTarget, observeRequest, targetOf } from '../helpers/observe-request.ts'
import { get, post } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

for (const connection of [
  'close', 'Close', 'CLOSE', 'keep-alive, close', 'close, keep-alive', ', close,', 'X-A,close', 'keep-alive\r\nConnection: close',
  'close\r\nConnection: keep-alive', '\tclose '
]) {
  proxyTest(`case 24: Connection: ${JSON.stringify(connection)} is honoured, and nothing behind it is processed`, async (t, bench) => {
    for (const piecewise of [false, true]) {
      const seen = await observeRequest(bench, `${get('/a', `Connection: ${connection}\r\n`)}${get('/hidden')}`, piecewise)
      t.same([seen.statuses, seen.saysClose, seen.requests.map(targetOf), seen.after], [[200], true, ['/a'], 'its own answer'])
    }
  })
}

for (const [what, first] of [
  ['a POST with a length', post('/a', 'hello', 'Connection: close\r\n')],
  ['a POST with chunks', 'POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['an HTTP/1.0 request', 'GET /a HTTP/1.0\r\nHost: h\r\n\r\n'],
  ['an HTTP/1.0 request with another option', 'GET /a HTTP/1.0\r\nHost: h\r\nConnection: foo\r\n\r\n']
] as const) {
  proxyTest(`case 24: nothing behind ${what} that closes is processed`, async (t, bench) => {
    const seen = await observeRequest(bench, `${first}${get('/hidden')}`, false)
    t.same([seen.statuses, seen.requests.map(targetOf)], [[200], ['/a']])
  })
}

proxyTest('case 24: the origin\'s close does not close the client\'s connection', async (t, bench) => {
  const origin = await bench.origin((_, connection) => { connection.send(ok('x', 'Connection: close\r\n')) })
  const client = await bench.client()
  for (let round = 0; round < 3; round++) t.same(valuesOf(await client.ask(get()), 'connection'), [])
  t.equal(origin.connections.length, 3)
})

for (const [what, request, status] of [
  ['a refused head', 'GET / HTTP/1.1\r\nX : y\r\n\r\n', 400],
  ['a refused coding', 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n', 501],
  ['a CONNECT', 'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n', 405]
] as const) {
  proxyTest(`case 24: the connection ends after ${what}, and says so`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    const answer = await client.ask(request, 'GET')
    t.same([statusOf(answer), valuesOf(answer, 'connection')], [status, ['close']])
    await client.untilEnded()
    client.send(get())
    client.end()
    await client.untilClosed()
    t.equal(origin.connections.length, 0)
  })
}

proxyTest('case 25: a hundred requests use one connection of the client and one of the origin', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  for (let round = 0; round < 100; round++) t.equal((await client.ask(round % 3 === 0 ? post(`/${round}`, 'x'.repeat(round)) : get(`/${round}`))).body.toString(), `/${round}`)
  t.equal(origin.connections.length, 1)
})

proxyTest('case 25: Connection: keep-alive of an HTTP/1.1 client changes nothing', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  for (let round = 0; round < 3; round++) t.same(valuesOf(await client.ask(get('/', 'Connection: keep-alive\r\n')), 'connection'), [])
})

/** Requests of all kinds, each with its number in its target. */
const MIXED = Array.from({ length: 40 }, (_, index) => [
  get(`/${index}`), post(`/${index}`, `body of ${index}`), `POST /${index} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n3;a=b\r\n of\r\n0\r\nX: y\r\n\r\n`,
  `HEAD /${index} HTTP/1.1\r\nHost: h\r\n\r\n`, post(`/${index}`, get('/hidden')),
  `OPTIONS /${index} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`
][index % 6] ?? '')

for (const size of [Infinity, 1, 13, 100, 1_000]) {
  proxyTest(`case 25: forty requests sent ahead in pieces of ${size} bytes are answered in order`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      const target = targetOf(request)
      // Answers of all kinds too.
      if (request.startLine.startsWith('HEAD')) connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n')
      else if (Number(target.slice(1)) % 2 === 0) connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${target.length.toString(16)}\r\n${target}\r\n0\r\n\r\n`)
      else connection.send(ok(target))
    })
    const client = await bench.client()
    client.expect(...MIXED.map(request => request.split(' ')[0] ?? ''))
    const bytes = MIXED.join('')
    await client.sendPieces(size === Infinity ? [bytes] : bytes.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [])
    for (const [index, request] of MIXED.entries()) t.equal((await client.answer()).body.toString(), request.startsWith('HEAD') ? '' : `/${index}`)
    t.same(origin.requests.map(targetOf), MIXED.map((_, index) => `/${index}`))
    t.same(origin.faults, [])
  })
}

proxyTest('case 25: more requests than Weir keeps are sent ahead at once, and all are answered in order', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  const targets = Array.from({ length: 3_000 }, (_, index) => `/${index}`)
  client.expect(...targets.map(() => 'GET'))
  client.send(targets.map(target => get(target, 'X-Filler: much more than the buffer for requests sent ahead\r\n')).join(''))
  const answers: string[] = []
  for (const { length } of targets) answers.push((await client.answer()).body.toString().slice(0, length))
  t.same(answers, targets)
})

proxyTest('case 25: a faulty request does not spoil those before it', async (t, bench) => {
  const seen = await observeRequest(bench, `${get('/a')}${post('/b', 'x')}GET /c HTTP/1.1\r\nHost : h\r\n\r\n${get('/hidden')}`, false)
  t.same([seen.statuses, seen.requests.map(targetOf)], [[200, 200, 400], ['/a', '/b']])
})

for (const [what, method, head] of [
  ['a HEAD with a length', 'HEAD', '200 OK\r\nContent-Length: 1000'],
  ['a HEAD with chunks', 'HEAD', '200 OK\r\nTransfer-Encoding: chunked'],
  ['a HEAD with neither', 'HEAD', '200 OK\r\nX: y'],
  ['a HEAD that is a 404', 'HEAD', '404 Not Found\r\nContent-Length: 5'],
  ['a 204', 'GET', '204 No Content\r\nX: y'],
  ['a 204 with a length', 'GET', '204 No Content\r\nContent-Length: 5'],
  ['a 204 with chunks', 'POST', '204 No Content\r\nTransfer-Encoding: chunked'],
  ['a 304', 'GET', '304 Not Modified\r\nETag: "x"'],
  ['a 304 with a length', 'GET', '304 Not Modified\r\nContent-Length: 1000'],
  ['a 304 with chunks', 'GET', '304 Not Modified\r\nTransfer-Encoding: chunked'],
  ['a 204 to a HEAD', 'HEAD', '204 No Content\r\nX: y'],
  ['an empty 200', 'GET', '200 OK\r\nContent-Length: 0'],
  ['an empty 205', 'GET', '205 Reset Content\r\nContent-Length: 0']
] as const) {
  proxyTest(`case 26: ${what} has no body, and both connections stay in sync`, async (t, bench) => {
    const origin = await bench.origin((request, connection) => {
      if (targetOf(request) === '/x') connection.send(`HTTP/1.1 ${head}\r\n\r\n`)
      else echoTarget(request, connection)
    })
    const client = await bench.client()
    client.expect(method, 'GET', method, 'GET')
    client.send(`${method} /x HTTP/1.1\r\nHost: h\r\n\r\n${get('/after')}`.repeat(2))
    for (let round = 0; round < 2; round++) {
      const answer = await client.answer()
      t.same([answer.startLine, answer.body.length], [`HTTP/1.1 ${head.split('\r\n')[0] ?? ''}`, 0])
      if (head.startsWith('204')) t.same([valuesOf(answer, 'content-length'), valuesOf(answer, 'transfer-encoding')], [[], []])
      if (head.includes('1000')) t.same(valuesOf(answer, 'content-length'), ['1000'])
      t.equal((await client.answer()).body.toString(), '/after')
    }
    t.equal(origin.connections.length, 1)
  })
}

for (const method of ['GET', 'HEAD']) {
  proxyTest(`case 26: an error of Weir's own to a ${method} keeps the connection in sync`, async (t, bench) => {
    bench.route([{ match: { path: '/none' }, weights: { v1: 1 } }])
    const client = await bench.client()
    for (const path of ['/none', '/other', '/none']) {
      const answer = await client.ask(`${method} ${path} HTTP/1.1\r\nHost: h\r\n\r\n`)
      t.equal(statusOf(answer), path === '/other' ? 404 : 503)
      t.equal(answer.body.length > 0, method === 'GET')
    }
  })
}
