/** What an origin answers, and what the client may see of it: cases 27 to 33. */
import type { Test } from 'tap'
import { proxyTest, type ProxyBench } from '../helpers/data-plane.ts'
import { observeResponse } from '../helpers/observe-response.ts'
import { get } from '../helpers/raw-client.ts'
import { valuesOf } from '../helpers/raw-http.ts'
import { ok } from '../helpers/raw-origin.ts'

const CHUNKS = '5\r\nhello\r\n0\r\n\r\n'

/** A 502 in its place, the connection to the origin gone, and the next questions answered as if nothing had been. */
async function isRefused (t: Test, bench: ProxyBench, bytes: string): Promise<void> {
  for (const piecewise of [false, true]) {
    const seen = await observeResponse(bench, { bytes, end: false, piecewise: piecewise && bytes.length < 2_000 })
    const [first, ...rest] = seen.answers
    t.equal(first?.[0], 502)
    t.match(JSON.parse(first?.[1] ?? ''), { status: 502, code: 'upstream_malformed' })
    t.strictSame([rest, seen.cut, seen.faults, seen.after], [[[200, '/second']], false, [], 'its own answer'])
  }
}

function refusalTest (name: string, bytes: string): void {
  proxyTest(name, async (t, bench) => { await isRefused(t, bench, bytes) })
}

for (const [what, fields, body] of [
  ['a length and a coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked', CHUNKS],
  ['a coding and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 5', CHUNKS],
  ['a coding and a length of 0', 'Transfer-Encoding: chunked\r\nContent-Length: 0', CHUNKS],
  ['the right length of the chunks', 'Transfer-Encoding: chunked\r\nContent-Length: 15', CHUNKS],
  ['a length and another coding', 'Content-Length: 5\r\nTransfer-Encoding: gzip', 'hello'],
  ['a length and identity', 'Content-Length: 5\r\nTransfer-Encoding: identity', 'hello'],
  ['a coding that is nominated, and a length', 'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5', CHUNKS]
] as const) {
  refusalTest(`case 27: an answer with ${what} is a 502`, `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${body}`)
}

for (const value of [
  '5\r\nContent-Length: 6', '5\r\nContent-Length: 5\r\nContent-Length: 6', '5, 6', '5, 5\r\nContent-Length: 6', '5,', ',5', '+5', '-5', '0x5', '5.0', '5e0', '', ' ', 'five', '5 5', '"5"',
  '5;', '9007199254740992', '18446744073709551621', '5\r\nX: y\r\ncontent-length: 4', '\xb5', '5\t6'
]) {
  refusalTest(`case 28: Content-Length: ${JSON.stringify(value)} of an answer is a 502`, `HTTP/1.1 200 OK\r\nContent-Length: ${value}\r\n\r\nhello`)
}

for (const value of ['5\r\nContent-Length: 5', '5, 5', '5,5\r\nX: y\r\ncontent-length:\t05', '05, 5', '5\r\nConnection: Content-Length\r\nContent-Length: 5']) {
  for (const [method, status, own] of [['GET', 200, ['5']], ['HEAD', 200, ['5']], ['GET', 304, ['5']], ['GET', 204, []]] as const) {
    proxyTest(`case 28: Content-Length: ${JSON.stringify(value)} of a ${status} to ${method} says one thing, which the client is told once`, async (t, bench) => {
      const body = method === 'GET' && status === 200 ? 'hello' : ''
      const origin = await bench.origin((_, connection) => { connection.send(`HTTP/1.1 ${status} Fine\r\nA: 1\r\nContent-Length: ${value}\r\nB: 2\r\n\r\n${body}`) })
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        const answer = await client.ask(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`)
        t.same([answer.startLine, answer.body.toString(), valuesOf(answer, 'content-length')], [`HTTP/1.1 ${status} Fine`, body, own])
        t.same([valuesOf(answer, 'a'), valuesOf(answer, 'b')], [['1'], ['2']])
      }
      t.equal(origin.connections.length, 1, 'the connection to the origin is used again')
    })
  }
}

for (const value of [
  'chunked, chunked', 'chunked,chunked', 'chunked\r\nTransfer-Encoding: chunked', 'gzip, chunked', 'chunked, gzip', 'identity', 'chunked, identity',
  'xchunked', 'chunked;q=1', '"chunked"', 'chunked,', ', chunked', '', 'chunked\x0b', '\xa0chunked'
]) {
  refusalTest(`case 29: Transfer-Encoding: ${JSON.stringify(value)} of an answer is a 502`, `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${value}\r\n\r\n${CHUNKS}`)
}
refusalTest('case 29: chunks of an HTTP/1.0 origin are a 502', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`)

for (const [what, fields] of [
  ['a folded field', 'X: a\r\n b'],
  ['a field folded by a tab', 'X: a\r\n\tb'],
  ['a folded length', 'Content-Length:\r\n 5'],
  ['a space before a colon', 'X : y'],
  ['a tab before a colon', 'X\t: y'],
  ['a NUL in a value', 'X: \0'],
  ['a NUL in a name', 'X\0: y'],
  ['a bare CR', 'X: a\rSet-Cookie: b'],
  ['a bare LF', 'X: a\nSet-Cookie: b'],
  ['a bare CR before the end', 'X: a\r'],
  ['a control character', 'X: \x07'],
  ['an empty name', ': a'],
  ['no colon', 'a'],
  ['a byte past ASCII in a name', '\xe9: a'],
  ['a space before the first field', ' X: y']
] as const) {
  refusalTest(`case 30: ${what} in an answer is a 502`, `HTTP/1.1 200 OK\r\n${fields}\r\nContent-Length: 5\r\n\r\nhello`)
}
refusalTest('case 30: an answer with bare LFs is a 502', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello')
refusalTest('case 30: a NUL in the reason is a 502', 'HTTP/1.1 200 O\0K\r\nContent-Length: 5\r\n\r\nhello')
refusalTest('case 30: a CR in the reason is a 502', 'HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello')

for (const [what, head, pieces, framing] of [
  ['HTTP/1.0 with a length', 'HTTP/1.0 200 Fine\r\nContent-Length: 10\r\n\r\n', ['hello', 'world'], 'length'],
  ['HTTP/1.0 until its end', 'HTTP/1.0 200 Fine\r\nContent-Type: text/plain\r\n\r\n', ['hello', 'world'], 'chunked'],
  ['HTTP/1.1 until its end', 'HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\n', ['hello', 'world'], 'chunked'],
  ['HTTP/1.1 until its end, without saying so', 'HTTP/1.1 200 Fine\r\n\r\n', ['hello', 'world'], 'chunked'],
  ['HTTP/1.0 kept alive until its end', 'HTTP/1.0 200 Fine\r\nConnection: keep-alive\r\n\r\n', ['hello', 'world'], 'chunked'],
  ['nothing until its end', 'HTTP/1.0 200 Fine\r\n\r\n', [], 'chunked']
] as const) {
  for (const glued of [true, false]) {
    proxyTest(`case 31: an answer in ${what}, ${glued ? 'at once' : 'in pieces'}, arrives whole, with our version, and the client's connection goes on`, async (t, bench) => {
      await bench.origin((_, connection) => { void connection.sendPieces(glued ? [[head, ...pieces].join('')] : [head, ...pieces]).then(() => { connection.end() }) })
      const client = await bench.client()
      for (let round = 0; round < 2; round++) {
        const answer = await client.ask(get())
        t.same([answer.startLine, answer.body.toString(), answer.framing, valuesOf(answer, 'connection')], ['HTTP/1.1 200 Fine', pieces.join(''), framing, []])
      }
    })
  }
}

for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
  proxyTest(`case 31: an answer until the end, larger than any buffer, arrives whole at an ${version} client`, async (t, bench) => {
    const body = Buffer.alloc(1_000_003, 'abcdefg')
    await bench.origin((_, connection) => {
      connection.send(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\n\r\n'), body]))
      connection.end()
    })
    const client = await bench.client()
    const answer = await client.ask(`GET / ${version}\r\nHost: h\r\n\r\n`)
    t.ok(answer.body.equals(body))
    t.equal(answer.framing, version === 'HTTP/1.1' ? 'chunked' : 'close')
  })
}

for (const [what, fields, kept] of [
  ['Keep-Alive', 'Keep-Alive: timeout=5, max=1\r\n', []],
  ['Proxy-Connection', 'Proxy-Connection: close\r\n', []],
  ['TE', 'TE: trailers\r\n', []],
  ['Upgrade', 'Upgrade: h2c, websocket\r\nConnection: upgrade\r\n', []],
  ['a nominated field', 'X-Secret: 1\r\nConnection: x-secret\r\nX-SECRET: 2\r\n', []],
  ['several nominated fields', 'A: 1\r\nB: 2\r\nC: 3\r\nConnection: ,A ,,\r\nConnection: keep-alive , c\r\n', ['B']],
  ['nominated fields of the message', 'Connection: Content-Length, Date, Transfer-Encoding\r\n', []],
  ['nominated ordinary fields', 'Connection: Set-Cookie, ETag\r\nSet-Cookie: a\r\nETag: "x"\r\nVary: *\r\n', ['Vary']]
] as const) {
  proxyTest(`case 32: ${what} of an answer does not go on`, async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(ok('hello', fields)) })
    const client = await bench.client()
    const answer = await client.ask(get())
    t.same(answer.fields.map(([name]) => name), ['Date', 'Content-Length', ...kept])
    t.equal(answer.body.toString(), 'hello')
  })
}

proxyTest('case 32: the length of a chunked body stays away, and a Date is there', async (t, bench) => {
  await bench.origin((_, connection) => { connection.send(`HTTP/1.1 200 OK\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`) })
  const client = await bench.client()
  const answer = await client.ask(get())
  t.same(answer.fields.map(([name]) => name), ['Date', 'Transfer-Encoding'])
  t.match(valuesOf(answer, 'date')[0], /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/)
})

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

for (const [what, bytes] of [
  ['a 101 that nobody asked for', SWITCH],
  ['a 101 without Upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['a 101 with bytes behind it', `${SWITCH}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`],
  ['a 100 and a 101', `HTTP/1.1 100 Continue\r\n\r\n${SWITCH}`],
  ['garbage', 'hello world\r\n\r\n'],
  ['binary garbage', '\x00\x01\x02\xff\xfe\r\n\r\n'],
  ['a TLS alert', '\x15\x03\x03\x00\x02\x02\x46'],
  ['an HTTP/2 preface', '\0\0\x12\x04\0\0\0\0\0'],
  ['HTML', '<html><body>hello</body></html>'],
  ['a request', get()],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n'],
  ['a status of 000', 'HTTP/1.1 000 OK\r\n\r\n'],
  ['a status of 99', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no status', 'HTTP/1.1\r\n\r\n'], ['a status line that is cut', 'HTTP/1.1 20\r\n'], ['a version that is cut', 'HTTP/1.\r\n'], ['HTTP', 'HTTP\r\n'],
  ['two spaces', 'HTTP/1.1  200 OK\r\n\r\n'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/0.9', 'HTTP/0.9 200 OK\r\n\r\n'],
  ['ICY', 'ICY 200 OK\r\n\r\n'],
  ['http in lower case', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a head that is too large', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
  ['too many fields', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(300)}\r\n`],
  ['too many interim answers', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(40)]
] as const) {
  refusalTest(`case 33: ${what} is a 502`, bytes)
}
