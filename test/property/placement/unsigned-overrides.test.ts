/**
 * Overrides that are not signed, on the bytes of a request: they change nothing of where it goes, and no origin sees them.
 */
import fc from 'fast-check'
import t from 'tap'
import { Placement, type PlacedTerms } from '../../../src/placement/placement.ts'
import { signOverride } from '../../../src/placement/override-token.ts'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { rewriteRequestHead } from '../../../src/http1/rewrite-request-head.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'
import { exact, KEY, NOW_S, OTHER_KEY, OVERRIDES, placementMaterial, placementSpec, requestTest } from '../../helpers/placement-specs.ts'

const LIMITS = { maxHeadBytes: 65_536, maxHeaderFields: 256, maxUriBytes: 16_384 }
const EDITS = { prefix: Buffer.from('X-Request-Id: '), requestId: Buffer.from('1'), forwardedHost: undefined, defaultHost: '', dropClaims: false, fields: null }

const placement = new Placement(placementSpec({
  overrides: OVERRIDES,
  lists: [{ name: 'beta', version: 'canary', by: 'cookie', field: 'sid' }],
  matches: [{ version: 'canary', match: [requestTest({ headers: [exact('x-beta', '1')] })], alwaysNever: [{ by: 'cookie', name: 'canary' }] }]
}), placementMaterial({ listOf: () => ({ has: text => text === 'anna' }) }))

/** The letters of a name in any case, some of them percent-encoded, and other signs for its dashes. */
const spelling = (name: string, dashes: string, isCookie: boolean) => fc.tuple(...[...name].map(letter => letter === '-'
  ? fc.constantFrom(...dashes)
  : fc.constantFrom(letter, letter, letter.toUpperCase(), ...(isCookie ? [`%${letter.charCodeAt(0).toString(16)}`] : [])))).map(letters => letters.join(''))

const wrong = fc.constantFrom(
  'canary', 'stable', '"canary"', '',
  signOverride(OTHER_KEY, { route: 'hello', version: 'canary', expires: NOW_S + 60 }),
  signOverride(KEY, { route: 'other', version: 'canary', expires: NOW_S + 60 }),
  signOverride(KEY, { route: 'hello', version: 'canary', expires: NOW_S - 61 }),
  `${signOverride(KEY, { route: 'hello', version: 'canary', expires: NOW_S + 60 })}A`
)
const claimedField = fc.tuple(spelling('x-weir-version', "-_.~!#$%&'*+^`|", false), wrong).map(([name, value]) => `${name}: ${value}`)
const around = fc.constantFrom('', ' ', '\t', '"', '$', '%20')
const claimedCookie = fc.tuple(around, spelling('weir-version', '-_.~ !+[', true), fc.constantFrom('', ' ', '"', '[0]', '%5B%5D', '$'), fc.constantFrom('=', ' = '), wrong)
  .map(parts => parts.join(''))
const other = fc.constantFrom('sid=anna', 'sid=bob', 'canary=never', 'canary=always', 'a=1', 'weir=1', 'version=weir-version')
const cookieLine = fc.array(fc.oneof(other.map(pair => ({ pair, claims: false })), claimedCookie.map(pair => ({ pair, claims: true }))), { minLength: 1, maxLength: 5 })
const field = fc.constantFrom('X-Beta: 1', 'X-Beta: 0', 'Connection: x-weir-version', 'Connection: close', 'Accept: */*')
const line = fc.oneof(
  claimedField.map(text => ({ text, without: '' })),
  field.map(text => ({ text, without: text })),
  cookieLine.map(pairs => ({
    text: `Cookie: ${pairs.map(({ pair }) => pair).join('; ')}`,
    without: pairs.some(({ claims }) => !claims) ? `Cookie: ${pairs.filter(({ claims }) => !claims).map(({ pair }) => pair).join('; ')}` : ''
  }))
)

function sent (lines: readonly string[]) {
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines.filter(text => text !== '').map(text => `${text}\r\n`).join('')}\r\n`, 'latin1')
  const head = new RequestHead(LIMITS)
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error(bytes.toString('latin1'))
  const terms: PlacedTerms = { placed: '', excluded: [] }
  let kind = ''
  placement.place(head, { clientIp: '203.0.113.9', notePlaced: noted => { kind = noted } }, terms)
  const out = Buffer.alloc(65_536)
  const written = out.toString('latin1', 0, rewriteRequestHead(head, EDITS, out, 0))
  return { placed: { ...terms, kind }, written }
}

/** The names of the cookies and fields that an origin sees, as the most careless one reads them. */
function namesIn (written: string): readonly string[] {
  const folded = (name: string): string => decodeURIComponent(name.replaceAll(/%(?![0-9a-f]{2})/gi, '%25')).toLowerCase().replace(/(?<=[a-z])\[.*?\].*/s, '').replaceAll(/[^a-z0-9]/g, '-').replaceAll(/^-+|-+$/g, '')
  return written.split('\r\n').flatMap(text => {
    const [name = '', value = ''] = text.split(/:(.*)/s)
    return [folded(name), ...(name.toLowerCase() === 'cookie' ? value.split(/[;,]/).map(pair => folded(pair.split('=')[0] ?? '')) : [])]
  })
}

t.test('a request with overrides that do not count goes where it goes without them, and no origin sees them', async t => {
  fc.assert(fc.property(fc.array(line, { maxLength: 8 }), lines => {
    const given = sent(lines.map(({ text }) => text))
    const without = sent(lines.map(each => each.without))
    t.strictSame(given.placed, without.placed)
    const names = namesIn(given.written)
    t.notOk(names.includes('x-weir-version') || names.includes('weir-version'), given.written)
  }), { numRuns: propertyRuns(500) })
})
