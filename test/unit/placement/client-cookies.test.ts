import t from 'tap'
import { Random } from '../../../src/core/random.ts'
import { ClientCookies } from '../../../src/placement/client-cookies.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { Split } from '../../../src/routing/split.ts'
import { compileStickyKey, StickyKey } from '../../../src/routing/sticky-key.ts'
import type { IssuedCookieSpec } from '../../../src/contract/placement-spec.ts'
import { KEY, OTHER_KEY } from '../../helpers/placement-specs.ts'

const SPEC: IssuedCookieSpec = { name: 'weir-client', path: '/', sameSite: 'Lax', secure: 'auto', maxAgeSeconds: 0, httpOnly: true, keys: [KEY] }

function setUp (changes: Partial<IssuedCookieSpec> = {}) {
  const random = new Random(1)
  const next = () => random.nextInt32()
  const cookies = new ClientCookies({ ...SPEC, ...changes }, compileStickyKey({ by: 'cookie', cookie: 'sid', level: 'version' }, next), next)
  const key = new StickyKey()
  return {
    cookies,
    keyOf: (cookie: string) => {
      cookies.resolve(new PlainRequest({ headers: { cookie } }), '203.0.113.9', key)
      return { hash: key.hash, kind: key.kind, owed: cookies.owed }
    }
  }
}

const split = new Split('hello', ['stable', 'canary', 'blue'], [90, 10, 0])
const valueOf = (cookie: string | null): string => /^[^;]*/.exec(cookie ?? '')?.[0] ?? ''

t.test('the key of a cookie draws the version of the answer, for every version that has a weight', async t => {
  const { cookies, keyOf } = setUp()
  const seen = new Set<string>()
  for (let round = 0; round < 100; round++) {
    for (const version of [0, 1]) {
      const cookie = valueOf(cookies.issue(split, version, false))
      const { hash, kind, owed } = keyOf(`a=1; ${cookie}; sid=x`)
      t.same({ version: split.choose(hash), kind, owed }, { version, kind: 'cookie', owed: false })
      seen.add(cookie)
    }
  }
  t.equal(seen.size, 200, 'each is another one')
  t.equal(cookies.issue(split, 2, false), null, 'a version without a weight has no key')
  t.equal(cookies.issue(new Split('hello', ['stable', 'canary'], [1_000_000, 0.000_001]), 1, false), null, 'nor one that next to nobody gets')
})

t.test('no key is looked for that would take long to find', async t => {
  let asked = 0
  const cookies = new ClientCookies(SPEC, compileStickyKey({ by: 'client-ip', level: 'version' }, () => 0), () => ++asked)
  const before = asked
  t.equal(cookies.issue(new Split('hello', ['stable', 'canary'], [1_500, 1]), 1, false), null)
  t.equal(asked, before)
  t.not(setUp().cookies.issue(new Split('hello', ['stable', 'canary'], [1_000, 1]), 1, false), null)
})

t.test('keys that are issued spread over other weights as all keys do', async t => {
  const { cookies, keyOf } = setUp()
  const halved = split.withWeights([50, 50, 0], '')
  const moved = Array.from({ length: 2_000 }, () => halved.choose(keyOf(valueOf(cookies.issue(split, 0, false))).hash)).filter(version => version === 1).length
  // Of the 90 of 100 that are on stable, 40 move.
  t.ok(moved > 2_000 * 0.38 && moved < 2_000 * 0.51, `${moved} of 2000`)
})

t.test('a cookie that Weir has not made is none', async t => {
  const { cookies, keyOf } = setUp()
  const good = valueOf(cookies.issue(split, 0, false))
  const other = valueOf(setUp({ keys: [OTHER_KEY] }).cookies.issue(split, 0, false))
  for (const bad of ['weir-client=', 'weir-client=x', `${good}A`, good.slice(0, -1), good.replace('=', '=A').slice(0, -1), other, other.replace(OTHER_KEY.id, KEY.id), 'weir-client=AAAAAAAAAAAAAAAA..', `x${good}`]) {
    t.match(keyOf(bad), { kind: 'client-ip', owed: true }, bad)
    t.match(keyOf(`${bad}; sid=7`), { kind: 'cookie', owed: true, hash: keyOf('sid=7').hash }, `${bad} beside that of the application`)
  }
  t.match(keyOf(`${good}; sid=7`), { kind: 'cookie', owed: false })
})

t.test('cookies of before a rotation count as long as their key is there', async t => {
  const old = valueOf(setUp().cookies.issue(split, 0, false))
  const during = setUp({ keys: [OTHER_KEY, KEY] })
  t.match(during.keyOf(old), { owed: false })
  t.match(valueOf(during.cookies.issue(split, 0, false)), new RegExp(`\\.${OTHER_KEY.id}\\.`), 'the first key signs')
  t.match(setUp({ keys: [OTHER_KEY] }).keyOf(old), { owed: true })
})

t.test('its attributes are those of the configuration', async t => {
  const attributes = (changes: Partial<IssuedCookieSpec>, secure: boolean) => (setUp(changes).cookies.issue(split, 0, secure) ?? '').replace(/^[^;]*/, '')
  t.equal(attributes({}, false), '; Path=/; SameSite=Lax; HttpOnly')
  t.equal(attributes({}, true), '; Path=/; SameSite=Lax; Secure; HttpOnly')
  t.equal(attributes({ path: '/shop', sameSite: 'None', secure: 'always', maxAgeSeconds: 60, httpOnly: false }, false), '; Path=/shop; Max-Age=60; SameSite=None; Secure')
  t.equal(attributes({ secure: 'never' }, true), '; Path=/; SameSite=Lax; HttpOnly')
})

t.test('more clients than are remembered are still known', async t => {
  const { cookies, keyOf } = setUp()
  const many = Array.from({ length: 5_000 }, () => valueOf(cookies.issue(split, 0, false)))
  for (const cookie of many) if (keyOf(cookie).owed) t.fail(cookie)
  t.ok(many.every(cookie => !keyOf(cookie).owed))
})
