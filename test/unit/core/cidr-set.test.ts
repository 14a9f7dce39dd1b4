import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'

t.test('an empty set has nothing', async t => {
  t.equal(new CidrSet([]).has('127.0.0.1'), false)
})

t.test('addresses and networks of both families', async t => {
  const set = new CidrSet(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1', '0.0.0.0/32'])
  for (const address of ['10.0.0.0', '10.255.255.255', '192.0.2.7', 'fd12::1', '2001:db8::1', '2001:DB8:0:0::1', '0.0.0.0']) {
    t.equal(set.has(address), true, address)
  }
  for (const address of ['9.255.255.255', '11.0.0.0', '192.0.2.8', 'fe00::1', '2001:db8::2', '0.0.0.1']) {
    t.equal(set.has(address), false, address)
  }
})

t.test('an IPv4 peer of a dual-stack socket is the IPv4 address', async t => {
  const set = new CidrSet(['10.0.0.0/8'])
  t.equal(set.has('::ffff:10.1.2.3'), true)
  t.equal(set.has('::ffff:a01:203'), true, 'in hexadecimal too')
  t.equal(set.has('::ffff:11.1.2.3'), false)
  t.equal(set.has('::10.1.2.3'), false, 'a compatible address is not a mapped one')
})

t.test('a network of mapped addresses is the IPv4 network', async t => {
  const set = new CidrSet(['::ffff:10.0.0.0/104'])
  t.equal(set.has('10.1.2.3'), true)
  t.equal(set.has('11.1.2.3'), false)
  t.throws(() => new CidrSet(['::ffff:10.0.0.0/8']), { message: /write 96 to 128/ })
})

t.test('a prefix of 0 is everything of one family', async t => {
  t.equal(new CidrSet(['0.0.0.0/0']).has('203.0.113.9'), true)
  t.equal(new CidrSet(['0.0.0.0/0']).has('2001:db8::1'), false)
  t.equal(new CidrSet(['::/0']).has('2001:db8::1'), true)
  for (const network of ['::/0', '::/1', '::/80']) {
    for (const address of ['203.0.113.9', '::ffff:203.0.113.9']) t.equal(new CidrSet([network]).has(address), false, `${network} ${address}`)
  }
  t.same(['203.0.113.9', '2001:db8::1'].map(address => new CidrSet(['0.0.0.0/0', '::/0']).has(address)), [true, true])
})

t.test('the zone of a peer is not looked at', async t => {
  t.equal(new CidrSet(['fe80::/10']).has('fe80::1%eth0'), true)
})

t.test('text that is not an address is in no set', async t => {
  const set = new CidrSet(['0.0.0.0/0', '::/0'])
  for (const text of ['', 'unknown', 'localhost', '1.2.3', '1.2.3.4.5', '010.0.0.1', '1.2.3.4:80', '[::1]', ' 1.2.3.4']) t.equal(set.has(text), false, JSON.stringify(text))
})

t.test('entries that are neither address nor CIDR are refused by name', async t => {
  for (const entry of ['', '/8', '10.0.0.0/', '10.0.0.0/33', '::/129', '10.0.0.0/08', '10.0.0.0/-1', '10/8', 'example.com', '10.0.0.0/8/8', 'fe80::1%eth0', '10.0.0.0 /8']) {
    t.throws(() => new CidrSet([entry]), { name: 'RangeError', message: `"${entry}" ` }, JSON.stringify(entry))
  }
})
