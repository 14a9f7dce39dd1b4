/** Syntax that is refused, in every place and however it is cut into packets: cases 17 to 20. */
import { proxyTest } from '../helpers/data-plane.ts'
import { echoTarget, observeRequest } from '../helpers/observe-request.ts'
import { get } from '../helpers/raw-client.ts'
import { statusOf } from '../helpers/raw-http.ts'

const HIDDEN = get('/hidden')

/** Refused with this status, closed, and nothing at the origin, whether the bytes come at once or one by one. */
function refusalTest (name: string, bytes: string, status = 400): void {
  proxyTest(name, async (t, bench) => {
    for (const piecewise of [false, true]) {
      const seen = await observeRequest(bench, bytes, piecewise)
      t.strictSame(seen, { statuses: [status], saysClose: true, requests: [], faults: [], after: 'its own answer' })
    }
  })
}

for (const [where, fields] of [
  ['the first field', 'X : y\r\nHost: h\r\n'],
  ['Host', 'Host : h\r\n'],
  ['Content-Length', 'Host: h\r\nContent-Length : 5\r\n'],
  ['Transfer-Encoding', 'Host: h\r\nTransfer-Encoding : chunked\r\n'],
  ['the last field', 'Host: h\r\nX-A: b\r\nX : y\r\n'],
  ['an empty value', 'Host: h\r\nX :\r\n'],
  ['several spaces', 'Host: h\r\nX   : y\r\n'],
  ['a tab', 'Host: h\r\nX\t: y\r\n'],
  ['a tab and a space', 'Host: h\r\nX \t : y\r\n'],
  ['Connection', 'Host: h\r\nConnection : close\r\n'], ['Expect', 'Host: h\r\nExpect : 100-continue\r\nContent-Length: 0\r\n']
] as const) {
  refusalTest(`case 17: a space before the colon, in ${where}, is refused with 400`, `POST / HTTP/1.1\r\n${fields}\r\n${HIDDEN}`)
}

refusalTest('case 17: a space before the colon of a trailer is refused with 400', `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n\r\n${HIDDEN}`)

for (const [what, fields] of [
  ['by a space', 'Host: h\r\nX: a\r\n b\r\n'],
  ['by a tab', 'Host: h\r\nX: a\r\n\tb\r\n'],
  ['by much space', 'Host: h\r\nX: a\r\n    \t b\r\n'],
  ['twice', 'Host: h\r\nX: a\r\n b\r\n c\r\n'],
  ['from an empty value', 'Host: h\r\nX:\r\n b\r\n'],
  ['into nothing', 'Host: h\r\nX: a\r\n \r\n'],
  ['in Host', 'Host:\r\n h\r\n'],
  ['behind Host', 'Host: h\r\n .evil\r\n'],
  ['in Content-Length', 'Host: h\r\nContent-Length:\r\n 5\r\n'],
  ['behind Content-Length', 'Host: h\r\nContent-Length: 5\r\n 0\r\n'],
  ['with a field in it', 'Host: h\r\nX: a\r\n Content-Length: 50\r\n'],
  ['with a coding in it', 'Host: h\r\nX: a\r\n Transfer-Encoding: chunked\r\n'],
  ['before the first field', ' X: y\r\nHost: h\r\n'],
  ['at the end', 'Host: h\r\nX: a\r\n\t']
] as const) {
  refusalTest(`case 18: a field folded ${what} is refused with 400`, `POST / HTTP/1.1\r\n${fields}\r\nhello${HIDDEN}`)
}

refusalTest('case 18: a folded coding is refused with 501, for its first line', `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n${HIDDEN}`, 501)

proxyTest('case 19: one CR LF before a request is ignored, on a new connection and between requests', async (t, bench) => {
  for (const piecewise of [false, true]) {
    const seen = await observeRequest(bench, `\r\n${get('/a')}\r\n${get('/b')}POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi\r\n${get('/d')}`, piecewise)
    t.same([seen.statuses, seen.requests.map(({ startLine }) => startLine.split(' ')[1]), seen.after], [[200, 200, 200, 200], ['/a', '/b', '/c', '/d'], 'its own answer'])
  }
})

proxyTest('case 19: a CR LF that comes long before its request is ignored too', async (t, bench) => {
  await bench.origin(echoTarget)
  const client = await bench.client()
  for (const piece of ['\r', '\n']) await client.sendPieces([piece])
  t.equal(statusOf(await client.ask(get('/a'))), 200)
  client.send('\r\n')
  t.equal(statusOf(await client.ask(get('/b'))), 200)
})

for (const [what, lead] of [
  ['two CR LF', '\r\n\r\n'], ['an LF', '\n'], ['a CR', '\r'], ['a CR LF and an LF', '\r\n\n'], ['a space', ' '], ['LF CR', '\n\r'],
  ['CR CR LF', '\r\r\n'], ['a hundred CR LF', '\r\n'.repeat(100)], ['a NUL', '\0'], ['a byte order mark', '\xef\xbb\xbf']
] as const) {
  refusalTest(`case 19: ${what} before a request is refused`, `${lead}${get('/a')}`)
}

for (const [what, bytes] of [
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n'],
  ['a bare CR that hides a field', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n'],
  ['a bare CR before CR LF', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\r\r\n\r\n'],
  ['a bare CR in a name', 'GET / HTTP/1.1\r\nHost: h\r\nX\rY: a\r\n\r\n'],
  ['a bare CR in the target', 'GET /a\rb HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a bare CR behind the version', 'GET / HTTP/1.1\rX: y\r\nHost: h\r\n\r\n'],
  ['a bare CR as a line end', 'GET / HTTP/1.1\rHost: h\r\r'],
  ['a bare CR before the end', 'GET / HTTP/1.1\r\nHost: h\r\n\rX\r\n\r\n'],
  ['a NUL in a value', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n'],
  ['a NUL in a name', 'GET / HTTP/1.1\r\nHost: h\r\nX\0: a\r\n\r\n'],
  ['a NUL in Host', 'GET / HTTP/1.1\r\nHost: h\0evil\r\n\r\n'],
  ['a NUL in the target', 'GET /a\0 HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a NUL in the method', 'G\0ET / HTTP/1.1\r\nHost: h\r\n\r\n'],
  ['a NUL as a line', 'GET / HTTP/1.1\r\nHost: h\r\n\0\r\n\r\n'],
  ['bare LFs only', 'GET / HTTP/1.1\nHost: h\n\n'],
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n'],
  ['a bare LF behind a field', 'GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n'],
  ['a bare LF in a value', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\nb\r\n\r\n'],
  ['a bare LF as the end', 'GET / HTTP/1.1\r\nHost: h\r\n\n'],
  ['CR LF LF as the end', 'GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\nZ: a\r\n\r\n'],
  ['LF CR', 'GET / HTTP/1.1\r\nHost: h\n\rX: y\r\n\r\n'],
  ['a space in a name', 'GET / HTTP/1.1\r\nHost: h\r\nX Y: a\r\n\r\n'],
  ['a bracket in a name', 'GET / HTTP/1.1\r\nHost: h\r\nX(Y): a\r\n\r\n'],
  ['an empty name', 'GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n'],
  ['a byte past ASCII in a name', 'GET / HTTP/1.1\r\nHost: h\r\n\xe9: a\r\n\r\n'],
  ['a DEL in a name', 'GET / HTTP/1.1\r\nHost: h\r\nX\x7f: a\r\n\r\n'],
  ['a line without a colon', 'GET / HTTP/1.1\r\nHost: h\r\nfoo\r\n\r\n'],
  ['a request line as a field', 'GET / HTTP/1.1\r\nHost: h\r\nGET /x HTTP/1.1\r\n\r\n'],
  ['a first field with a space before it', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n'],
  ['a first field with a tab before it', 'GET / HTTP/1.1\r\n\tX: y\r\nHost: h\r\n\r\n'],
  ['only space for a first field', 'GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n'],
  ...Array.from({ length: 32 }, (_, code) => code).filter(code => ![0, 9, 10, 13].includes(code))
    .map(code => [`the control character ${code} in a value`, `GET / HTTP/1.1\r\nHost: h\r\nX: a${String.fromCharCode(code)}b\r\n\r\n`] as const),
  ['a DEL in a value', 'GET / HTTP/1.1\r\nHost: h\r\nX: \x7f\r\n\r\n']
] as const) {
  refusalTest(`case 20: ${what} is refused with 400`, bytes + HIDDEN)
}

proxyTest('case 20: all bytes that may be in a value, and all tokens as names, pass', async (t, bench) => {
  const origin = await bench.origin(echoTarget)
  const client = await bench.client()
  const value = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code).filter(code => code === 9 || (code >= 32 && code !== 127))).trim()
  t.equal(statusOf(await client.ask(get('/', `!#$%&'*+-.^_\`|~09azAZ: ${value}\r\n`))), 200)
  t.same(origin.requests[0]?.fields.find(([name]) => name.startsWith('!'))?.[1], value)
})
