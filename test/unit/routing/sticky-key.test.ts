import t from 'tap'
import type { AffinityConfig } from '../../../src/config/schema.ts'
import { hashString } from '../../../src/core/hash.ts'
import { IpKey } from '../../../src/routing/ip-key.ts'
import { PlainRequest } from '../../../src/routing/plain-request.ts'
import { compileStickyKey, StickyKey } from '../../../src/routing/sticky-key.ts'

const IP = '203.0.113.9'
const ipHash = new IpKey().hash(IP)

function resolve (affinity: Omit<AffinityConfig, 'level'>, headers: Record<string, string> = {}, random = () => 0): StickyKey {
  const key = new StickyKey()
  compileStickyKey({ ...affinity, level: 'version' }, random).resolve(new PlainRequest({ headers }), IP, key)
  return key
}

t.test('client-ip takes the address and nothing else', async t => {
  t.match(resolve({ by: 'client-ip' }, { 'x-user': '42', cookie: 'sid=1' }), { hash: ipHash, kind: 'client-ip' })
})

t.test('header takes the value of the field, whatever the case of its name in the configuration', async t => {
  t.match(resolve({ by: 'header', header: 'X-User' }, { 'x-user': '42' }), { hash: hashString('42'), kind: 'header' })
})

t.test('a missing or empty header falls back to the client IP', async t => {
  t.match(resolve({ by: 'header', header: 'x-user' }), { hash: ipHash, kind: 'client-ip' })
  t.match(resolve({ by: 'header', header: 'x-user' }, { 'x-user': '' }), { hash: ipHash, kind: 'client-ip' })
})

t.test('the value of the cookie is found among others', async t => {
  const found: ReadonlyArray<readonly [header: string, value: string]> = [
    ['sid=abc', 'abc'],
    ['a=1; sid=abc; b=2', 'abc'],
    ['a=1;sid=abc;b=2', 'abc'],
    ['a=1;\t sid=abc ', 'abc'],
    ['sid="abc"', 'abc'],
    ['sid=a=b', 'a=b'],
    ['sid="', '"'],
    ['sid=abc; sid=def', 'abc'],
    ['xsid=1; sidx=2; sid=abc', 'abc'],
    ['sid; sid=abc', 'abc'],
    ['a=sid=1; sid=abc', 'abc'],
    ['a=sid; sid=abc', 'abc'],
    ['SID=1; sid=abc', 'abc'],
    ['a=", sid=1"; sid=abc', 'abc']
  ]
  for (const [cookie, value] of found) {
    t.match(resolve({ by: 'cookie', cookie: 'sid' }, { cookie }), { hash: hashString(value), kind: 'cookie' }, cookie)
  }
})

t.test('a missing or empty cookie falls back to the client IP', async t => {
  for (const cookie of ['', 'a=1', 'xsid=1', 'sidx=1', 'SID=1', 'sid', 'sid =1', 'sid=', 'sid=""', 'sid= ; a=1', 'a=sid=1', 'a sid=1', '=sid']) {
    t.match(resolve({ by: 'cookie', cookie: 'sid' }, { cookie }), { hash: ipHash, kind: 'client-ip' }, cookie)
  }
  t.match(resolve({ by: 'cookie', cookie: 'sid' }), { hash: ipHash, kind: 'client-ip' })
})

t.test('none draws anew for each request', async t => {
  let draws = 0
  const resolver = compileStickyKey({ by: 'none', level: 'version' }, () => ++draws)
  const key = new StickyKey()
  resolver.resolve(new PlainRequest({}), IP, key)
  t.match(key, { hash: 1, kind: 'random' })
  resolver.resolve(new PlainRequest({}), IP, key)
  t.match(key, { hash: 2, kind: 'random' })
  t.equal(resolve({ by: 'none' }, {}, () => 0xffff_ffff).hash, -1, 'unsigned draws are taken as signed')
})

t.test('the key of one request does not linger in the next', async t => {
  const resolver = compileStickyKey({ by: 'header', header: 'x-user', level: 'version' }, () => 0)
  const key = new StickyKey()
  resolver.resolve(new PlainRequest({ headers: { 'x-user': '42' } }), IP, key)
  resolver.resolve(new PlainRequest({}), IP, key)
  t.match(key, { hash: ipHash, kind: 'client-ip' })
})

t.test('an affinity without its name is refused', async t => {
  t.throws(() => resolve({ by: 'header' }), { name: 'RangeError', message: /needs affinity\.header/ })
  t.throws(() => resolve({ by: 'cookie' }), { name: 'RangeError', message: /needs affinity\.cookie/ })
})
