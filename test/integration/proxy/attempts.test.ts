import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest, timedProxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { fullBacklog } from '../../helpers/full-backlog.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { accessLines, badThenGood, closes, named, NO_EJECTION, reset, retries, retriesOf, says, unavailable } from '../../helpers/two-endpoints.ts'

const LOGGED = { accessLog: { mode: 'on', sampleRate: 1 } } as const
const put = (body: string): string => post('/', body).replace('POST', 'PUT')

for (const request of [get(), post('/', 'body'), put('body'), post('/', 'body').replace('POST', 'PATCH')]) {
  const method = request.slice(0, request.indexOf(' '))
  proxyTest(`${method}: an endpoint that refuses costs nothing but a count`, async (t, bench) => {
    const good = await bench.extraOrigin(named('good'))
    const refusing = await closedPort()
    bench.route([{ weights: { v1: 1 }, balancing: 'round-robin', policy: retries({ on: [], budget: { share: 0, minimum: 0 } }) }])
    bench.endpoints('v1', [refusing, good.port])
    const client = await bench.client()
    for (let round = 0; round < 8; round++) t.equal(statusOf(await client.ask(request)), 200)
    t.equal(good.requests.length, 8)
    const { connect = 0, ...others } = retriesOf(bench)
    t.ok(connect >= 3 && connect <= 8, `${connect} attempts more`)
    t.same(others, {})
    t.equal(bench.version().retriesRefused, 0)
    t.same(bench.version().requestsByClass, [0, 8, 0, 0, 0])
  })
}

timedProxyTest('an endpoint that does not accept in time is left for another one, whatever the method', async (t, bench, advance) => {
  const good = await bench.extraOrigin(named('good'))
  const full = await fullBacklog()
  bench.route([{ weights: { v1: 1 }, balancing: 'round-robin', policy: NO_EJECTION }])
  bench.endpoints('v1', [full.port, good.port])
  const client = await bench.client()
  for (let round = 0; round < 4; round++) {
    const seen = { answer: false }
    const answer = client.ask(post('/', 'body')).finally(() => { seen.answer = true })
    // An endpoint that accepts does so within a few turns.
    while (!seen.answer) await advance(3)
    t.equal(statusOf(await answer), 200)
  }
  t.ok((retriesOf(bench).connect ?? 0) >= 2)
  t.equal(good.requests.length, 4)
  await full.close()
}, { timeoutsMs: { upstreamConnect: 30 } })

proxyTest('all of several endpoints that refuse are tried, none twice', async (t, bench) => {
  const good = await bench.extraOrigin(named('good'))
  const refusing = [await closedPort(), await closedPort(), await closedPort(), await closedPort()]
  bench.route([{ weights: { v1: 1 }, policy: retries({ attempts: 5 }) }])
  bench.endpoints('v1', [...refusing, good.port])
  const client = await bench.client()
  // Those that refuse have nothing in flight: without a memory they would be the first choice again and again.
  for (let round = 0; round < 10; round++) t.equal(statusOf(await client.ask(get())), 200)
}, LOGGED)

proxyTest('no more attempts than the route allows', async (t, bench) => {
  bench.route([{ weights: { v1: 1 }, policy: retries({ attempts: 2 }) }])
  bench.endpoints('v1', [await closedPort(), await closedPort(), await closedPort()])
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 502)
  t.same(retriesOf(bench), { connect: 1 })
  t.equal(bench.errors('upstream_connect_failed'), 1, 'the request failed once')
  bench.route([{ weights: { v1: 1 }, policy: retries({ attempts: 1 }) }])
  t.equal(statusOf(await client.ask(get())), 502)
  t.same(retriesOf(bench), { connect: 1 })
  await bench.until('the log', () => bench.logLines.length === 2)
  t.match(accessLines(bench), [{ attempts: 2, retried: 'connect' }, { attempts: 1, retried: null }])
}, LOGGED)

proxyTest('a refused connection while the body is still coming: all of it arrives at the other endpoint', async (t, bench) => {
  const good = await bench.extraOrigin(named('good'))
  bench.route([{ weights: { v1: 1 }, balancing: 'round-robin', policy: NO_EJECTION }])
  bench.endpoints('v1', [await closedPort(), good.port])
  for (let round = 0; round < 2; round++) {
    const client = await bench.client()
    client.expect('POST')
    await client.sendPieces(['POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n', ...Array.from({ length: 20 }, () => `64\r\n${'x'.repeat(100)}\r\n`), '0\r\n\r\n'])
    t.equal(statusOf(await client.answer()), 200)
  }
  t.same(good.requests.map(({ body }) => body.length), [2_000, 2_000])
  t.same(retriesOf(bench), { connect: 1 })
})

for (const [what, handler] of [['a reset', reset], ['a FIN', closes], ['a FIN in the middle of the head', (_, connection) => { connection.socket.end('HTTP/1.1 200 OK\r\nX: ') }]] as ReadonlyArray<readonly [string, OriginHandler]>) {
  proxyTest(`${what} on a new connection: a GET goes to another endpoint`, async (t, bench) => {
    const { bad, good } = await badThenGood(bench, handler)
    const client = await bench.client()
    const answer = await client.ask(get())
    t.same([statusOf(answer), answer.body.toString()], [200, 'good'])
    t.same([bad.requests.length, good.requests.length], [1, 1])
    t.same(retriesOf(bench), { reset: 1 })
    t.equal(bench.errors('upstream_reset'), 0)
    await bench.until('the log', () => bench.logLines.length === 1)
    t.match(accessLines(bench)[0], { status: 200, attempts: 2, retried: 'reset', error: null, endpoint: `127.0.0.1:${good.port}` })
  }, LOGGED)

  proxyTest(`${what} on a new connection: a POST is a 502 and was executed once`, async (t, bench) => {
    const { bad, good } = await badThenGood(bench, handler)
    const client = await bench.client()
    const answer = await client.ask(post('/', 'body'))
    t.equal(statusOf(answer), 502)
    t.match(JSON.parse(answer.body.toString()), { code: 'upstream_reset' })
    t.same([bad.requests.length, good.requests.length], [1, 0])
    t.same(retriesOf(bench), {})
  })
}

proxyTest('with idempotentOnly: false a POST is repeated too', async (t, bench) => {
  const { bad, good } = await badThenGood(bench, reset, retries({ idempotentOnly: false }))
  const client = await bench.client()
  t.equal(statusOf(await client.ask(post('/', 'body'))), 200)
  t.same([...bad.requests, ...good.requests].map(({ body }) => body.toString()), ['body', 'body'])
  t.same(retriesOf(bench), { reset: 1 })
})

proxyTest('without reset in the list a lost GET on a new connection is a 502', async (t, bench) => {
  const { good } = await badThenGood(bench, reset, retries({ on: ['connect', 503] }))
  t.equal(statusOf(await (await bench.client()).ask(get())), 502)
  t.equal(good.requests.length, 0)
})

for (const status of [502, 503, 504] as const) {
  proxyTest(`an answer of ${status} that is listed is not passed on, and its connection is gone`, async (t, bench) => {
    const { bad, good } = await badThenGood(bench, says(unavailable(status)), retries({ on: [status] }))
    const client = await bench.client()
    t.equal((await client.ask(get())).body.toString(), 'good')
    await (await bad.connection()).untilEnded()
    t.same(retriesOf(bench), { [status]: 1 })
    t.equal(good.requests.length, 1)
    await bench.until('one open connection', () => bench.left()['upstreamOpen'] === 1)
    t.same(bench.version().requestsByClass, [0, 1, 0, 0, 0], 'one request, whatever it took')
  })

  proxyTest(`an answer of ${status} that is not listed is passed on, and its connection is kept`, async (t, bench) => {
    const others = ([502, 503, 504] as const).filter(other => other !== status)
    const { bad } = await badThenGood(bench, says(unavailable(status)), retries({ on: ['connect', 'reset', ...others] }))
    const client = await bench.client()
    const answer = await client.ask(get())
    t.same([statusOf(answer), answer.body.toString()], [status, 'not'])
    t.same(retriesOf(bench), {})
    t.equal((await bad.connection()).ended, false)
  })
}

proxyTest('a POST with an answer of 503 has been executed: the answer is passed on', async (t, bench) => {
  const { bad, good } = await badThenGood(bench, says(unavailable(503)), retries({ on: [503] }))
  t.equal(statusOf(await (await bench.client()).ask(post('/', 'body'))), 503)
  t.same([bad.requests.length, good.requests.length], [1, 0])
})

proxyTest('when the attempts are used up, the last answer is passed on', async (t, bench) => {
  const origins = await Promise.all([1, 2, 3].map(async () => await bench.extraOrigin(says(unavailable(503)))))
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: [503], attempts: 3 }) }])
  bench.endpoints('v1', origins.map(({ port }) => port))
  const answer = await (await bench.client()).ask(get())
  t.same([statusOf(answer), answer.body.toString()], [503, 'not'])
  t.same(origins.map(({ requests }) => requests.length), [1, 1, 1], 'each was asked once')
  t.same(retriesOf(bench), { 503: 2 })
})

proxyTest('a malformed answer counts as 502', async (t, bench) => {
  await badThenGood(bench, says('garbage\r\n\r\n'), retries({ on: [502] }))
  t.equal(statusOf(await (await bench.client()).ask(get())), 200)
  t.same(retriesOf(bench), { 502: 1 })
})

proxyTest('after an interim response has gone to the client, nothing is repeated', async (t, bench) => {
  const { good } = await badThenGood(bench, (_, connection) => {
    connection.send('HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n')
    connection.send(unavailable(503))
  }, retries({ on: ['reset', 503] }))
  t.equal(statusOf(await (await bench.client()).ask(get())), 503)
  t.equal(good.requests.length, 0)
})

proxyTest('an HTTP/1.0 client is not told of interim responses: its request may be repeated', async (t, bench) => {
  await badThenGood(bench, (_, connection) => { connection.socket.end('HTTP/1.1 103 Early Hints\r\n\r\n') })
  t.equal(statusOf(await (await bench.client()).ask('GET / HTTP/1.0\r\nHost: h\r\n\r\n')), 200)
  t.same(retriesOf(bench), { reset: 1 })
})

proxyTest('after a part of the answer has gone to the client, nothing is repeated', async (t, bench) => {
  const { good } = await badThenGood(bench, (_, connection) => {
    connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  })
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await client.untilEnded()
  t.equal(client.reader.messages.length, 0)
  t.equal(good.requests.length, 0)
  t.equal(bench.errors('upstream_truncated'), 1)
})

timedProxyTest('perTryTimeout: the next endpoint gets its try', async (t, bench, advance) => {
  const { bad, good } = await badThenGood(bench, () => {}, retries({ on: [504], perTryTimeout: '1s' }))
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  await bench.until('the request', () => bad.requests.length === 1)
  await advance(900)
  t.equal(good.requests.length, 0)
  await advance(200)
  t.equal((await client.answer()).body.toString(), 'good')
  await (await bad.connection()).untilEnded()
  t.same(retriesOf(bench), { 504: 1 })
})

timedProxyTest('perTryTimeout: when there is nobody else, or nothing may be repeated, the endpoint has all of its time', async (t, bench, advance) => {
  const origin = await bench.extraOrigin()
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: [504], perTryTimeout: '1s' }) }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  for (const request of [get(), post('/', 'body')]) {
    client.expect(request.slice(0, 4).trim())
    client.send(request)
    const connection = await origin.connection()
    await connection.next()
    await advance(1_100)
    await advance(25_000)
    connection.send(ok('late'))
    t.equal((await client.answer()).body.toString(), 'late')
  }
  client.expect('GET')
  client.send(get())
  await (await origin.connection()).next()
  await advance(1_100)
  await advance(29_100)
  t.match(JSON.parse((await client.answer()).body.toString()), { code: 'upstream_timeout' })
})

for (const framing of ['a length', 'chunks'] as const) {
  const streamedPut = async (bench: ProxyBench, pieces: readonly string[], bufferBytes: number) => {
    const { bad, good } = await badThenGood(bench, () => {}, retries({ bufferBytes }))
    const client = await bench.client()
    const length = pieces.join('').length
    client.expect('PUT')
    client.send(`PUT / HTTP/1.1\r\nHost: h\r\n${framing === 'chunks' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`)
    const connection = await bad.connection()
    await connection.head()
    let arrived = 0
    for (const piece of pieces) {
      client.send(framing === 'chunks' ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece)
      arrived += piece.length
      await connection.until('the piece', () => arrived === length || connection.bytesReceived >= arrived)
    }
    if (framing === 'chunks') client.send('0\r\n\r\n')
    await bench.until('the whole request', () => bad.requests.length === 1)
    bench.endpoints('v1', [bad.port, good.port])
    connection.reset()
    return { answer: await client.answer(), good }
  }
  const pieces = Array.from({ length: 30 }, (_, index) => String.fromCharCode(97 + index % 26).repeat(700))

  proxyTest(`a PUT that was streamed with ${framing} is sent again byte for byte`, async (t, bench) => {
    const { answer, good } = await streamedPut(bench, pieces, 65_536)
    t.equal(statusOf(answer), 200)
    t.equal(good.requests[0]?.body.toString(), pieces.join(''))
    t.equal(good.requests[0]?.framing, framing === 'chunks' ? 'chunked' : 'length')
    t.same(good.faults, [])
  })

  proxyTest(`a PUT with ${framing} that is longer than the buffer is sent once`, async (t, bench) => {
    const { answer, good } = await streamedPut(bench, pieces, 10_000)
    t.equal(statusOf(answer), 502)
    t.equal(good.requests.length, 0)
  })
}

proxyTest('an endpoint that dies in the middle of the body: what was sent and the rest arrive at the other one', async (t, bench) => {
  const bad = await bench.extraOrigin()
  const good = await bench.extraOrigin(named('good'))
  bench.route([{ weights: { v1: 1 }, policy: retries() }])
  bench.endpoints('v1', [bad.port])
  const client = await bench.client()
  client.expect('PUT')
  client.send(`PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n${'a'.repeat(1_000)}`)
  const connection = await bad.connection()
  await connection.head()
  client.send('b'.repeat(1_000))
  await connection.until('the second piece', () => connection.reader.partialBodyBytes === 2_000)
  bench.endpoints('v1', [bad.port, good.port])
  connection.reset()
  await bench.until('the other endpoint', () => good.connections.length === 1)
  await (await good.connection()).until('both pieces', () => (good.connections[0]?.reader.partialBodyBytes ?? 0) === 2_000)
  client.send('c'.repeat(1_000))
  t.equal(statusOf(await client.answer()), 200)
  t.equal(good.requests[0]?.body.toString(), 'a'.repeat(1_000) + 'b'.repeat(1_000) + 'c'.repeat(1_000))
})

proxyTest('a reload between two attempts: the next one follows the new route', async (t, bench) => {
  const bad = await bench.extraOrigin()
  const good = await bench.extraOrigin(named('good'))
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: [] }) }])
  bench.endpoints('v1', [bad.port])
  const client = await bench.client()
  client.expect('GET')
  client.send(get())
  const connection = await bad.connection()
  await connection.next()
  bench.route([{ weights: { v1: 1 }, policy: retries({ on: ['reset'] }) }])
  bench.endpoints('v1', [good.port])
  connection.reset()
  t.equal((await client.answer()).body.toString(), 'good')
})

for (const [what, broken] of [
  ['in its first chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n'],
  ['in its second chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnot a size\r\n']
] as const) {
  proxyTest(`an answer that is broken ${what}, in one read: the client gets the next one as it is framed`, async (t, bench) => {
    await badThenGood(bench, says(broken), retries({ on: [502] }))
    const client = await bench.client()
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(get())
      t.same([statusOf(answer), answer.body.toString()], [200, 'good'])
    }
    t.equal(client.fault, undefined)
    t.same(retriesOf(bench), { 502: 1 })
  })
}

proxyTest('a request that is answered without an endpoint leaves the count of the one before alone', async (t, bench) => {
  const origin = await bench.extraOrigin(named('good'))
  bench.route([{ match: { path: '/here' }, weights: { v1: 1 }, policy: retries() }])
  bench.endpoints('v1', [origin.port])
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/here'))), 200)
  for (let round = 0; round < 3; round++) t.equal(statusOf(await client.ask(get('/elsewhere'))), 404)
  t.equal(bench.left()['endpointsInFlight'], 0)
  await bench.until('the log', () => bench.logLines.length === 4)
  t.same(accessLines(bench).map(({ endpoint }) => endpoint), [`127.0.0.1:${origin.port}`, null, null, null])
}, LOGGED)
