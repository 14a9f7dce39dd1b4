import { isIP } from 'node:net'
import type { CidrSet } from '../core/cidr-set.ts'
import { parseIp } from '../core/socket-address.ts'

/** Only so much of the end of X-Forwarded-For is read, and only so many proxies are passed: the header is the client's to fill. */
const MAX_READ_CHARACTERS = 2048
const MAX_PROXIES = 32

/** `[IPv6]` and `IPv4`, both with a port or without, or bare IPv6. parseIp judges the address; a zone has no place here. */
const ENTRY = /^(?:\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|([0-9.]{7,15})(?::[0-9]{1,5})?|([0-9A-Fa-f:.]{2,45}))$/

const TAB = 0x09
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c

/**
 * Finds the address of the client.
 *
 * Without trusted proxies, or when the peer is not one of them, that is the peer: anybody can write a header. Otherwise
 * X-Forwarded-For is read from the right, where the nearest proxy wrote, past the addresses that are trusted; the first
 * one that is not is the client. An entry that is no address (a name, `unknown`, an obfuscated `_id`) ends the reading, and
 * the last good address is the answer: everything left of it was vouched for by nobody.
 * @param peerAddress the other end of the connection, or what the PROXY header says
 * @param forwardedFor the value of X-Forwarded-For, several lines joined by commas; need not be looked up when the peer is not trusted
 * @returns an address without port, brackets and quotes; IPv4-mapped IPv6 in dotted form
 */
export function resolveClientIp (peerAddress: string, forwardedFor: string | undefined, trusted: CidrSet): string {
  let client = withoutIpv4Mapping(peerAddress)
  if (forwardedFor === undefined || !trusted.has(client)) return client
  const floor = Math.max(0, forwardedFor.length - MAX_READ_CHARACTERS)
  let end = forwardedFor.length
  for (let proxies = 0; proxies < MAX_PROXIES && end >= floor; proxies++) {
    let start = end
    while (start > floor && forwardedFor.charCodeAt(start - 1) !== COMMA) start--
    // The reading stops in the middle of an entry. Part of an address may look like another one.
    if (start === floor && floor > 0) return client
    const entry = trimOptionalWhitespace(forwardedFor, start, end)
    end = start - 1
    // RFC 9110 section 5.6.1.2: empty elements of a list are ignored.
    if (entry === '') continue
    const address = addressOfEntry(entry)
    if (address === undefined) return client
    client = address
    if (!trusted.has(client)) return client
  }
  return client
}

/** A socket that listens on `::` names IPv4 peers `::ffff:192.0.2.1` (RFC 4291 section 2.5.5.2). */
function withoutIpv4Mapping (address: string): string {
  if (address.startsWith('::') && address.includes('.') && address.toLowerCase().startsWith('::ffff:')) return address.slice(7)
  return address
}

/** The address of `192.0.2.1`, `192.0.2.1:567`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:567`, or one of them in quotes. */
function addressOfEntry (entry: string): string | undefined {
  // What most proxies write. It spares the expression, which would be run for every hop of every request.
  if (isIP(entry) === 4) return entry
  const quoted = entry.length > 1 && entry.charCodeAt(0) === QUOTE && entry.charCodeAt(entry.length - 1) === QUOTE
  const match = ENTRY.exec(quoted ? entry.slice(1, -1) : entry)
  if (match === null) return undefined
  const ip = parseIp(match[1] ?? match[2] ?? match[3] ?? '')
  if (ip === undefined || (match[1] !== undefined && !match[1].includes(':'))) return undefined
  return ip.address
}

function trimOptionalWhitespace (text: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isOptionalWhitespace(text.charCodeAt(from))) from++
  while (to > from && isOptionalWhitespace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isOptionalWhitespace (code: number): boolean {
  return code === SPACE || code === TAB
}
