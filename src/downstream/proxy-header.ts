/**
 * The header of the PROXY protocol, versions 1 and 2: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt.
 * Pure functions over bytes.
 *
 * Only the source address is of use to Weir; all of the header is checked nevertheless, because a sender that gets it wrong
 * may be a client that guesses.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { parseIp } from '../core/socket-address.ts'

/** The longest header of version 2 that is taken, with its TLVs. The field for the length would allow 65,551. */
export const MAX_HEADER_BYTES = 4_096
/** The longest line of version 1, as the protocol says. */
const MAX_LINE_BYTES = 107

const LINE_BEGIN = Buffer.from('PROXY ')
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const CR = 0x0d
const LF = 0x0a

const FIXED_BYTES = 16
const VERSION_2 = 2
const COMMAND = { local: 0, proxy: 1 } as const
const FAMILY = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
/** The bytes of both addresses and ports, by family. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216]
const MAX_TRANSPORT = 2
const TLV_HEAD_BYTES = 3
const TLV_CRC32C = 3
const CRC_BYTES = 4

const PORT = /^(?:0|[1-9][0-9]{0,4})$/

export type ProxyHeader =
  /** What is there may become a header. */
  | { readonly state: 'incomplete' }
  /** The header is complete: `length` bytes. Without a source the peer's own address counts. */
  | { readonly state: 'complete', readonly length: number, readonly source: string | undefined }
  | { readonly state: 'malformed', readonly fault: string }

const INCOMPLETE: ProxyHeader = { state: 'incomplete' }

/**
 * Reads the header at the beginning of what a connection has sent so far. A prefix of a header is incomplete, which
 * MAX_HEADER_BYTES and more never are; a wrong beginning or length is malformed at once, wrong contents when they are there.
 */
export function readProxyHeader (bytes: Buffer): ProxyHeader {
  if (bytes[0] === SIGNATURE[0]) return readBinary(bytes)
  return readLine(bytes)
}

function malformed (fault: string): ProxyHeader {
  return { state: 'malformed', fault }
}

/** Are the bytes the beginning of a connection that begins with `begin`? */
function agrees (bytes: Buffer, begin: Buffer): boolean {
  const length = Math.min(bytes.length, begin.length)
  return bytes.compare(begin, 0, length, 0, length) === 0
}

/** Version 1: a line of text. */
function readLine (bytes: Buffer): ProxyHeader {
  if (!agrees(bytes, LINE_BEGIN)) return malformed('there is no PROXY header')
  const head = bytes.subarray(0, MAX_LINE_BYTES)
  const cr = head.indexOf(CR)
  const lf = head.indexOf(LF)
  if (lf !== -1 && lf !== cr + 1) return malformed('a line feed without carriage return')
  if (cr !== -1 && cr + 1 < bytes.length && bytes[cr + 1] !== LF) return malformed('a carriage return without line feed')
  if (lf === -1) return bytes.length >= MAX_LINE_BYTES ? malformed('the line is too long') : INCOMPLETE
  return readWords(bytes.toString('latin1', LINE_BEGIN.length, cr), lf + 1)
}

function readWords (text: string, length: number): ProxyHeader {
  // What follows UNKNOWN means nothing.
  if (text === 'UNKNOWN' || text.startsWith('UNKNOWN ')) return { state: 'complete', length, source: undefined }
  const [protocol, source = '', destination = '', sourcePort = '', destinationPort = '', ...rest] = text.split(' ')
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return malformed('the protocol is none of TCP4, TCP6 and UNKNOWN')
  if (rest.length > 0) return malformed('the line has too many words')
  const isAddress = protocol === 'TCP4' ? isIPv4 : isPlainIpv6
  if (!isAddress(source) || !isAddress(destination)) return malformed(`an address is not one of ${protocol}`)
  if (!isPort(sourcePort) || !isPort(destinationPort)) return malformed('a port is not a number from 0 to 65535')
  return { state: 'complete', length, source: parseIp(source)?.address }
}

/** A zone means something to the sender only. */
function isPlainIpv6 (text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort (text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535
}

/** Version 2: binary. */
function readBinary (bytes: Buffer): ProxyHeader {
  if (!agrees(bytes, SIGNATURE)) return malformed('there is no PROXY header')
  const versionAndCommand = bytes[12] ?? VERSION_2 << 4
  const command = versionAndCommand & 0x0f
  if (versionAndCommand >> 4 !== VERSION_2) return malformed('the version is not 2')
  if (command !== COMMAND.local && command !== COMMAND.proxy) return malformed('the command is neither LOCAL nor PROXY')
  if (bytes.length < FIXED_BYTES) return INCOMPLETE
  const length = FIXED_BYTES + bytes.readUInt16BE(14)
  if (length > MAX_HEADER_BYTES) return malformed('the header is too long')
  const fault = command === COMMAND.local ? undefined : familyFault(bytes[13] ?? 0, length - FIXED_BYTES)
  if (fault !== undefined) return malformed(fault)
  if (bytes.length < length) return INCOMPLETE
  // The protocol tells to ignore everything in a LOCAL header: the sender speaks for itself.
  if (command === COMMAND.local) return { state: 'complete', length, source: undefined }
  return readAddresses(bytes.subarray(0, length))
}

function familyFault (familyAndTransport: number, length: number): string | undefined {
  const addressBytes = ADDRESS_BYTES[familyAndTransport >> 4]
  if (addressBytes === undefined || (familyAndTransport & 0x0f) > MAX_TRANSPORT) return 'the address family or transport is unknown'
  return length < addressBytes ? 'the header is too short for its addresses' : undefined
}

/** @param header a whole header with the command PROXY */
function readAddresses (header: Buffer): ProxyHeader {
  const family = (header[13] ?? 0) >> 4
  const transport = (header[13] ?? 0) & 0x0f
  const { length } = header
  // Unspecified: there may be anything behind, and nothing of it is to be looked at.
  if (family === FAMILY.unspecified || transport === 0) return { state: 'complete', length, source: undefined }
  const fault = tlvFault(header, FIXED_BYTES + (ADDRESS_BYTES[family] ?? 0))
  if (fault !== undefined) return malformed(fault)
  return { state: 'complete', length, source: sourceOf(header, family) }
}

function sourceOf (header: Buffer, family: number): string | undefined {
  switch (family) {
    case FAMILY.ipv4: return header.subarray(FIXED_BYTES, FIXED_BYTES + 4).join('.')
    case FAMILY.ipv6: {
      const groups = Array.from({ length: 8 }, (_, group) => header.readUInt16BE(FIXED_BYTES + group * 2).toString(16))
      return parseIp(groups.join(':'))?.address
    }
    default: return undefined
  }
}

/** The TLVs have to fill the header, and a checksum among them has to be right. */
function tlvFault (header: Buffer, start: number): string | undefined {
  let checksumAt = -1
  let pos = start
  while (pos < header.length) {
    const valueAt = pos + TLV_HEAD_BYTES
    if (valueAt > header.length) return 'a TLV is cut off'
    const next = valueAt + header.readUInt16BE(pos + 1)
    if (next > header.length) return 'a TLV is cut off'
    if (header[pos] === TLV_CRC32C) {
      if (checksumAt !== -1 || next - valueAt !== CRC_BYTES) return 'the checksum is repeated or has a wrong length'
      checksumAt = valueAt
    }
    pos = next
  }
  return checksumAt === -1 || isChecksumRight(header, checksumAt) ? undefined : 'the checksum is wrong'
}

/** The checksum is that of the header with zeros in its place. */
function isChecksumRight (header: Buffer, at: number): boolean {
  const before = crc32c(header.subarray(0, at))
  const zeros = crc32c(Buffer.alloc(CRC_BYTES), before)
  return crc32c(header.subarray(at + CRC_BYTES), zeros) === header.readUInt32BE(at)
}

/** The polynomial of Castagnoli, bits reversed (RFC 3720 section 12.1). */
const POLYNOMIAL = 0x82f63b78

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ ((remainder & 1) === 0 ? 0 : POLYNOMIAL)
  return remainder
})

/**
 * The CRC32C checksum of RFC 9260 appendix A, as an unsigned number.
 * @param seed the checksum of the bytes before, when they come in parts
 */
export function crc32c (bytes: Uint8Array, seed = 0): number {
  let remainder = ~seed
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] ?? 0)
  return ~remainder >>> 0
}
