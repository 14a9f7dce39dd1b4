import t from 'tap'
import fc from 'fast-check'
import { parseIp } from '../../src/core/socket-address.ts'
import { MAX_HEADER_BYTES, readProxyHeader, type ProxyHeader } from '../../src/downstream/proxy-header.ts'
import { binaryHeader, ipv4Addresses, ipv6Addresses, SIGNATURE, tlv, withChecksum } from '../helpers/proxy-header-bytes.ts'

const port = fc.integer({ min: 0, max: 65_535 })
const tlvs = fc.array(fc.tuple(fc.integer({ min: 4, max: 255 }), fc.uint8Array({ maxLength: 60 })), { maxLength: 6 })
  .map(list => list.map(([type, value]) => tlv(type, Buffer.from(value))))
const address = fc.oneof(
  fc.ipV4().map(source => ({ source, header: { family: 0x11, addresses: ipv4Addresses(source) }, line: `TCP4 ${source} 192.0.2.200` })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => {
    const digits = Buffer.from(bytes).toString('hex')
    const groups = digits.match(/.{4}/g)?.join(':') ?? ''
    return { source: parseIp(groups)?.address ?? '', header: { family: 0x21, addresses: ipv6Addresses(digits) }, line: `TCP6 ${groups} ::1` }
  })
)

/** A header and what it says. */
const header = fc.oneof(
  fc.tuple(address, port, port).map(([{ source, line }, from, to]) => ({ source, bytes: Buffer.from(`PROXY ${line} ${from} ${to}\r\n`) })),
  fc.tuple(address, tlvs, fc.boolean()).map(([{ source, header }, tlvs, checked]) => ({ source, bytes: checked ? withChecksum({ ...header, tlvs }) : binaryHeader({ ...header, tlvs }) }))
)

/** Reads as a connection does: what has come so far, piece by piece. */
function readPieces (bytes: Buffer, cuts: readonly number[]): ProxyHeader {
  const ends = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((left, right) => left - right)
  for (const end of ends) {
    const outcome = readProxyHeader(bytes.subarray(0, end))
    if (outcome.state !== 'incomplete') return outcome
  }
  return readProxyHeader(bytes)
}

const cuts = fc.array(fc.nat(MAX_HEADER_BYTES), { maxLength: 20 })

t.test('a header gives its source, however it is cut and whatever follows', async t => {
  fc.assert(fc.property(header, fc.uint8Array({ maxLength: 300 }), cuts, ({ source, bytes }, behind, cuts) => {
    const all = Buffer.concat([bytes, behind])
    const whole: ProxyHeader = { state: 'complete', length: bytes.length, source }
    return JSON.stringify(readPieces(all, cuts)) === JSON.stringify(whole)
  }), { numRuns: 1_000 })
  t.pass('held')
})

const almost = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map(bytes => Buffer.from(bytes)),
  fc.uint8Array({ maxLength: 400 }).map(bytes => Buffer.concat([Buffer.from('PROXY '), bytes])),
  fc.uint8Array({ maxLength: 400 }).map(bytes => Buffer.concat([SIGNATURE, Buffer.from([0x21]), bytes])),
  fc.string({ unit: fc.constantFrom('TCP4', 'TCP6', 'UNKNOWN', ' ', '::1', '1.2.3.4', '1', '65535', '\r', '\n', '\r\n'), maxLength: 12 }).map(text => Buffer.from(`PROXY ${text}`)),
  fc.tuple(header, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([{ bytes }, at, byte]) => {
    const damaged = Buffer.from(bytes)
    damaged[at % damaged.length] = byte
    return damaged
  })
)

t.test('any bytes have one outcome, however they are cut, and it is in their bounds', async t => {
  fc.assert(fc.property(almost, cuts, (bytes, cuts) => {
    const outcome = readProxyHeader(bytes)
    if (outcome.state === 'incomplete') return bytes.length < MAX_HEADER_BYTES && readPieces(bytes, cuts).state === 'incomplete'
    if (outcome.state === 'complete') {
      if (outcome.length > bytes.length || outcome.length > MAX_HEADER_BYTES) return false
      if (outcome.source !== undefined && parseIp(outcome.source)?.address !== outcome.source) return false
    }
    const inPieces = readPieces(bytes, cuts)
    return outcome.state === 'malformed' ? inPieces.state === 'malformed' : JSON.stringify(inPieces) === JSON.stringify(outcome)
  }), { numRuns: 5_000 })
  t.pass('held')
})

t.test('a damaged header with a checksum is never taken for another', async t => {
  fc.assert(fc.property(fc.tuple(address, tlvs), fc.nat(), fc.integer({ min: 1, max: 255 }), ([{ header, source }, tlvs], at, change) => {
    const bytes = withChecksum({ ...header, tlvs })
    // Behind the fixed part: before it the command may become LOCAL, which ignores everything.
    const place = 16 + at % (bytes.length - 16 - 7)
    bytes[place] = (bytes[place] ?? 0) ^ change
    const outcome = readProxyHeader(bytes)
    return outcome.state !== 'complete' || outcome.source === source
  }), { numRuns: 2_000 })
  t.pass('held')
})
