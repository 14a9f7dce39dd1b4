/**
 * IP addresses as text: one spelling for one address.
 */
import { isIP, SocketAddress } from 'node:net'

/** An IP address without a zone. */
export interface IpAddress {
  readonly family: 'ipv4' | 'ipv6'
  /** Dotted decimal, or the short form of RFC 5952. */
  readonly address: string
}

/** RFC 4291 section 2.5.5.2: how an IPv4 peer looks on a dual-stack socket. */
const IPV4_MAPPED = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/

/**
 * Reads an IP address literal. An IPv4-mapped IPv6 address becomes the IPv4 address; a zone (`%eth0`) is dropped.
 * @returns undefined when the text is not an IP address
 */
export function parseIp (text: string): IpAddress | undefined {
  const version = isIP(text)
  if (version === 4) return { family: 'ipv4', address: text }
  if (version !== 6) return undefined
  const zoneAt = text.indexOf('%')
  const address = new SocketAddress({ family: 'ipv6', address: zoneAt === -1 ? text : text.slice(0, zoneAt) }).address
  const mapped = IPV4_MAPPED.exec(address)?.[1]
  return mapped === undefined ? { family: 'ipv6', address } : { family: 'ipv4', address: mapped }
}

/** Does who listens on the second get the connections to the first, whatever it is? `::` takes those of both families. */
export function isWildcardFor (target: IpAddress, { address }: IpAddress): boolean {
  return address === '::' || (address === '0.0.0.0' && target.family === 'ipv4')
}

/** Is this a name of the machine itself: `localhost`, or one below it? In any case, with or without the last dot (RFC 6761 section 6.3). */
export function isLocalName (name: string): boolean {
  return /(^|\.)localhost\.?$/i.test(name)
}

/** Is this an address of the machine itself: 127.0.0.0/8 or ::1? */
export function isLoopback (text: string): boolean {
  const ip = parseIp(text)
  return ip !== undefined && (ip.family === 'ipv4' ? ip.address.startsWith('127.') : ip.address === '::1')
}
