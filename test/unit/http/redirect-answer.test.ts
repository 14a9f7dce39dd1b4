import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { HttpDate, ResponseFields } from '../../../src/http/http-response.ts'
import { redirectAnswer } from '../../../src/http/own-answer.ts'
import { RequestIds } from '../../../src/http/request-ids.ts'
import { ResponseWriter } from '../../../src/http1/response-writer.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const NO_FIELDS = new ResponseFields({ requestId: false, version: false }, new RequestIds())

function answer (request: string, { port = 443, keep = true } = {}): string | undefined {
  const head = new RequestHead({ maxHeadBytes: 32_768, maxHeaderFields: 128, maxUriBytes: 16_384 })
  const bytes = Buffer.from(request, 'latin1')
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error('the parser does not take it')
  const writer = new ResponseWriter({ write: () => true }, new HttpDate(new FakeClock()))
  writer.reset(head.minor, false)
  const redirect = redirectAnswer(head, port)
  return redirect === undefined ? undefined : writer.answerBytes(redirect, NO_FIELDS, keep).toString('latin1')
}

function location (request: string, port?: number): string | undefined {
  return /^Location: (.*)\r$/m.exec(answer(request, port === undefined ? {} : { port }) ?? '')?.[1]
}

t.test('the answer is whole and the same but for its location', async t => {
  t.equal(answer('GET /a?b=c HTTP/1.1\r\nHost: example.test\r\n\r\n'),
    'HTTP/1.1 308 Permanent Redirect\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nLocation: https://example.test/a?b=c\r\nContent-Length: 0\r\n\r\n')
})

for (const [what, start, host, expected] of [
  ['a path and query', 'GET /a/../b;x?y=%20&z={"q"}', 'example.test', 'https://example.test/a/../b;x?y=%20&z={"q"}'],
  ['a port, which is that of http', 'GET /', 'example.test:8080', 'https://example.test/'],
  ['an empty port', 'GET /', 'example.test:', 'https://example.test/'],
  ['capitals', 'GET /Path', 'EXAMPLE.test', 'https://example.test/Path'],
  ['an IPv6 address', 'GET /', '[2001:db8::1]:80', 'https://[2001:db8::1]/'],
  ['a path that looks like an authority', 'GET //other.test/x', 'example.test', 'https://example.test//other.test/x'],
  ['a path with an at sign', 'GET /@other.test', 'example.test', 'https://example.test/@other.test'],
  ['a target in absolute form, which wins over Host', 'GET http://real.test:8080/x?y', 'example.test', 'https://real.test/x?y'],
  ['an absolute form without path', 'GET http://real.test', 'example.test', 'https://real.test/'],
  ['an absolute form without path but with a query', 'GET http://real.test?q=/', 'example.test', 'https://real.test/?q=/'],
  ['an asterisk', 'OPTIONS *', 'example.test', 'https://example.test'],
  ['the absolute form of an asterisk', 'OPTIONS http://real.test', 'example.test', 'https://real.test'],
  ['OPTIONS of a path', 'OPTIONS /x', 'example.test', 'https://example.test/x']
] as const) {
  t.test(`the location keeps host and target: ${what}`, async t => {
    t.equal(location(`${start} HTTP/1.1\r\nHost: ${host}\r\n\r\n`), expected)
  })
}

t.test('another port than 443 is named', async t => {
  t.equal(location('GET /x HTTP/1.1\r\nHost: example.test:80\r\n\r\n', 8443), 'https://example.test:8443/x')
  t.equal(location('OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n', 8443), 'https://[::1]:8443')
})

t.test('without a host there is nothing to answer', async t => {
  t.equal(answer('GET / HTTP/1.0\r\n\r\n'), undefined)
  t.equal(location('GET http://real.test/ HTTP/1.0\r\n\r\n'), 'https://real.test/')
})

t.test('Connection says what the client has to know', async t => {
  t.match(answer('GET / HTTP/1.1\r\nHost: h\r\n\r\n', { keep: false }), '\r\nConnection: close\r\n')
  t.match(answer('GET / HTTP/1.0\r\nHost: h\r\n\r\n', { keep: false }), '\r\nConnection: close\r\n')
  t.match(answer('GET / HTTP/1.0\r\nHost: h\r\n\r\n', { keep: true }), '\r\nConnection: keep-alive\r\n')
})
