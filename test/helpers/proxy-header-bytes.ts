/** Writes headers of the PROXY protocol for tests, right ones and wrong ones; shares no code with the reader. */

export const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

export interface BinaryHeader {
  /** Version and command: 0x21 is version 2, PROXY. */
  readonly versionAndCommand?: number
  /** Address family and transport: 0x11 is TCP over IPv4. */
  readonly family: number
  readonly addresses: Buffer
  readonly tlvs?: readonly Buffer[]
  /** What the header says is behind it; the truth by default. */
  readonly length?: number
}

export function binaryHeader ({ versionAndCommand = 0x21, family, addresses, tlvs = [], length }: BinaryHeader): Buffer {
  const rest = Buffer.concat([addresses, ...tlvs])
  const fixed = Buffer.from([versionAndCommand, family, 0, 0])
  fixed.writeUInt16BE(length ?? rest.length, 2)
  return Buffer.concat([SIGNATURE, fixed, rest])
}

/** The address block of TCP over IPv4 from `source`, a dotted quad, to 192.0.2.200 port 443. */
export function ipv4Addresses (source: string): Buffer {
  return Buffer.from([...source.split('.').map(Number), 192, 0, 2, 200, 0xc3, 0x50, 0x01, 0xbb])
}

/** The address block of TCP over IPv6 from `source`, 32 hexadecimal digits, to 2001:db8::c8 port 443. */
export function ipv6Addresses (source: string): Buffer {
  return Buffer.from(`${source}20010db80000000000000000000000c8c35001bb`, 'hex')
}

export function tlv (type: number, value: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}

/** A header whose last TLV is the checksum, right or not. */
export function withChecksum (header: BinaryHeader, error = 0): Buffer {
  const bytes = binaryHeader({ ...header, tlvs: [...header.tlvs ?? [], tlv(3, Buffer.alloc(4))] })
  bytes.writeUInt32BE((castagnoli(bytes) ^ error) >>> 0, bytes.length - 4)
  return bytes
}

/** CRC32C, bit by bit. */
function castagnoli (bytes: Buffer): number {
  let remainder = 0xffffffff
  for (const byte of bytes) {
    remainder ^= byte
    for (let bit = 0; bit < 8; bit++) remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
  }
  return ~remainder >>> 0
}
