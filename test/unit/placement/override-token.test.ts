import t from 'tap'
import { OverrideTokens, signOverride } from '../../../src/placement/override-token.ts'
import { Placement } from '../../../src/placement/placement.ts'
import { signingKey } from '../../../src/placement/signing-key.ts'
import { KEY, NOW_MS, NOW_S, OTHER_KEY, OVERRIDES, placed, placementMaterial, placementSpec } from '../../helpers/placement-specs.ts'

const claim = { route: 'hello', version: 'canary', expires: NOW_S + 60 }

t.test('a token names its version until a minute after it has expired', async t => {
  let nowMs = NOW_MS
  const tokens = new OverrideTokens(OVERRIDES, () => nowMs)
  const token = signOverride(KEY, claim)
  t.match(tokens.read(token), { version: 'canary', fault: '' })
  nowMs = NOW_MS + 119_999
  t.match(tokens.read(token), { version: 'canary', fault: '' }, 'a clock that is a minute ahead')
  nowMs = NOW_MS + 120_000
  t.match(tokens.read(token), { version: '', fault: 'it has expired at 2026-11-30T00:01:00.000Z' })
})

t.test('what is wrong with a token is said', async t => {
  const tokens = new OverrideTokens({ ...OVERRIDES, keys: [KEY, OTHER_KEY] }, () => NOW_MS)
  const good = signOverride(KEY, claim)
  const faults: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['another route', signOverride(KEY, { ...claim, route: 'shop' }), /signed for the route shop/],
    ['expired', signOverride(KEY, { ...claim, expires: NOW_S - 61 }), /has expired/],
    ['a key that was rotated out', signOverride(signingKey(Buffer.from('k'.repeat(32))), claim), /in no key file any more/],
    ['another version than was signed', good.replace('~canary~', '~stable~'), /signature is wrong/],
    ['another expiry than was signed', good.replace(`${claim.expires}`, `${claim.expires + 1}`), /signature is wrong/],
    ['signed by one key in the name of another', good.replace(KEY.id, OTHER_KEY.id), /signature is wrong/],
    ['cut', good.slice(0, -1), /signature is wrong/],
    ['longer', `${good}A`, /signature is wrong/],
    ['twice', `${good}, ${good}`, /no token|longer than/],
    ['a signature that is none', `${good.slice(0, good.lastIndexOf('~'))}~`, /signature is wrong/],
    ['endless', `v1~${'x'.repeat(100_000)}`, /longer than a token/],
    ['empty', '', /no token/],
    ['a time that is none', good.replace(`${claim.expires}`, '1e9'), /no token/]
  ]
  for (const [what, token, fault] of faults) {
    t.match(tokens.read(token), { version: '', fault }, what)
    t.match(tokens.read(token), { version: '', fault }, `${what}, again`)
  }
})

t.test('old and new keys count during a rotation, and the old one no more after it', async t => {
  const before = signOverride(KEY, claim)
  const after = signOverride(OTHER_KEY, claim)
  const count = (keys: typeof OVERRIDES.keys) => [before, after].map(token => new OverrideTokens({ ...OVERRIDES, keys }, () => NOW_MS).read(token).version)
  t.same(count([KEY]), ['canary', ''])
  t.same(count([OTHER_KEY, KEY]), ['canary', 'canary'])
  t.same(count([OTHER_KEY]), ['', 'canary'])
})

t.test('tokens that are remembered are bounded, and one of many still counts', async t => {
  const tokens = new OverrideTokens(OVERRIDES, () => NOW_MS)
  const many = Array.from({ length: 200 }, (_, index) => signOverride(KEY, { ...claim, version: `v${index}` }))
  for (const round of [1, 2]) t.same(many.map(token => tokens.read(token).version), many.map((_, index) => `v${index}`), `round ${round}`)
})

t.test('an override comes by field or cookie, signed or from a trusted network', async t => {
  const placement = new Placement(placementSpec({ overrides: OVERRIDES }), placementMaterial())
  const token = signOverride(KEY, claim)
  const cases: ReadonlyArray<readonly [string, Record<string, string>, string, string]> = [
    ['a signed field', { 'x-weir-version': token }, '203.0.113.9', 'canary'],
    ['a signed cookie', { cookie: `a=1; weir-version=${token}; b=2` }, '203.0.113.9', 'canary'],
    ['a signed cookie in quotes', { cookie: `weir-version="${token}"` }, '203.0.113.9', 'canary'],
    ['a bad field beside a good cookie', { 'x-weir-version': 'canary', cookie: `weir-version=${token}` }, '203.0.113.9', 'canary'],
    ['a bad cookie before a good one', { cookie: `weir-version=x; weir-version=${token}` }, '203.0.113.9', ''],
    ['a signed version that the route has not', { 'x-weir-version': signOverride(KEY, { ...claim, version: 'blue' }) }, '203.0.113.9', ''],
    ['a plain name', { 'x-weir-version': 'canary' }, '203.0.113.9', ''],
    ['a plain name of a trusted client', { 'x-weir-version': 'canary' }, '10.1.2.3', 'canary'],
    ['a plain name of a trusted client in a cookie', { cookie: 'weir-version=canary' }, '10.1.2.3', 'canary'],
    ['a plain name twice', { 'x-weir-version': 'canary, canary' }, '10.1.2.3', ''],
    ['an unknown name of a trusted client', { 'x-weir-version': 'Canary' }, '10.1.2.3', ''],
    ['nothing', {}, '10.1.2.3', '']
  ]
  for (const [what, headers, ip, version] of cases) {
    const { rules, ...outcome } = placed(placement, headers, { ip })
    t.match(outcome, { version, kind: version === '' ? '' : 'override', by: version }, what)
    t.match(rules, [{ kind: 'override', chosen: version !== '', version, why: /./ }], what)
  }
})
