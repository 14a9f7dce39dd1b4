import t from 'tap'
import { Placement } from '../../../src/placement/placement.ts'
import { exact, placed, placementMaterial, placementSpec, regex, requestTest } from '../../helpers/placement-specs.ts'
import type { RequestTest } from '../../../src/contract/placement-spec.ts'

const matchOf = (entry: Partial<RequestTest>) => new Placement(
  placementSpec({ matches: [{ version: 'canary', match: [requestTest(entry)], alwaysNever: [] }] }), placementMaterial())

t.test('each kind of condition holds for what it says', async t => {
  type Sent = readonly [Readonly<Record<string, string>>, Parameters<typeof placed>[2]?]
  const cases: ReadonlyArray<readonly [string, Partial<RequestTest>, readonly Sent[], readonly Sent[]]> = [
    ['a header', { headers: [exact('X-User', 'anna')] }, [[{ 'x-user': 'anna' }]], [[{}], [{ 'x-user': 'Anna' }], [{ 'x-user': 'anna2' }]]],
    ['a header past ASCII', { headers: [exact('x-name', 'Jörg')] }, [[{ 'x-name': 'Jörg' }]], [[{ 'x-name': 'Jorg' }]]],
    ['a header that is there', { headers: [{ name: 'x-beta', test: { kind: 'present' } }] }, [[{ 'x-beta': '' }], [{ 'x-beta': '0' }]], [[{}]]],
    ['the beginning of a header', { headers: [{ name: 'user-agent', test: { kind: 'prefix', value: 'curl/' } }] }, [[{ 'user-agent': 'curl/8' }]], [[{ 'user-agent': 'libcurl/8' }]]],
    ['a regular expression', { headers: [{ name: 'user-agent', test: regex('Chrome/1[0-9]{2}\\b') }] }, [[{ 'user-agent': 'Mozilla/5.0 Chrome/120.0' }]], [[{ 'user-agent': 'Chrome/99.0' }], [{}]]],
    ['a regular expression past ASCII', { headers: [{ name: 'x-name', test: regex('^J.rg$') }] }, [[{ 'x-name': 'Jörg' }]], [[{ 'x-name': 'Joerg' }]]],
    ['a cookie', { cookies: [exact('beta', '1')] }, [[{ cookie: 'beta=1' }], [{ cookie: 'a=2; beta=1' }], [{ cookie: 'beta="1"' }]], [[{ cookie: 'xbeta=1' }], [{ cookie: 'beta=10' }], [{ cookie: 'beta=0; beta=1' }], [{}]]],
    ['the beginning of a cookie', { cookies: [{ name: 'plan', test: { kind: 'prefix', value: 'pro' } }] }, [[{ cookie: 'plan=pro-2; x=1' }]], [[{ cookie: 'plan=p; ro' }]]],
    ['a parameter', { query: [exact('beta', '1')] }, [[{}, { query: 'beta=1' }], [{}, { query: 'a&beta=1&b' }]], [[{}, { query: 'beta=2&beta=1' }], [{}, { query: 'xbeta=1' }], [{}]]],
    ['a parameter that is there', { query: [{ name: 'beta', test: { kind: 'present' } }] }, [[{}, { query: 'beta' }], [{}, { query: 'beta=' }]], [[{}, { query: 'betas' }]]],
    ['a path', { path: { kind: 'prefix', value: '/new/' } }, [[{}, { path: '/new/x' }]], [[{}, { path: '/new' }]]],
    ['a host', { host: { kind: 'exact', value: 'beta.example.com' } }, [[{}, { host: 'BETA.example.com' }], [{}, { host: 'beta.example.com.' }]], [[{}, { host: 'example.com' }]]],
    ['the end of a host', { host: regex('\\.example\\.com$') }, [[{}, { host: 'a.example.com' }], [{}, { host: 'a.example.com.' }]], [[{}, { host: 'a.example.org' }]]],
    ['an address', { host: { kind: 'exact', value: '[fd00::1]' } }, [[{}, { host: '[FD00:0::1]' }]], [[{}, { host: '[fd00::2]' }]]],
    ['a method', { methods: ['GET', 'HEAD'] }, [[{}, { method: 'HEAD' }]], [[{}, { method: 'POST' }]]],
    ['all of them', { headers: [exact('a', '1')], cookies: [exact('b', '2')] }, [[{ a: '1', cookie: 'b=2' }]], [[{ a: '1' }], [{ cookie: 'b=2' }]]]
  ]
  for (const [what, entry, met, unmet] of cases) {
    const placement = matchOf(entry)
    for (const [headers, parts] of met) t.match(placed(placement, headers, parts), { version: 'canary', kind: 'match', by: 'canary' }, `${what}: ${JSON.stringify([headers, parts])}`)
    for (const [headers, parts] of unmet) t.match(placed(placement, headers, parts), { version: '', kind: '' }, `${what}: not ${JSON.stringify([headers, parts])}`)
  }
})

t.test('one entry of several is enough', async t => {
  const match = [requestTest({ headers: [exact('a', '1')] }), requestTest({ headers: [exact('b', '1')] })]
  const placement = new Placement(placementSpec({ matches: [{ version: 'canary', match, alwaysNever: [] }] }), placementMaterial())
  t.equal(placed(placement, { b: '1' }).version, 'canary')
  t.match(placed(placement, {}).rules, [{ chosen: false, why: 'the header a is another; the header b is another' }])
})

t.test('an explanation says that a text is too long for its regular expression', async t => {
  const placement = matchOf({ cookies: [{ name: 'ids', test: regex('[ab].{480}c$') }] })
  t.match(placed(placement, { cookie: `ids=${'a'.repeat(300)}` }).rules, [{ chosen: false, why: 'the cookie ids is longer than 270 bytes, in which its regular expression is searched for at most' }])
  t.match(placed(placement, { cookie: `ids=a; other=${'a'.repeat(300)}` }).rules, [{ chosen: false, why: 'the cookie ids is another' }])
})

t.test('always chooses the version, never keeps the request from it, anything else says nothing', async t => {
  const matches = [{
    version: 'canary',
    match: [requestTest({ headers: [exact('beta', '1')] })],
    alwaysNever: [{ by: 'header' as const, name: 'X-Canary' }, { by: 'cookie' as const, name: 'canary' }]
  }]
  const placement = new Placement(placementSpec({ matches }), placementMaterial())
  t.match(placed(placement, { 'x-canary': 'always' }), { version: 'canary', kind: 'match' })
  t.match(placed(placement, { cookie: 'canary=always' }), { version: 'canary', kind: 'match' })
  t.match(placed(placement, { 'x-canary': 'never', cookie: 'canary=always', beta: '1' }), { version: '', excluded: ['canary'], kind: 'never', by: 'canary' }, 'the header decides, as in ingress-nginx')
  t.match(placed(placement, { 'x-canary': 'Always' }), { version: '', excluded: [], kind: '' })
  t.match(placed(placement, { 'x-canary': 'perhaps', beta: '1' }), { version: 'canary', kind: 'match' })
})

t.test('a list is not asked for what is longer than any member', async t => {
  const asked: string[] = []
  const has = (text: string): boolean => {
    asked.push(text)
    return true
  }
  const lists = [{ name: 'beta', version: 'canary', by: 'header' as const, field: 'X-User' }]
  const placement = new Placement(placementSpec({ lists }), placementMaterial({ listOf: () => ({ has }) }))
  t.match(placed(placement, { 'x-user': 'x'.repeat(256) }), { version: 'canary', kind: 'list' })
  asked.length = 0
  t.match(placed(placement, { 'x-user': 'x'.repeat(257) }), { version: '', rules: [{ why: 'the header X-User names no member' }] })
  t.match(placed(placement, { 'x-user': 'é'.repeat(129) }), { version: '' })
  t.same(asked, [])
})
