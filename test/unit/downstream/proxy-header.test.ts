import t from 'tap'
import { MAX_HEADER_BYTES, readProxyHeader } from '../../../src/downstream/proxy-header.ts'
import { binaryHeader, ipv4Addresses, ipv6Addresses, SIGNATURE, tlv, withChecksum } from '../../helpers/proxy-header-bytes.ts'

const IPV4 = { family: 0x11, addresses: ipv4Addresses('203.0.113.7') }
const IPV6 = { family: 0x21, addresses: ipv6Addresses('20010db8000000000000000000000007') }
const UNIX = { family: 0x31, addresses: Buffer.alloc(216, '/run/x') }
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const ACCEPTED: ReadonlyArray<readonly [string, Buffer, string | undefined]> = [
  ['TCP4', latin1('PROXY TCP4 203.0.113.7 192.0.2.200 50000 443\r\n'), '203.0.113.7'],
  ['TCP4 with the largest numbers', latin1('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'), '255.255.255.255'],
  ['TCP4 with port 0', latin1('PROXY TCP4 203.0.113.7 192.0.2.200 0 0\r\n'), '203.0.113.7'],
  ['TCP6', latin1('PROXY TCP6 2001:db8::7 2001:db8::c8 50000 443\r\n'), '2001:db8::7'],
  ['TCP6 in full length and capitals', latin1('PROXY TCP6 2001:0DB8:0000:0000:0000:0000:0000:0007 2001:0DB8:0000:0000:0000:0000:0000:00C8 65535 65535\r\n'), '2001:db8::7'],
  ['TCP6 with a mapped IPv4 address', latin1('PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.200 50000 443\r\n'), '203.0.113.7'],
  ['UNKNOWN', latin1('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN with addresses', latin1('PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n'), undefined],
  ['UNKNOWN with anything', latin1('PROXY UNKNOWN \0 \xff nonsense  \r\n'), undefined],
  ['version 2, TCP over IPv4', binaryHeader(IPV4), '203.0.113.7'],
  ['version 2, UDP over IPv4', binaryHeader({ ...IPV4, family: 0x12 }), '203.0.113.7'],
  ['version 2, TCP over IPv6', binaryHeader(IPV6), '2001:db8::7'],
  ['version 2, a mapped IPv4 address', binaryHeader({ ...IPV6, addresses: ipv6Addresses('00000000000000000000ffffcb007107') }), '203.0.113.7'],
  ['version 2, AF_UNIX', binaryHeader(UNIX), undefined],
  ['version 2, AF_UNSPEC', binaryHeader({ family: 0, addresses: Buffer.alloc(0) }), undefined],
  ['version 2, AF_UNSPEC with bytes that mean nothing', binaryHeader({ family: 0, addresses: Buffer.from([1, 2]) }), undefined],
  ['version 2, an unspecified transport', binaryHeader({ ...IPV4, family: 0x10 }), undefined],
  ['version 2, LOCAL', binaryHeader({ versionAndCommand: 0x20, family: 0, addresses: Buffer.alloc(0) }), undefined],
  ['version 2, LOCAL with an address', binaryHeader({ ...IPV4, versionAndCommand: 0x20 }), undefined],
  ['version 2, LOCAL with a family that nobody knows', binaryHeader({ versionAndCommand: 0x20, family: 0xff, addresses: Buffer.from([9]) }), undefined],
  ['version 2 with TLVs', binaryHeader({ ...IPV4, tlvs: [tlv(1, latin1('h2')), tlv(0xea, Buffer.alloc(40)), tlv(4, Buffer.alloc(0))] }), '203.0.113.7'],
  ['version 2 with a checksum', withChecksum(IPV4), '203.0.113.7'],
  ['version 2 with a checksum behind other TLVs', withChecksum({ ...IPV6, tlvs: [tlv(2, latin1('example.test'))] }), '2001:db8::7'],
  ['version 2, AF_UNIX with a checksum', withChecksum(UNIX), undefined],
  ['version 2 of the greatest length', binaryHeader({ ...IPV4, tlvs: [tlv(4, Buffer.alloc(MAX_HEADER_BYTES - 16 - 12 - 3))] }), '203.0.113.7']
]

for (const [what, bytes, source] of ACCEPTED) {
  t.test(`${what} is taken, and what follows is left`, async t => {
    t.same(readProxyHeader(bytes), { state: 'complete', length: bytes.length, source })
    t.same(readProxyHeader(Buffer.concat([bytes, latin1('GET / HTTP/1.1\r\n')])), { state: 'complete', length: bytes.length, source })
    for (let end = 0; end < bytes.length; end++) t.equal(readProxyHeader(bytes.subarray(0, end)).state, 'incomplete')
  })
}

const line = (words: string): Buffer => latin1(`PROXY ${words}\r\n`)

const REFUSED: ReadonlyArray<readonly [string, Buffer]> = [
  ['no header', latin1('GET / HTTP/1.1\r\n\r\n')],
  ['a method that looks like it', latin1('PROXYX / HTTP/1.1\r\n')],
  ['small letters', latin1('proxy TCP4 203.0.113.7 192.0.2.200 50000 443\r\n')],
  ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
  ['two spaces', line('TCP4 203.0.113.7  192.0.2.200 50000 443')],
  ['two spaces before the protocol', latin1('PROXY  TCP4 203.0.113.7 192.0.2.200 50000 443\r\n')],
  ['a tab', line('TCP4 203.0.113.7\t192.0.2.200 50000 443')],
  ['a space at the end', line('TCP4 203.0.113.7 192.0.2.200 50000 443 ')],
  ['too few words', line('TCP4 203.0.113.7 192.0.2.200 50000')],
  ['too many words', line('TCP4 203.0.113.7 192.0.2.200 50000 443 x')],
  ['another protocol', line('UDP4 203.0.113.7 192.0.2.200 50000 443')],
  ['UNKNOWN that goes on', line('UNKNOWNS')],
  ['a protocol in small letters', line('tcp4 203.0.113.7 192.0.2.200 50000 443')],
  ['an IPv6 address as TCP4', line('TCP4 2001:db8::7 192.0.2.200 50000 443')],
  ['an IPv4 address as TCP6', line('TCP6 203.0.113.7 192.0.2.200 50000 443')],
  ['an address with leading zeros', line('TCP4 203.0.113.007 192.0.2.200 50000 443')],
  ['an address out of range', line('TCP4 203.0.113.256 192.0.2.200 50000 443')],
  ['an address with a zone', line('TCP6 fe80::7%eth0 2001:db8::c8 50000 443')],
  ['a name', line('TCP4 client.test 192.0.2.200 50000 443')],
  ['a wrong destination', line('TCP4 203.0.113.7 192.0.2 50000 443')],
  ['a port with leading zeros', line('TCP4 203.0.113.7 192.0.2.200 050000 443')],
  ['a port out of range', line('TCP4 203.0.113.7 192.0.2.200 65536 443')],
  ['a port with a sign', line('TCP4 203.0.113.7 192.0.2.200 +5000 443')],
  ['an empty port', line('TCP4 203.0.113.7 192.0.2.200  443')],
  ['a bare line feed', latin1('PROXY TCP4 203.0.113.7 192.0.2.200 50000 443\n')],
  ['a bare carriage return', latin1('PROXY TCP4 203.0.113.7 192.0.2.200 50000 443\rGET')],
  ['a line feed inside', latin1('PROXY UNKNOWN\nx\r\n')],
  ['a line of 108 bytes', line(`UNKNOWN ${'x'.repeat(108 - 16)}`)],
  ['107 bytes without an end', latin1(`PROXY UNKNOWN ${'x'.repeat(107 - 14)}`)],
  ['a signature with a wrong end', Buffer.from('0d0a0d0a000d0a515549540b2111000c', 'hex')],
  ['version 1 in binary', binaryHeader({ ...IPV4, versionAndCommand: 0x11 })],
  ['version 3', binaryHeader({ ...IPV4, versionAndCommand: 0x31 })],
  ['an unknown command', binaryHeader({ ...IPV4, versionAndCommand: 0x22 })],
  ['an unknown family', binaryHeader({ ...IPV4, family: 0x41 })],
  ['an unknown transport', binaryHeader({ ...IPV4, family: 0x13 })],
  ['too short for IPv4', binaryHeader({ family: 0x11, addresses: Buffer.alloc(11) })],
  ['too short for IPv6', binaryHeader({ family: 0x21, addresses: Buffer.alloc(35) })],
  ['too short for AF_UNIX', binaryHeader({ family: 0x31, addresses: Buffer.alloc(215) })],
  ['a length above the bound', binaryHeader({ ...IPV4, length: MAX_HEADER_BYTES - 15 })],
  ['a LOCAL header above the bound', binaryHeader({ ...IPV4, versionAndCommand: 0x20, length: 65_535 })],
  ['a TLV without length', binaryHeader({ ...IPV4, tlvs: [Buffer.from([4, 0])] })],
  ['a TLV that is cut off', binaryHeader({ ...IPV4, tlvs: [tlv(4, Buffer.alloc(9)).subarray(0, 11)] })],
  ['a wrong checksum', withChecksum(IPV4, 1)],
  ['a checksum of two bytes', binaryHeader({ ...IPV4, tlvs: [tlv(3, Buffer.alloc(2))] })],
  ['two checksums', withChecksum({ ...IPV4, tlvs: [tlv(3, Buffer.alloc(4))] })]
]

for (const [what, bytes] of REFUSED) {
  t.test(`${what} is refused`, async t => {
    t.equal(readProxyHeader(bytes).state, 'malformed')
    t.equal(readProxyHeader(Buffer.concat([bytes, Buffer.alloc(200, ' ')])).state, 'malformed', 'with more behind it')
  })
}

t.test('what can\'t become a header is refused at its first wrong byte', async t => {
  for (const begin of [latin1('PROXY '), SIGNATURE]) {
    for (let at = 0; at < begin.length; at++) {
      const bytes = Buffer.from(begin.subarray(0, at + 1))
      bytes[at] = 0x7f
      t.equal(readProxyHeader(bytes).state, 'malformed', `byte ${at}`)
    }
  }
  t.equal(readProxyHeader(Buffer.concat([SIGNATURE, Buffer.from([0x11])])).state, 'malformed', 'the version')
  t.equal(readProxyHeader(binaryHeader({ ...IPV4, length: 60_000 }).subarray(0, 16)).state, 'malformed', 'the length')
})
