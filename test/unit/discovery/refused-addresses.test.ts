import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { addressRefusal } from '../../../src/discovery/refused-addresses.ts'

const NONE = new CidrSet([])

t.test('addresses of pods are not refused', async t => {
  for (const address of ['10.0.0.1', '172.16.0.1', '192.168.1.1', '192.0.2.2', '198.51.100.7', '203.0.113.9', '198.18.0.5', '100.64.0.1', '1.0.0.0', '128.0.0.1', '223.255.255.255', '240.0.0.1',
    '100.100.100.199', '100.100.100.201', '168.63.129.15', '192.0.0.191']) {
    t.equal(addressRefusal(address, 'IPv4', NONE), undefined, address)
  }
  for (const address of ['fd00::2', '2001:db8::1', '64:ff9b::a00:1', 'fec0::1', '::1:0:0:1',
    'fd00:ec2:0:1::254', 'fd20:ce::253', 'fd00:42::41', 'fd00:c1::a9fe:a9fd', '2002:a00:1::1', '2001:0:a00:1::5ff:fffe', '2001:1::7f00:1',
    'fd00::5efe:a00:1', 'fd00::5eff:7f00:1', '64:ff9b:0:1::7f00:1', '64:ff9b:2::1']) {
    t.equal(addressRefusal(address, 'IPv6', NONE), undefined, address)
  }
})

t.test('addresses that lead elsewhere are refused', async t => {
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

t.test('metadata services of clouds are refused beyond link-local addresses', async t => {
  for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) t.equal(addressRefusal(address, 'IPv4', NONE), 'metadata service', address)
  for (const address of [
    'fd00:ec2::254', 'fd00:0ec2:0:0:0:0:0:0254', 'FD00:EC2::23', 'fd00:ec2::0.0.2.84', 'fd20:ce::254', 'fd20:00ce::254', 'fd00:42::42',
    'fd00:c1::a9fe:a9fe', 'FD00:C1:0::169.254.169.254'
  ]) {
    t.equal(addressRefusal(address, 'IPv6', NONE), 'metadata service', address)
  }
})

t.test('IPv6 forms of a refused IPv4 address are refused in every spelling, and say which address it is', async t => {
  const refused: Readonly<Record<string, readonly string[]>> = {
    'NAT64 form of 169.254.169.254 (link-local)': ['64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '0064:FF9B:0:0:0:0:A9FE:A9FE', '64:ff9b:0:0:0:0:169.254.169.254'],
    'NAT64 form of 127.0.0.1 (loopback)': ['64:ff9b::7f00:1', '64:ff9b::127.0.0.1'],
    'NAT64 form of 100.100.100.200 (metadata service)': ['64:ff9b::6464:64c8'],
    'NAT64 form of 0.0.0.0 (unspecified)': ['64:ff9b::', '64:ff9b::0'],
    '6to4 form of 169.254.169.254 (link-local)': ['2002:a9fe:a9fe::', '2002:a9fe:a9fe::1', '2002:A9FE:A9FE:1:2:3:4:5', '2002:a9fe:a9fe::10.0.0.1'],
    '6to4 form of 127.0.0.1 (loopback)': ['2002:7f00:1::'],
    '6to4 form of 0.0.0.0 (unspecified)': ['2002::1'],
    '6to4 form of 168.63.129.16 (metadata service)': ['2002:a83f:8110::1'],
    'Teredo form of 169.254.169.254 (link-local)': ['2001:0:a9fe:a9fe::5ff:fffe', '2001::a00:1:0:0:5601:5601', '2001:0:a00:1::5601:5601'],
    'Teredo form of 127.0.0.1 (loopback)': ['2001:0:7f00:1::5ff:fffe', '2001:0:a00:1:8000:1f90:80ff:fffe'],
    'ISATAP form of 169.254.169.254 (link-local)': ['fd00::5efe:a9fe:a9fe', '2001:db8::200:5efe:169.254.169.254'],
    'IPv4-translated': ['::ffff:0:7f00:1', '::ffff:0:127.0.0.1', '::ffff:0:10.0.0.1'],
    'NAT64 of the network\'s own': ['64:ff9b:1::a9fe:a9fe', '64:ff9b:1:a9fe:a9:fe00::', '64:ff9b:1:ffff::1', '64:ff9b:1::10.0.0.1'],
    'IPv4-mapped': ['::ffff:169.254.169.254', '::ffff:a9fe:a9fe'],
    'IPv4-compatible': ['::169.254.169.254', '::a9fe:a9fe']
  }
  for (const [reason, addresses] of Object.entries(refused)) {
    for (const address of addresses) t.equal(addressRefusal(address, 'IPv6', NONE), reason, address)
  }
})

t.test('a form of a refused address is allowed by its own name only', async t => {
  t.equal(addressRefusal('64:ff9b::7f00:1', 'IPv6', new CidrSet(['127.0.0.0/8'])), 'NAT64 form of 127.0.0.1 (loopback)')
  t.equal(addressRefusal('64:ff9b::7f00:1', 'IPv6', new CidrSet(['64:ff9b::/96'])), undefined)
  t.equal(addressRefusal('64:ff9b:1::7f00:1', 'IPv6', new CidrSet(['64:ff9b:1::/48'])), undefined)
  t.equal(addressRefusal('fd00:ec2::254', 'IPv6', new CidrSet(['fd00:ec2::254'])), undefined)
})

t.test('text that is not an address of its family is refused', async t => {
  for (const text of ['', 'localhost', '010.0.0.1', '10.0.0', '10.0.0.1 ', '10.0.0.256', '0x7f.1', '2130706433', '10.0.0.1:80', '2001:db8::1']) {
    t.equal(addressRefusal(text, 'IPv4', NONE), 'not an IPv4 address', text)
  }
  for (const text of ['', 'localhost', '10.0.0.1', 'fd00::2%eth0', 'fe80::1%1', '[fd00::2]', 'fd00:::2']) {
    t.equal(addressRefusal(text, 'IPv6', NONE), 'not an IPv6 address', text)
  }
})

t.test('what is allowed is not refused, unless it is malformed', async t => {
  const allowed = new CidrSet(['127.0.0.0/8', '::1', '255.255.255.255'])
  t.equal(addressRefusal('127.0.0.9', 'IPv4', allowed), undefined)
  t.equal(addressRefusal('::1', 'IPv6', allowed), undefined)
  t.equal(addressRefusal('255.255.255.255', 'IPv4', allowed), undefined)
  t.equal(addressRefusal('169.254.0.1', 'IPv4', allowed), 'link-local')
  t.equal(addressRefusal('::1%lo', 'IPv6', allowed), 'not an IPv6 address')
})
