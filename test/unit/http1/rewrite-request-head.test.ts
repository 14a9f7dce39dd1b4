import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../../../src/http1/rewrite-request-head.ts'
import type { RequestEdits } from '../../../src/http/http-request.ts'
import { countBlocks, countSorted } from '../../helpers/count-work.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

const ADDITIONS: RequestEdits = {
  prefix: latin1('Via: 1.1 weir\r\nX-Request-Id: '),
  requestId: latin1('42'),
  forwardedHost: undefined,
  defaultHost: '192.0.2.1:80',
  dropClaims: false,
  fields: null
}
const ADDED = 'Via: 1.1 weir\r\nX-Request-Id: 42\r\n'

function rewrite (text: string, additions: RequestEdits = ADDITIONS): string {
  const bytes = latin1(text)
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error(`not a request: ${text}`)
  const out = Buffer.alloc(3 + rewrittenHeadBound(head, additions), 0x21)
  const end = rewriteRequestHead(head, additions, out, 3)
  return out.toString('latin1', 3, end)
}

t.test('a request with nothing to drop keeps its bytes and gets the additions behind its own fields', async t => {
  t.equal(rewrite('GET /a?b HTTP/1.1\r\nhOST: \tA.b:80 \r\nX:  y \r\n\r\nbody'),
    `GET /a?b HTTP/1.1\r\nhOST: \tA.b:80 \r\nX:  y \r\n${ADDED}X-Forwarded-Host: A.b:80\r\n\r\n`)
})

t.test('dropped lines leave no gap, wherever they are', async t => {
  const line = `Host: a\r\n${ADDED}X-Forwarded-Host: a\r\n\r\n`
  t.equal(rewrite('GET / HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n'), `GET / HTTP/1.1\r\n${line}`, 'first')
  t.equal(rewrite('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), `GET / HTTP/1.1\r\n${line}`, 'last')
  t.equal(rewrite('GET / HTTP/1.1\r\nKeep-Alive: x\r\nConnection: b, c\r\nB: 1\r\nA: 1\r\nc: 2\r\nHost: a\r\nTE: gzip\r\nUpgrade: x\r\nA: 2\r\nX-Forwarded-For: y\r\n\r\n'),
    `GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\nA: 2\r\n${ADDED}X-Forwarded-Host: a\r\n\r\n`, 'several, some side by side')
})

t.test('the version that goes on is our own', async t => {
  for (const version of ['1.0', '1.2', '1.9']) {
    t.equal(rewrite(`GET /a HTTP/${version}\r\nHost: a\r\n\r\n`), `GET /a HTTP/1.1\r\nHost: a\r\n${ADDED}X-Forwarded-Host: a\r\n\r\n`, version)
  }
})

t.test('a request without Host gets the one that it is given', async t => {
  t.equal(rewrite('GET / HTTP/1.0\r\nX: y\r\n\r\n'), `GET / HTTP/1.1\r\nX: y\r\nHost: 192.0.2.1:80\r\n${ADDED}\r\n`)
  t.equal(rewrite('GET / HTTP/1.0\r\n\r\n'), `GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n${ADDED}\r\n`)
})

t.test('an absolute form becomes an origin form and a Host', async t => {
  for (const [method, target, written] of [
    ['GET', 'http://b:81/c?d', '/c?d'], ['GET', 'HTTPS://b:81', '/'], ['GET', 'http://b:81?d=e', '/?d=e'], ['GET', 'http://b:81//c', '//c'], ['GET', 'http://b:81/http://x/', '/http://x/'],
    ['OPTIONS', 'http://b:81', '*'], ['OPTIONS', 'http://b:81/', '/'], ['OPTIONS', 'http://b:81?', '/?']
  ] as const) {
    t.equal(rewrite(`${method} ${target} HTTP/1.1\r\nX: 1\r\nHost: a\r\nY: 2\r\n\r\n`),
      `${method} ${written} HTTP/1.1\r\nX: 1\r\nY: 2\r\nHost: b:81\r\n${ADDED}X-Forwarded-Host: b:81\r\n\r\n`, `${method} ${target}`)
  }
  t.equal(rewrite('GET http://b/ HTTP/1.0\r\n\r\n'), `GET / HTTP/1.1\r\nHost: b\r\n${ADDED}X-Forwarded-Host: b\r\n\r\n`)
})

t.test('the asterisk of OPTIONS stays', async t => {
  t.equal(rewrite('OPTIONS * HTTP/1.0\r\nHost: a\r\n\r\n'), `OPTIONS * HTTP/1.1\r\nHost: a\r\n${ADDED}X-Forwarded-Host: a\r\n\r\n`)
})

t.test('framing is canonical', async t => {
  t.match(rewrite('POST / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING:\tChunked \r\n\r\n'), /^POST \/ HTTP\/1\.1\r\nHost: a\r\nVia.*\r\nTransfer-Encoding: chunked\r\n\r\n$/s)
  t.match(rewrite('POST / HTTP/1.1\r\nContent-Length: 0042\r\nHost: a\r\n\r\n'), /^POST \/ HTTP\/1\.1\r\nHost: a\r\nVia.*\r\nContent-Length: 42\r\n\r\n$/s)
  t.match(rewrite('POST / HTTP/1.1\r\nContent-Length: 42\r\nHost: a\r\nConnection: content-length\r\n\r\n'), /^POST \/ HTTP\/1\.1\r\nContent-Length: 42\r\nHost: a\r\nVia/)
  t.match(rewrite('POST / HTTP/1.0\r\nContent-Length: 00\r\n\r\n'), /\r\nContent-Length: 0\r\n\r\n$/)
})

t.test('a client that takes trailers is announced anew', async t => {
  t.match(rewrite('GET / HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\nConnection: TE, close\r\n\r\n'), /X-Forwarded-Host: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n$/)
})

t.test('an expectation goes on, but not for HTTP/1.0', async t => {
  t.match(rewrite('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: expect\r\nContent-Length: 1\r\n\r\n'), /\r\nExpect: 100-continue\r\n/)
  t.notMatch(rewrite('POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n'), /Expect/)
  for (const lines of [
    'Expect: 100-continue\r\nExpect: 100-continue', 'Expect: ,100-continue', 'Expect: 100-continue, 100-continue\r\nExpect:'
  ]) {
    t.same(
      rewrite(`POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\nContent-Length: 1\r\n\r\n`).match(/\r\nExpect: .*\r\n/g),
      ['\r\nExpect: 100-continue\r\n'],
      lines
    )
  }
})

t.test('X-Forwarded-Host is what a trusted proxy said, if it said something', async t => {
  t.match(rewrite('GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', { ...ADDITIONS, forwardedHost: latin1('c, d') }), /\r\nHost: b\r\nVia.*\r\nX-Forwarded-Host: c, d\r\n\r\n$/s)
})

t.test('long and short values are copied alike', async t => {
  for (let length = 0; length < 120; length++) {
    const value = 'v'.repeat(length)
    t.match(rewrite(`GET / HTTP/1.1\r\nConnection: c\r\nHost: a\r\nX:${value}\r\nC: d\r\n\r\n`), `\r\nHost: a\r\nX:${value}\r\nVia`)
  }
})

t.test('the empty line before the request is not sent on', async t => {
  t.match(rewrite('\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'), /^GET \/ HTTP\/1\.1\r\n/)
})

t.test('claims of where a request came from are left out with work that grows with their number, not with its square', async t => {
  const workFor = async (count: number): Promise<number> => {
    const lines = Array.from({ length: count }, (_, index) => `X-Forwarded-A${index}: 1\r\n`).join('')
    const bytes = latin1(`GET / HTTP/1.1\r\nConnection: x-forwarded-a1\r\n${lines}Host: a\r\n\r\n`)
    const head = new RequestHead({ maxHeadBytes: 1_000_000, maxHeaderFields: 5_000, maxUriBytes: 1_000 })
    const out = Buffer.alloc(bytes.length + 2_000)
    let end = 0
    const rewriteOnce = (): void => {
      head.reset(bytes, 0)
      head.parse(bytes.length)
      end = rewriteRequestHead(head, { ...ADDITIONS, dropClaims: true }, out, 0)
    }
    const work = await countBlocks(rewriteOnce)
    const sorted = countSorted(rewriteOnce)
    t.ok(sorted <= 2 * count, `${sorted} lines of ${count} are put in order`)
    t.equal(out.toString('latin1', 0, end), `GET / HTTP/1.1\r\nHost: a\r\n${ADDED}X-Forwarded-Host: a\r\n\r\n`)
    return work
  }
  const few = await workFor(400)
  const many = await workFor(4_000)
  t.ok(few > 400, `${few} blocks were seen`)
  // The names have another digit.
  t.ok(many < 11 * few, `${many} blocks for ten times the fields of ${few}`)
})
