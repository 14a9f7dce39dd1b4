import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { addressRefusal } from '../../../src/discovery/refused-addresses.ts'

const NONE = new CidrSet([])

t.test('addresses of pods are not refused', async (t) => {
  for (const address of ['10.0.0.1', '172.16.0.1', '192.168.1.1', '192.0.2.2', '198.51.100.7', '203.0.113.9', '198.18.0.5', '100.64.0.1', '1.0.0.0', '128.0.0.1', '223.255.255.255', '240.0.0.1']) {
    t.equal(addressRefusal(address, 'IPv4', NONE), undefined, address)
  }
  for (const address of ['fd00::2', '2001:db8::1', '64:ff9b::a00:1', 'fec0::1', '::1:0:0:1']) {
    t.equal(addressRefusal(address, 'IPv6', NONE), undefined, address)
  }
})

t.test('addresses that lead elsewhere are refused', async (t) => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    unspecified: ['0.0.0.0', '0.1.2.3', '0.255.255.255', '::', '0:0:0:0:0:0:0:0'],
    loopback: ['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1'],
    'link-local': ['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::1', 'febf:ffff::1'],
    multicast: ['224.0.0.1', '224.0.1.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
    broadcast: ['255.255.255.255'],
    'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::FFFF:7f00:1', '0:0:0:0:0:ffff:a00:1'],
    'IPv4-compatible': ['::127.0.0.1', '::7f00:1']
  }
  for (const [reason, addresses] of Object.entries(refused)) {
    for (const address of addresses) t.equal(addressRefusal(address, address.includes(':') ? 'IPv6' : 'IPv4', NONE), reason, address)
  }
})

t.test('text that is not an address of its family is refused', async (t) => {
  for (const text of ['', 'localhost', '010.0.0.1', '10.0.0', '10.0.0.1 ', '10.0.0.256', '0x7f.1', '2130706433', '10.0.0.1:80', '2001:db8::1']) {
    t.equal(addressRefusal(text, 'IPv4', NONE), 'not an IPv4 address', text)
  }
  for (const text of ['', 'localhost', '10.0.0.1', 'fd00::2%eth0', 'fe80::1%1', '[fd00::2]', 'fd00:::2']) {
    t.equal(addressRefusal(text, 'IPv6', NONE), 'not an IPv6 address', text)
  }
})

t.test('what is allowed is not refused, unless it is malformed', async (t) => {
  const allowed = new CidrSet(['127.0.0.0/8', '::1', '255.255.255.255'])
  t.equal(addressRefusal('127.0.0.9', 'IPv4', allowed), undefined)
  t.equal(addressRefusal('::1', 'IPv6', allowed), undefined)
  t.equal(addressRefusal('255.255.255.255', 'IPv4', allowed), undefined)
  t.equal(addressRefusal('169.254.0.1', 'IPv4', allowed), 'link-local')
  t.equal(addressRefusal('::1%lo', 'IPv6', allowed), 'not an IPv6 address')
})
