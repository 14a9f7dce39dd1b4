/** Bytes that go on when they come, early answers, and clients that leave: cases 40 to 42. */
import t, { type Test } from 'tap'
import { ProxyBench, proxyTest } from '../helpers/data-plane.ts'
import { askAfter, echoTarget } from '../helpers/observe-request.ts'
import { get } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

for (const [framing, fields] of [['a length', 'Content-Length: 5\r\n'], ['chunks', 'Transfer-Encoding: chunked\r\n'], ['neither', '']] as const) {
  for (const minor of [1, 0]) {
    proxyTest(`case 40: the head of an answer with ${framing} goes to an HTTP/1.${minor} client before there is any body`, async (t, bench) => {
      const origin = await bench.origin()
      const client = await bench.client()
      client.expect('GET')
      client.send(`GET / HTTP/1.${minor}\r\nHost: h\r\n\r\n`)
      const connection = await origin.connection()
      await connection.next()
      connection.send(`HTTP/1.1 200 OK\r\n${fields}X-Early: 1\r\n\r\n`)
      await client.head()
      t.equal(client.reader.partialHead?.startLine, 'HTTP/1.1 200 OK')
      connection.send(framing === 'chunks' ? '5\r\nhello\r\n0\r\n\r\n' : 'hello')
      if (framing === 'neither') connection.end()
      t.equal((await client.answer()).body.toString(), 'hello')
    })
  }

  proxyTest(`case 40: each event of a stream with ${framing} arrives before the next is sent`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/events', 'Accept: text/event-stream\r\n'))
    const connection = await origin.connection()
    await connection.next()
    connection.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${fields.replace('5', '1000000')}\r\n`)
    for (let event = 0, bytes = 0; event < 30; event++) {
      const data = `data: ${event}\n\n`
      connection.send(framing === 'chunks' ? `${data.length.toString(16)}\r\n${data}\r\n` : data)
      bytes += data.length
      await client.until(`event ${event}`, () => client.reader.partialBodyBytes === bytes)
    }
    t.equal(client.reader.messages.length, 0)
    client.reset()
  })
}

for (const framing of ['Content-Length: 300', 'Transfer-Encoding: chunked']) {
  proxyTest(`case 40: each piece of a request's body with ${framing} arrives before the next is sent, and the answer may too`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST', 'GET')
    client.send(`POST / HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n`)
    const connection = await origin.connection()
    await connection.head()
    const piece = (letter: string): string => framing.startsWith('T') ? `a\r\n${letter.repeat(10)}\r\n` : letter.repeat(10)
    for (let round = 1; round <= 30; round++) {
      client.send(piece('q'))
      await connection.until(`piece ${round}`, () => connection.reader.partialBodyBytes === round * 10 || connection.reader.messages.length === 1)
      // Full duplex: the answer goes on while the request does.
      if (round === 1) connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      connection.send('a\r\naaaaaaaaaa\r\n')
      await client.until(`echo ${round}`, () => client.reader.partialBodyBytes === round * 10)
    }
    if (framing.startsWith('T')) client.send('0\r\n\r\n')
    t.equal((await connection.next()).body.toString(), 'q'.repeat(300))
    connection.send('0\r\n\r\n')
    t.equal((await client.answer()).body.toString(), 'a'.repeat(300))
    client.send(get('/next'))
    await connection.next()
    connection.send(ok('in sync'))
    t.equal((await client.answer()).body.toString(), 'in sync')
  })
}

const BODY = get('/hidden').repeat(2_000)

for (const [framing, head, rest] of [
  ['a length', `Content-Length: ${BODY.length + 5}`, BODY],
  ['chunks', 'Transfer-Encoding: chunked', `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`],
  ['chunks that turn out bad', 'Transfer-Encoding: chunked', `zz\r\n${BODY}`]
] as const) {
  for (const [what, answer, end] of [
    ['a length', ok('early'), false], ['chunks', 'HTTP/1.1 413 Too Much\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\n\r\n', false],
    ['close', 'HTTP/1.1 401 No\r\nConnection: close\r\n\r\nearly', true]
  ] as const) {
    proxyTest(`case 41: an early answer with ${what} reaches a client that is sending a body with ${framing}, which is never taken for requests`, async (t, bench) => {
      const origin = await bench.origin()
      const client = await bench.client()
      client.expect('POST', 'GET')
      client.send(`POST /x HTTP/1.1\r\nHost: h\r\n${head}\r\n\r\n${head.startsWith('C') ? 'hello' : '5\r\nhello\r\n'}`)
      const connection = await origin.connection()
      await connection.until('the beginning of the body', () => connection.reader.partialBodyBytes === 5)
      connection.send(answer)
      if (end) connection.end()
      const response = await client.answer()
      t.equal(response.body.toString(), 'early')
      client.send(rest)
      client.send(get('/hidden-too'))
      await client.untilEnded()
      await connection.untilEnded()
      t.same([client.reader.messages.length, origin.requests.length, origin.connections.length, origin.faults], [1, 0, 1, []])
    })
  }
}

for (const [what, path, fields, status] of [['no route', '/none', '', 404], ['no endpoint', '/empty', '', 503], ['an unknown expectation', '/x', 'Expect: x\r\n', 417]] as const) {
  for (const cut of [0, 5, 39]) {
    proxyTest(`case 41: an answer of Weir's own for ${what} after ${cut} bytes of the body does not make requests of the rest`, async (t, bench) => {
      const origin = await bench.extraOrigin(echoTarget)
      bench.route([{ name: 'empty', match: { path: '/empty' }, weights: { v1: 1 } }, { name: 'x', match: { path: '/x' }, weights: { v1: 1 } }, { name: 'hidden', match: { path: '/hidden' }, weights: { v1: 1 } }])
      for (const route of ['x', 'hidden']) bench.endpoints('v1', [origin.port], route)
      const client = await bench.client()
      client.expect('POST', 'GET')
      const body = `00000${get('/hidden')}`
      client.send(`POST ${path} HTTP/1.1\r\nHost: h\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body.slice(0, cut)}`)
      const answer = await client.answer()
      t.same([statusOf(answer), valuesOf(answer, 'connection')], [status, ['close']])
      client.send(body.slice(cut))
      client.send(get('/hidden'))
      await client.untilEnded()
      t.same([client.reader.messages.length, origin.connections.length], [1, 0])
    })
  }
}

proxyTest('case 41: an answer that begins early and ends after the request leaves both connections in sync', async (t, bench) => {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('POST', 'GET')
  client.send('POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello')
  const connection = await origin.connection()
  await connection.until('the beginning of the body', () => connection.reader.partialBodyBytes === 5)
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly')
  await client.until('the beginning of the answer', () => client.reader.partialBodyBytes === 5)
  client.send(`world${get('/next')}`)
  t.equal((await connection.next()).body.toString(), 'helloworld')
  connection.send('later')
  t.equal((await client.answer()).body.toString(), 'earlylater')
  t.match((await connection.next()).startLine, 'GET /next')
  connection.send(ok('next'))
  t.equal((await client.answer()).body.toString(), 'next')
})

const LEAVING: ReadonlyArray<readonly [when: string, request: string, answer: string]> = [
  ['before the answer', get('/x'), ''],
  ['in the middle of the answer', get('/x'), 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello'],
  ['in the middle of a chunked answer', get('/x'), 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ['between a 100 and the answer', get('/x'), 'HTTP/1.1 100 Continue\r\n\r\n'],
  ['in the middle of the body', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello', ''],
  ['in the middle of a chunk', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello', ''],
  ['before the last chunk', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', ''],
  ['in the middle of the last chunk', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n', ''],
  ['in the trailers', 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n', ''],
  ['before the body', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n', ''],
  ['while it is waited for with a 100', 'POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n', ''],
  ['in the middle of both', 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello']
]

async function leave (t: Test, bench: ProxyBench, request: string, answer: string): Promise<void> {
  const origin = await bench.origin()
  // A FIN alone could be a client that still reads, so it may take longer than a reset.
  const clients = await Promise.all([bench.client(), bench.client()])
  for (const client of clients) {
    client.expect('GET')
    client.send(request)
  }
  for (const index of clients.keys()) {
    const connection = await origin.connection(index)
    await connection.head()
    connection.send(answer)
  }
  if (answer !== '') await Promise.all(clients.map(async client => { await client.head() }))
  clients[0]?.reset()
  clients[1]?.destroy()
  await Promise.all(origin.connections.map(async connection => { await connection.untilEnded() }))
  t.same([origin.requests.length, bench.plane.inFlight, bench.errors('client_gone')], [request.startsWith('GET') ? 2 : 0, 0, 2])
}

t.test('case 42: clients that leave', { jobs: LEAVING.length }, async t => {
  for (const [when, request, answer] of LEAVING) {
    t.test(`case 42: when a client leaves ${when}, the origin is released and never sees a complete request that was not`, async t => {
      const bench = await ProxyBench.start()
      try {
        await leave(t, bench, request, answer)
      } finally {
        await bench.close(t)
      }
    })
  }
})

proxyTest('case 42: a client that leaves while the connection to its origin is opened leaves nothing behind', async (t, bench) => {
  await bench.origin(echoTarget)
  for (let round = 0; round < 20; round++) {
    const client = await bench.client()
    client.send(get('/x'))
    client.reset()
  }
  await bench.until('the last request to end', () => bench.plane.inFlight === 0)
  t.equal(await askAfter(bench), 'its own answer')
})

proxyTest('case 42: a client that ends its side behind a complete request still gets the answer', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  client.expect('GET')
  client.send(get('/x'))
  client.end()
  t.equal(statusOf(await client.answer()), 200)
  await client.untilEnded()
})
