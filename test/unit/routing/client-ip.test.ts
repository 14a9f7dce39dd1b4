import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { resolveClientIp } from '../../../src/routing/client-ip.ts'

const nobody = new CidrSet([])
const trusted = new CidrSet(['10.0.0.0/8', 'fd00::/8'])
const behind = (header: string) => resolveClientIp('10.0.0.1', header, trusted)

t.test('without trusted proxies the header is not believed', async t => {
  t.equal(resolveClientIp('198.51.100.7', '203.0.113.9', nobody), '198.51.100.7')
  t.equal(resolveClientIp('10.0.0.1', '203.0.113.9', nobody), '10.0.0.1')
})

t.test('a peer that is not trusted is the client', async t => {
  t.equal(resolveClientIp('198.51.100.7', '203.0.113.9', trusted), '198.51.100.7')
})

t.test('a trusted peer without the header is the client', async t => {
  t.equal(resolveClientIp('10.0.0.1', undefined, trusted), '10.0.0.1')
  t.equal(behind(''), '10.0.0.1')
  t.equal(behind(' , ,'), '10.0.0.1')
})

t.test('the first address from the right that is not trusted is the client', async t => {
  t.equal(behind('203.0.113.9'), '203.0.113.9')
  t.equal(behind('192.0.2.66, 203.0.113.9'), '203.0.113.9')
  t.equal(behind('192.0.2.66, 203.0.113.9, 10.1.1.1 ,fd00::7'), '203.0.113.9')
  t.equal(behind('10.3.3.3, 203.0.113.9'), '203.0.113.9')
})

t.test('when all are trusted, the leftmost is the client', async t => {
  t.equal(behind('10.3.3.3, 10.2.2.2'), '10.3.3.3')
})

t.test('ports, brackets and quotes are taken off', async t => {
  t.equal(behind('203.0.113.9:567'), '203.0.113.9')
  t.equal(behind('"203.0.113.9:567"'), '203.0.113.9')
  t.equal(behind('2001:db8::9'), '2001:db8::9')
  t.equal(behind('[2001:db8::9]'), '2001:db8::9')
  t.equal(behind('"[2001:db8::9]:567"'), '2001:db8::9')
})

t.test('IPv4-mapped addresses count as IPv4', async t => {
  t.equal(resolveClientIp('::ffff:198.51.100.7', undefined, trusted), '198.51.100.7')
  t.equal(resolveClientIp('::ffff:10.0.0.1', '203.0.113.9', trusted), '203.0.113.9')
  t.equal(behind('203.0.113.9, ::ffff:10.0.0.2'), '203.0.113.9')
  t.equal(behind('::ffff:203.0.113.9'), '203.0.113.9')
})

t.test('an entry that is no address ends the reading at the last good one', async t => {
  const odd = [
    'unknown', '_hidden', 'example.com', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.4:', '1.2.3.4:x', '1.2.3.4:123456', '[1.2.3.4]', '[::1', '::1]', '[::1]x', '[::1]:',
    'fe80::1%eth0', '[fe80::1%eth0]', '"', '""', '"1.2.3.4', '1.2.3.4 5.6.7.8', '1.2.3.4;', '\u00e9', '1.2.3.4:567:8'
  ]
  for (const entry of odd) {
    t.equal(behind(`203.0.113.9, ${entry}`), '10.0.0.1', entry)
    t.equal(behind(`203.0.113.9, ${entry}, 10.2.2.2`), '10.2.2.2', entry)
  }
})

t.test('a hostile header is read only so far', async t => {
  t.equal(behind('203.0.113.9,' + ','.repeat(30_000)), '10.0.0.1', 'empty entries')
  t.equal(behind('203.0.113.9' + ' '.repeat(30_000)), '10.0.0.1', 'white space')
  t.equal(behind(`203.0.113.9${', 10.2.2.2'.repeat(3_000)}`), '10.2.2.2', 'proxies')
  const chain = Array.from({ length: 40 }, (_, n) => `10.2.2.${n}`).join(', ')
  t.equal(behind(`203.0.113.9, ${chain}`), '10.2.2.8', 'the 32nd proxy from the right')
  // The limit of 2,048 characters falls inside the second address: its tail is an address too, but not the one that was sent.
  const tail = '1.2.3.4' + ' '.repeat(2_041)
  t.equal(behind(`203.0.113.9, 20${tail}`), '10.0.0.1', 'a cut entry')
})
