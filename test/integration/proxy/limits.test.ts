import { proxyTest } from '../../helpers/data-plane.ts'
import { get, post } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }

/** Field lines of so many bytes. */
function filler (bytes: number): string {
  return `X: ${'x'.repeat(bytes - 5)}\r\n`
}

for (const pieces of ['whole', 'in pieces'] as const) {
  const send = (bytes: string): readonly string[] => pieces === 'whole' ? [bytes] : bytes.match(/[^]{1,400}/g) ?? []

  proxyTest(`limits.maxHeadBytes, sent ${pieces}: one byte more is a 431`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const bare = get().length
    for (const [size, status] of [[2_048, 200], [2_049, 431]] as const) {
      const client = await bench.client()
      client.expect('GET')
      await client.sendPieces(send(get('/', filler(size - bare))))
      t.equal(statusOf(await client.answer()), status)
    }
    t.equal(origin.requests.length, 1)
  }, { limits: { maxHeadBytes: 2_048 } })

  proxyTest(`limits.maxHeaderFields, sent ${pieces}: one field more is a 431`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    for (const [count, status] of [[19, 200], [20, 431]] as const) {
      const client = await bench.client()
      client.expect('GET')
      await client.sendPieces(send(get('/', `X-Some: ${'y'.repeat(30)}\r\n`.repeat(count))))
      t.equal(statusOf(await client.answer()), status)
    }
    t.equal(origin.requests[0]?.fields.filter(([name]) => name === 'X-Some').length, 19)
  }, { limits: { maxHeaderFields: 20 } })

  proxyTest(`limits.maxUriBytes, sent ${pieces}: one byte more is a 414`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    for (const [size, status] of [[1_000, 200], [1_001, 414]] as const) {
      const client = await bench.client()
      client.expect('GET')
      await client.sendPieces(send(get(`/${'p'.repeat(size - 1)}`)))
      t.equal(statusOf(await client.answer()), status)
    }
    t.equal(origin.requests[0]?.startLine.length, 'GET  HTTP/1.1'.length + 1_000)
  }, { limits: { maxUriBytes: 1_000 } })
}

proxyTest('a target that never ends is a 414 before its end', async (t, bench) => {
  const client = await bench.client()
  client.expect('GET')
  client.send(`GET /${'x'.repeat(20_000)}`)
  t.equal(statusOf(await client.answer()), 414)
})

proxyTest('a target that never ends is a 414 as soon as it is too long, however it comes', async (t, bench) => {
  const client = await bench.client()
  client.expect('GET')
  for (let piece = 0; piece < 11; piece++) {
    client.send(piece === 0 ? 'GET /' : 'x'.repeat(1_000))
    await bench.settle()
  }
  t.equal(statusOf(await client.answer()), 414)
}, { limits: { maxUriBytes: 9_900 } })

proxyTest('a field that never ends is a 431 before its end', async (t, bench) => {
  const client = await bench.client()
  client.expect('GET')
  client.send(`GET / HTTP/1.1\r\nX: ${'x'.repeat(40_000)}`)
  t.equal(statusOf(await client.answer()), 431)
})

for (const [what, status, bytes] of [
  ['a header of 300 KiB', 431, get('/', filler(300_000))],
  ['a target of 200 KiB', 414, get(`/${'x'.repeat(200_000)}`)],
  ['2,100 tiny fields', 431, get('/', 'a: b\r\n'.repeat(2_100))],
  ['bytes of TLS', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['noise', 400, Array.from({ length: 3_000 }, (_, index) => String.fromCharCode((index * 7_919) % 251)).join('')],
  ['the preface of HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['many empty lines', 400, '\r\n'.repeat(1_000)]
] as const) {
  proxyTest(`${what} gets a clear no, and the connection ends`, async (t, bench) => {
    const origin = await bench.origin(answerOk)
    const client = await bench.client()
    client.expect('GET')
    client.send(bytes)
    const answer = await client.answer()
    t.ok(statusOf(answer) === status || (status === 505 && statusOf(answer) === 400), `it is a ${statusOf(answer)}`)
    await client.untilEnded()
    t.equal(origin.connections.length, 0)
  })
}

proxyTest('what honest clients send passes the usual limits', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  const answer = await client.ask(get(`/${'t'.repeat(4_096)}`, `Cookie: c=${'k'.repeat(6_144)}\r\n${Array.from({ length: 60 }, (_, index) => `X-${index}: y\r\n`).join('')}`))
  t.equal(statusOf(answer), 200)
  t.equal(origin.requests[0]?.fields.filter(([name]) => /^X-\d+$/.test(name)).length, 60)
})

proxyTest('limits.maxBodyBytes: a body that says it is larger is a 413 before it is read', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  t.equal(statusOf(await client.ask(post('/', 'x'.repeat(1_000)))), 200)
  t.equal(statusOf(await client.ask('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n')), 413)
  await client.untilEnded()
  t.equal(origin.requests.length, 1)
}, { limits: { maxBodyBytes: 1_000 } })

proxyTest('limits.maxBodyBytes: a chunked body that becomes larger is a 413, and the origin never sees it whole', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  client.expect('POST')
  const chunk = `64\r\n${'x'.repeat(100)}\r\n`
  await client.sendPieces(['POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n', ...Array.from({ length: 11 }, () => chunk), '0\r\n\r\n'])
  t.equal(statusOf(await client.answer()), 413)
  await client.untilEnded()
  await (await origin.connection()).untilEnded()
  t.equal(origin.requests.length, 0)
  t.equal(bench.errors('body_too_large'), 1)
}, { limits: { maxBodyBytes: 1_000 } })

proxyTest('limits.maxConcurrentRequests: one more is a 503, and there is room again afterwards', async (t, bench) => {
  const origin = await bench.origin()
  const [first, second, third] = [await bench.client(), await bench.client(), await bench.client()]
  first.expect('GET')
  first.send(get())
  second.expect('GET')
  second.send(get())
  for (const index of [0, 1]) await (await origin.connection(index)).next()
  const refused = await third.ask(get())
  t.equal(statusOf(refused), 503)
  t.match(JSON.parse(refused.body.toString()), { code: 'overloaded' })
  t.equal(bench.plane.inFlight, 2)
  for (const connection of origin.connections) connection.send(ok())
  await first.answer()
  await second.answer()
  first.expect('GET')
  first.send(get())
  await bench.until('another request', () => origin.requests.length === 3)
  for (const connection of origin.connections) if (connection.reader.messages.length === 2) connection.send(ok())
  t.equal(statusOf(await first.answer()), 200)
}, { limits: { maxConcurrentRequests: 2 } })

proxyTest('limits.maxConnections: one more is closed at once and counted, and there is room again afterwards', async (t, bench) => {
  await bench.origin(answerOk)
  const first = await bench.client()
  const second = await bench.client()
  t.equal(statusOf(await first.ask(get())), 200)
  t.equal(statusOf(await second.ask(get())), 200)
  const third = await bench.client()
  await third.untilEnded()
  t.match(bench.counters, { connectionsOpen: 2, connectionsRefused: [1, 0, 0, 0], connectionsAccepted: 2 })
  first.destroy()
  await bench.until('room', () => bench.counters.connectionsOpen === 1)
  const fourth = await bench.client()
  t.equal(statusOf(await fourth.ask(get())), 200)
}, { limits: { maxConnections: 2 } })

for (const [what, bytes] of [
  ['chunk extensions', `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(1_000_000)}`],
  ['trailers', `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ${'x'.repeat(1_000_000)}`]
] as const) {
  proxyTest(`${what} of a mebibyte are refused`, async (t, bench) => {
    const origin = await bench.origin()
    const client = await bench.client()
    client.expect('POST')
    client.send(bytes)
    t.ok([400, 431].includes(statusOf(await client.answer())))
    await client.untilEnded()
    t.equal(origin.requests.length, 0)
  })
}

proxyTest('300 connections that come and go leave nothing', async (t, bench) => {
  await bench.origin(answerOk)
  for (let round = 0; round < 300; round++) {
    const client = await bench.client()
    if (round % 3 === 0) client.send(get())
    if (round % 2 === 0) client.destroy()
    else client.reset()
  }
  await bench.until('all to be gone', () => bench.counters.connectionsOpen === 0 && bench.plane.inFlight === 0)
  t.equal(bench.plane.deadlines.size, bench.counters.upstreamOpen)
})
