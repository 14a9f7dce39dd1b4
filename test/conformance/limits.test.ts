/** Large and odd input: cases 49 and 50. */
import { randomBytes } from 'node:crypto'
import { proxyTest, type ProxyBench } from '../helpers/data-plane.ts'
import { askAfter, echoTarget, observeRequest, targetOf } from '../helpers/observe-request.ts'
import { ownLines } from '../helpers/own-lines.ts'
import { get, type RawClient } from '../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../helpers/raw-http.ts'

const fieldsOf = (count: number, value: string): string => Array.from({ length: count }, (_, index) => `X-${index}: ${value}\r\n`).join('')

for (const [what, target, fields] of [
  ['a cookie of 6 KiB', '/', `Cookie: a=${'c'.repeat(6_144)}\r\n`],
  ['60 fields', '/', fieldsOf(60, 'value')],
  ['a target of 4 KiB', `/${'t'.repeat(4_096)}`, ''],
  ['all three', `/${'t'.repeat(4_096)}`, `Cookie: a=${'c'.repeat(6_144)}\r\n${fieldsOf(60, 'value')}`],
  ['a hundred fields without a value', '/', fieldsOf(100, '')], ['a name of 4 KiB', '/', `X${'n'.repeat(4_096)}: y\r\n`]
] as const) {
  for (const piecewise of [false, true]) {
    proxyTest(`case 49: ${what} passes, ${piecewise ? 'in small pieces' : 'at once'}`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const client = await bench.client()
      client.expect('GET')
      const request = get(target, fields)
      await client.sendPieces(piecewise ? request.match(/[^]{1,97}/g) ?? [] : [request])
      t.equal((await client.answer()).body.toString(), target)
      t.equal(ownLines(origin.requests[0]).map(line => `${line}\r\n`).join(''), `Host: example.test\r\n${fields}`)
    })
  }
}

/** Sends much, and reads the answer that comes while it does. */
async function refuse (bench: ProxyBench, bytes: string, piece: number): Promise<{ readonly client: RawClient, readonly status: number, readonly close: readonly string[] }> {
  const client = await bench.client()
  client.expect('GET')
  void client.sendPieces(bytes.match(new RegExp(`[^]{1,${piece}}`, 'g')) ?? [])
  const answer = await client.answer()
  await client.untilEnded()
  return { client, status: statusOf(answer), close: valuesOf(answer, 'connection') }
}

for (const [what, bytes, status] of [
  ['a header of 300 KiB in one field', get('/', `X: ${'x'.repeat(300 * 1_024)}\r\n`), 431],
  ['a header of 300 KiB in sixty fields', get('/', fieldsOf(60, 'x'.repeat(5_120))), 431],
  ['a header of 300 KiB in one name', get('/', `X${'x'.repeat(300 * 1_024)}: y\r\n`), 431],
  ['a header that never ends', `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(300 * 1_024)}`, 431],
  ['2,100 tiny fields', get('/', fieldsOf(2_100, '')), 431],
  ['2,100 tiny equal fields', get('/', 'a:b\r\n'.repeat(2_100)), 431],
  ['a target of 200 KiB', get(`/${'t'.repeat(200 * 1_024)}`), 414],
  ['a query of 200 KiB', get(`/?${'t'.repeat(200 * 1_024)}`), 414],
  ['a target that never ends', `GET /${'t'.repeat(200 * 1_024)}`, 414],
  ['an absolute target of 200 KiB', get(`http://h/${'t'.repeat(200 * 1_024)}`), 414],
  ['a method of 200 KiB', `${'M'.repeat(200 * 1_024)} / HTTP/1.1\r\nHost: h\r\n\r\n`, 400]
] as const) {
  for (const piece of [1_000_000, 1_400]) {
    proxyTest(`case 49: ${what} is a ${status}, sent in pieces of ${piece}`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const seen = await refuse(bench, bytes, piece)
      t.same([seen.status, seen.close, origin.connections.length], [status, ['close'], 0])
      t.equal(await askAfter(bench), 'its own answer')
    })
  }
}

proxyTest('case 50: a conversation byte by byte is the same as at once', async (t, bench) => {
  const bytes = `${get('/a', 'X: y\r\n')}POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n0\r\nX: y\r\n\r\n\r\n${get('/c')}POST /d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc`
  for (const piecewise of [true, false]) {
    const seen = await observeRequest(bench, bytes, piecewise)
    t.same([seen.statuses, seen.requests.map(request => [targetOf(request), request.body.toString()]), seen.faults], [[200, 200, 200, 200], [['/a', ''], ['/b', 'abc'], ['/c', ''], ['/d', 'abc']], []])
  }
})

const TINY = Buffer.from('1\r\nx\r\n'.repeat(20_000) + '0\r\n\r\n')

proxyTest('case 50: 20,000 chunks of one byte go up', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  t.equal(statusOf(await client.ask(Buffer.concat([Buffer.from('POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'), TINY]), 'POST')), 200)
  t.equal(origin.requests[0]?.body.toString(), 'x'.repeat(20_000))
})

proxyTest('case 50: 20,000 chunks of one byte come down', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), TINY])) })
  const client = await bench.client()
  t.equal((await client.ask(get())).body.toString(), 'x'.repeat(20_000))
})

const MUCH = 1_048_576
const POST_CHUNKS = 'POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n'

for (const [what, bytes, status] of [
  ['a chunk extension of 1 MiB', `${POST_CHUNKS}3;a=${'b'.repeat(MUCH)}\r\nabc\r\n0\r\n\r\n`, 400],
  ['a quoted chunk extension of 1 MiB', `${POST_CHUNKS}3;a="${'b'.repeat(MUCH)}`, 400],
  ['chunk extensions of 1 MiB in all', `${POST_CHUNKS}${`1;a=${'b'.repeat(1_000)}\r\nx\r\n`.repeat(1_049)}0\r\n\r\n`, 400],
  ['a chunk size of 1 MiB of zeros', `${POST_CHUNKS}${'0'.repeat(MUCH)}`, 400],
  ['a trailer of 1 MiB', `${POST_CHUNKS}3\r\nabc\r\n0\r\nX: ${'y'.repeat(MUCH)}\r\n\r\n`, 431],
  ['trailers of 1 MiB', `${POST_CHUNKS}3\r\nabc\r\n0\r\n${`X: ${'y'.repeat(1_000)}\r\n`.repeat(1_046)}\r\n`, 431],
  ['100,000 trailers', `${POST_CHUNKS}3\r\nabc\r\n0\r\n${'a:b\r\n'.repeat(100_000)}\r\n`, 431]
] as const) {
  for (const piece of [10_000_000, 1_400]) {
    proxyTest(`case 50: ${what} is a ${status}, sent in pieces of ${piece}`, async (t, bench) => {
      const origin = await bench.origin(echoTarget)
      const seen = await refuse(bench, bytes, piece)
      t.same([seen.status, seen.close, origin.requests.length], [status, ['close'], 0])
      t.equal(await askAfter(bench), 'its own answer')
    })
  }
}

for (const [what, body] of [
  ['a chunk extension', `3;a=${'b'.repeat(MUCH)}\r\nabc\r\n0\r\n\r\n`],
  ['trailers', `3\r\nabc\r\n0\r\n${`X: ${'y'.repeat(1_000)}\r\n`.repeat(1_046)}\r\n`]
] as const) {
  proxyTest(`case 50: ${what} of 1 MiB from the origin ends its answer`, async (t, bench) => {
    await bench.origin((request, connection) => {
      if (targetOf(request) !== '/x') return echoTarget(request, connection)
      void connection.sendPieces(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`.match(/[^]{1,60000}/g) ?? [])
    })
    const client = await bench.client()
    client.expect('GET')
    client.send(get('/x'))
    await client.until('an end', () => client.ended || client.reader.messages.length === 1)
    const [answer] = client.reader.messages
    t.ok(answer === undefined ? client.reader.incomplete : statusOf(answer) === 502)
    t.equal(await askAfter(bench), 'its own answer')
  })
}

/** The first flight of a TLS client. */
const CLIENT_HELLO = Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(190, 7)])

for (const [what, noise] of [
  ['a TLS hello', CLIENT_HELLO],
  ['an SSLv2 hello', Buffer.from('802e0103010015', 'hex')],
  ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0')],
  ['zeros', Buffer.alloc(5_000)],
  ['0xff', Buffer.alloc(5_000, 0xff)],
  ['a PROXY header', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n')],
  ['a PROXY header of version 2', Buffer.from('0d0a0d0a000d0a515549540a21110000', 'hex')],
  ['an answer', Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')],
  ['SMTP', Buffer.from('EHLO h\r\nMAIL FROM:<a@b>\r\n')],
  ['a JSON body', Buffer.from('{"jsonrpc":"2.0"}\r\n')],
  ['line ends', Buffer.from('\r\n'.repeat(5_000))],
  ['a Redis command', Buffer.from('*1\r\n$4\r\nPING\r\n')]
] as const) {
  proxyTest(`case 50: ${what} in the place of a request is refused at once`, async (t, bench) => {
    const origin = await bench.origin(echoTarget)
    const client = await bench.client()
    client.expect('GET')
    client.send(noise)
    t.ok([400, 505].includes(statusOf(await client.answer())))
    await client.untilEnded()
    t.equal(origin.connections.length, 0)
  })
}

proxyTest('case 50: random bytes never get an answer that is none, and never hang', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  await Promise.all(Array.from({ length: 100 }, async (_, round) => {
    const client = await bench.client()
    client.expect(...Array.from({ length: 8 }, () => 'GET'))
    client.send(Buffer.concat([Buffer.from(round % 2 === 0 ? '' : 'GET / HTTP/1.1\r\nHost: h\r\n'), randomBytes(1 + round * 20)]))
    client.end()
    await client.untilEnded()
    t.equal(client.fault, undefined)
    t.same(client.reader.messages.map(statusOf).filter(status => status !== 400), [])
  }))
  t.equal(origin.requests.length, 0)
  t.equal(await askAfter(bench), 'its own answer')
})

proxyTest('case 50: 300 clients that come and go leave nothing', async (t, bench) => {
  await bench.origin(echoTarget)
  for (let round = 0; round < 300; round += 50) {
    await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const client = await bench.client()
      if (index % 3 === 1) client.send('GET / HT')
      if (index % 2 === 0) client.reset()
      else client.destroy()
    }))
  }
  await bench.until('the last of them to be forgotten', () => bench.counters.connectionsOpen === 0)
  t.equal(await askAfter(bench), 'its own answer')
})

proxyTest('case 50: 200 idle clients do not keep others from being served, nor do they lose their connections', async (t, bench) => {
  await bench.origin(echoTarget)
  const idle = await Promise.all(Array.from({ length: 200 }, async () => await bench.client()))
  for (const [index, client] of idle.entries()) if (index % 2 === 0) client.send('GET /late HTTP/1.1\r\nHost:')
  for (let round = 0; round < 20; round++) t.equal(await askAfter(bench), 'its own answer')
  const answers = await Promise.all(idle.map(async (client, index) => {
    client.expect('GET')
    client.send(index % 2 === 0 ? ' h\r\n\r\n' : get('/late'))
    return (await client.answer()).body.toString()
  }))
  t.same(new Set(answers), new Set(['/late']))
})
