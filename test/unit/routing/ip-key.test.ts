import t from 'tap'
import { IpKey } from '../../../src/routing/ip-key.ts'

const key = new IpKey()
const same = (left: string, right: string) => key.hash(left) === key.hash(right)

t.test('every IPv4 address is a client of its own', async t => {
  const hashes = new Set<number>()
  for (let n = 0; n < 65_536; n++) hashes.add(key.hash(`10.0.${n >> 8}.${n & 255}`))
  t.equal(hashes.size, 65_536)
})

t.test('an IPv6 /64 is one client, the next one is another', async t => {
  t.ok(same('2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'))
  t.ok(same('2001:db8:1:2::', '2001:db8:1:2:0:5efe:192.0.2.1'))
  t.notOk(same('2001:db8:1:2::1', '2001:db8:1:3::1'))
  t.notOk(same('2001:db8:1:2::1', '2001:db9:1:2::1'))
})

t.test('all ways to write an IPv6 address are one client', async t => {
  const spellings = ['2001:db8::1:0:0:1', '2001:DB8::1:0:0:1', '2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8:0:0:1::1', '2001:db8::1:0:0:1%eth0']
  for (const spelling of spellings) t.ok(same(spelling, '2001:db8:0:0:1:0:0:1'), spelling)
  t.ok(same('::', '0:0:0:0:0:0:0:0'))
  t.ok(same('1::', '1:0:0:0:0:0:0:0'))
  t.ok(same('1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'))
  t.ok(same('::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'))
})

t.test('IPv4 inside IPv6 is the IPv4 client', async t => {
  for (const spelling of ['::ffff:192.0.2.1', '::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:ffff:c000:0201', '64:ff9b::192.0.2.1', '64:ff9b::c000:201']) {
    t.ok(same(spelling, '192.0.2.1'), spelling)
  }
  t.notOk(same('::ffff:192.0.2.2', '192.0.2.1'))
  t.notOk(same('2001:db8::ffff:c000:201', '192.0.2.1'))
  t.notOk(same('64:ff9b:1::192.0.2.1', '192.0.2.1'))
})

t.test('what is not an address is hashed as the text that it is', async t => {
  const odd = [
    '', 'unix', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1..2.3', '1.2.3.', '.1.2.3', '1.2.3.4 ', '+1.2.3.4', ':', ':::', '1:2', '1::2::3', '1:::2',
    '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:', ':1:2:3:4:5:6:7', '12345::', '::g', '1:2:3:4:5:6:7::8', '::1.2.3', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4', '%', ':%'
  ]
  for (const text of odd) t.equal(key.hash(text), key.hash(text), JSON.stringify(text))
  t.equal(new Set(odd.map(text => key.hash(text))).size, odd.length, 'no two of them fall together by being read as an address')
})

t.test('hashes are signed 32-bit integers', async t => {
  for (const text of ['10.0.0.1', '10.0.0.2', '255.255.255.255', 'ffff::', '2001:db8::', 'x', 'y']) t.equal(key.hash(text), key.hash(text) | 0, text)
})
