import t from 'tap'
import { combineEdits, editedPath, type FieldEdits, fieldEdits } from '../../../src/http/field-edits.ts'
import type { RequestEdits } from '../../../src/http/http-request.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { rewriteRequestHead, rewrittenHeadBound } from '../../../src/http1/rewrite-request-head.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../../helpers/weir-http1-reader.ts'

function rewrite (text: string, fields: FieldEdits | null): string {
  const edits: RequestEdits = {
    prefix: latin1('Via: 1.1 weir\r\nX-Request-Id: '), requestId: latin1('42'), forwardedHost: undefined, defaultHost: 'd', dropClaims: true, fields
  }
  const bytes = latin1(text)
  const head = new RequestHead(WIDE_LIMITS)
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error(`not a request: ${text}`)
  const bound = rewrittenHeadBound(head, edits)
  const out = Buffer.alloc(bound)
  return out.toString('latin1', 0, rewriteRequestHead(head, edits, out, 0))
}

/** The request line of a request for this target. */
function targetOf (target: string, fields: FieldEdits, method = 'GET'): string {
  return rewrite(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, fields).split(' ')[1] ?? ''
}

const prefix = (from: string, by: string): FieldEdits => fieldEdits({ path: { prefix: latin1(from), by: latin1(by) } })
const whole = (by: string): FieldEdits => fieldEdits({ path: { prefix: null, by: latin1(by) } })

t.test('lines are taken out in any spelling and new ones come behind all others', async t => {
  const edits = fieldEdits({ removed: ['X-A', 'cookie'], added: [{ name: 'X-A', value: '1' }, { name: 'Cookie', value: 'b=2' }] })
  t.equal(rewrite('GET / HTTP/1.1\r\nx_a: 9\r\nHost: a\r\nCOOKIE: a=1\r\nX-Ab: 3\r\nx-A: 8\r\ncookie: b=2\r\n\r\n', edits),
    'GET / HTTP/1.1\r\nHost: a\r\nX-Ab: 3\r\nVia: 1.1 weir\r\nX-Request-Id: 42\r\nX-Forwarded-Host: a\r\nX-A: 1\r\nCookie: b=2\r\n\r\n')
})

t.test('another host stands in Host alone; who was asked stays in X-Forwarded-Host', async t => {
  const edits = fieldEdits({ host: latin1('b.example') })
  for (const head of ['GET /x HTTP/1.1\r\nHost: a:81\r\n', 'GET http://a:81/x HTTP/1.1\r\nHost: c\r\n']) {
    const text = rewrite(`${head}\r\n`, edits)
    t.match(text, /^GET \/x HTTP\/1\.1\r\nHost: b\.example\r\n/)
    t.match(text, /\r\nX-Forwarded-Host: a:81\r\n/)
    t.equal(text.match(/^Host:/gim)?.length, 1)
  }
  t.equal(rewrite('GET /x HTTP/1.0\r\n\r\n', edits), 'GET /x HTTP/1.1\r\nHost: b.example\r\nVia: 1.1 weir\r\nX-Request-Id: 42\r\n\r\n')
})

t.test('a prefix is replaced as the table of Gateway API says', async t => {
  for (const [path, from, by, expected] of [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'], ['/foo', '/foo', '/xyz', '/xyz'], ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'], ['/foo/', '/foo', '', '/'], ['/foo', '/foo', '', '/'],
    ['/foobar', '/foo', '/xyz', '/foobar'], ['/fo', '/foo', '/xyz', '/fo'], ['/bar', '', '/xyz', '/xyz/bar'], ['/', '', '/xyz', '/xyz/'],
    ['/foo//bar', '/foo', '', '//bar'], ['/FOO/bar', '/foo', '/xyz', '/FOO/bar']
  ] as const) {
    for (const query of ['', '?', '?a=/foo&b']) {
      t.equal(targetOf(`${path}${query}`, prefix(from, by)), `${expected}${query}`, `${path}${query}`)
      t.equal(targetOf(`http://h${path}${query}`, prefix(from, by)), `${expected}${query}`, `http://h${path}${query}`)
    }
    t.equal(editedPath({ prefix: latin1(from), by: latin1(by) }, path), expected)
  }
  t.equal(targetOf('http://h?a', prefix('', '/xyz')), '/xyz/?a', 'a URI without a path is about /')
  t.equal(targetOf('http://h', prefix('', '/xyz')), '/xyz/')
  t.equal(targetOf('http://h', prefix('/foo', '/xyz')), '/')
})

t.test('a whole path is replaced, its query is not', async t => {
  t.equal(targetOf('/a/b?c=/d', whole('/e')), '/e?c=/d')
  t.equal(targetOf('http://h?c', whole('/e')), '/e?c')
  t.equal(targetOf('http://h', whole('/e')), '/e')
})

t.test('what is asked of the whole server has no path', async t => {
  for (const edits of [whole('/e'), prefix('', '/e')]) {
    t.equal(targetOf('*', edits, 'OPTIONS'), '*')
    t.equal(targetOf('http://h', edits, 'OPTIONS'), '*')
  }
  t.equal(editedPath({ prefix: null, by: latin1('/e') }, '*'), '*')
})

t.test('framing, Host and what Weir writes itself can be neither removed nor added, in any spelling', async t => {
  for (const name of [
    'Host', 'Content-Length', 'content_length', 'Transfer-Encoding', 'Connection', 'TE', 'Trailer', 'Upgrade', 'Keep-Alive', 'Via', 'Date',
    'X-Forwarded-For', 'X_Forwarded_Proto', 'X-Weir-Version', 'x.weir.anything', 'X-Request-Id', 'Forwarded', 'X-Real-IP', 'Expect',
    'Client-Cert', 'X-Client-Cert-Subject'
  ]) {
    t.throws(() => fieldEdits({ removed: [name] }), RangeError, name)
    t.throws(() => fieldEdits({ added: [{ name, value: 'a' }] }), RangeError, name)
  }
})

t.test('a line is one line', async t => {
  for (const value of ['a\r\nB: c', 'a\nb', 'a\0', ' a', 'a\t', '\x7f', 'Ā']) t.throws(() => fieldEdits({ added: [{ name: 'A', value }] }), RangeError)
  for (const name of ['', 'A B', 'A:', 'A\r\nB']) t.throws(() => fieldEdits({ added: [{ name, value: 'a' }] }), RangeError)
  t.doesNotThrow(() => fieldEdits({ added: [{ name: 'A', value: '' }, { name: 'A', value: 'a \t\xe9' }] }))
})

t.test('of two edits the second has the last word', async t => {
  const first = fieldEdits({ removed: ['a'], added: [{ name: 'A', value: '1' }, { name: 'B', value: '1' }], host: latin1('h'), path: { prefix: null, by: latin1('/1') } })
  const then = fieldEdits({ removed: ['B', 'c'], added: [{ name: 'a', value: '2' }] })
  const { removed, added, host, path } = combineEdits(first, then) ?? fieldEdits({})
  t.same({ removed, added, host, path }, {
    removed: ['a', 'b', 'c'], added: [{ name: 'A', value: '1' }, { name: 'a', value: '2' }], host: first.host, path: first.path
  })
  t.equal(combineEdits(first, null), first)
  t.equal(combineEdits(null, then), then)
  t.equal(combineEdits(first, fieldEdits({ host: latin1('i') }))?.host?.toString(), 'i')
})
