import fc from 'fast-check'
import t from 'tap'
import { editedPath, fieldEdits } from '../../src/http/field-edits.ts'
import type { RequestEdits } from '../../src/http/http-request.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { editedHead, rewriteRequestHead, rewrittenHeadBound } from '../../src/http1/rewrite-request-head.ts'
import { latin1 } from '../helpers/http1-message.ts'
import { propertyRuns } from '../helpers/property-runs.ts'
import { WIDE_LIMITS } from '../helpers/weir-http1-reader.ts'

const EDITS = { prefix: latin1('Via: 1.1 w\r\nX-Request-Id: '), requestId: latin1('1'), forwardedHost: undefined, defaultHost: 'default', dropClaims: true }
const NAMES = ['Accept', 'aCCEPT', 'X-A', 'x_a', 'X-Ab', 'Cookie', 'cookie', 'X.B', 'Authorization', 'Content-Type']
const FRAMINGS = ['', 'Content-Length: 0\r\n', 'Content-Length: 007\r\n', 'Transfer-Encoding: chunked\r\n']

const name = fc.constantFrom(...NAMES)
const value = fc.stringMatching(/^[!-~]([ -~]{0,8}[!-~])?$/)
const line = fc.record({ name, value })
const segments = fc.array(fc.constantFrom('', 'foo', 'bar', 'fo', '%2f', ';a'), { maxLength: 4 }).map(parts => `/${parts.join('/')}`)

const head = fc.record({
  target: fc.tuple(fc.constantFrom('', 'http://h.example', 'HTTPS://h:81'), segments, fc.constantFrom('', '?', '?a=/foo')).map(parts => parts.join('')),
  host: fc.constantFrom('a', 'a.example:8080'),
  lines: fc.array(line, { maxLength: 8 }),
  framing: fc.constantFrom(...FRAMINGS),
  nominated: fc.constantFrom('', 'Connection: x-ab\r\n', 'Keep-Alive: 5\r\n')
}).map(({ target, host, lines, framing, nominated }) => ({
  target, host, text: `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.map(field => `${field.name}: ${field.value}\r\n`).join('')}${framing}${nominated}\r\n`
}))

const changes = fc.record({
  removed: fc.array(name, { maxLength: 3 }),
  added: fc.array(line, { maxLength: 3 }),
  path: fc.option(fc.record({ prefix: fc.option(fc.constantFrom('', '/foo', '/foo/bar')), by: fc.constantFrom('', '/x', '/foo/y') })),
  host: fc.option(fc.constantFrom('other.example'))
})

/** The lines of a head, without the request line and the empty one. */
const linesOf = (text: string): string[] => text.split('\r\n').slice(1, -2)
const folded = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '-')
const nameOf = (text: string): string => text.slice(0, text.indexOf(':'))
const isHost = (text: string): boolean => nameOf(text).toLowerCase() === 'host'

function parsed (bytes: Buffer): RequestHead {
  const found = new RequestHead(WIDE_LIMITS)
  found.reset(bytes, 0)
  if (found.parse(bytes.length) !== 1) throw new Error(`not a request: ${bytes.toString('latin1')}`)
  return found
}

function written (text: string, fields: RequestEdits['fields']): Buffer {
  const edits = { ...EDITS, fields }
  const request = parsed(latin1(text))
  const out = Buffer.alloc(rewrittenHeadBound(request, edits))
  return out.subarray(0, rewriteRequestHead(request, edits, out, 0))
}

function same (what: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) throw new Error(`${what}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`)
}

t.test('edits do what a list of lines would say, at once and on a head that was kept, and leave the framing alone', async t => {
  fc.assert(fc.property(head, changes, ({ text }, { removed, added, path, host }) => {
    const edits = fieldEdits({
      removed, added, host: host === null ? null : latin1(host), path: path === null ? null : { prefix: path.prefix === null ? null : latin1(path.prefix), by: latin1(path.prefix === null ? path.by || '/' : path.by) }
    })
    const plain = written(text, null)
    const plainLines = linesOf(plain.toString('latin1'))
    const gone = new Set(removed.map(folded))
    const kept = plainLines.filter(field => !isHost(field) && !gone.has(folded(nameOf(field))))
    const expected = [...kept, ...added.map(field => `${field.name}: ${field.value}`)]
    const expectedHost = plainLines.filter(isHost).map(field => host === null ? field.replace(/^host/i, 'Host') : `Host: ${host}`)
    const [, plainTarget = ''] = plain.toString('latin1').split(' ')
    const [before = '', ...query] = plainTarget.split('?')
    const target = [edits.path === null ? before : editedPath(edits.path, before), ...query].join('?')
    for (const [what, bytes] of [['at once', written(text, edits)], ['later', editedHead(parsed(plain), edits)]] as const) {
      const result = bytes.toString('latin1')
      same(`${what}: lines`, linesOf(result).filter(field => !isHost(field)), expected)
      same(`${what}: host`, linesOf(result).filter(isHost), expectedHost)
      same(`${what}: request line`, result.split('\r\n')[0], `POST ${target} HTTP/1.1`)
      const [one, other] = [parsed(bytes), parsed(plain)]
      same(`${what}: framing`, [one.framing(), one.length, one.end], [other.framing(), other.length, bytes.length])
    }
  }), { numRuns: propertyRuns(100) })
  t.pass()
})
