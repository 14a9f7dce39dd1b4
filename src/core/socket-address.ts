/**
 * Addresses as text: IP addresses in one spelling, hosts, and what is written `host:port`.
 */
import { isIP, isIPv6, SocketAddress as NodeAddress } from 'node:net'

/**
 * IP addresses as text: one spelling for one address.
 */

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
  const address = new NodeAddress({ family: 'ipv6', address: zoneAt === -1 ? text : text.slice(0, zoneAt) }).address
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

/** An IP address and a TCP port. */
interface SocketAddress {
  /** Without brackets, in the one spelling of `parseIp`. */
  readonly address: string
  readonly port: number
}

/**
 * Reads `127.0.0.1:9001` or `[fd00::1]:9001`. Names are refused.
 * @throws RangeError with the remedy when the text is anything else
 */
export function parseHostPort (text: string): SocketAddress {
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@]*)/i.exec(text)
  if (url !== null) throw new RangeError(explainUrl(text, url[1] ?? '', url[2] ?? ''))
  const match = /^(?:\[([^\]]*)\]|([^[\]:]*)):([^:]*)$/.exec(text)
  if (match === null) throw new RangeError(`"${text}" is not an address and port: ${explainShape(text)}`)
  const [, bracketed, bare = '', portText = ''] = match
  const host = bracketed ?? bare
  const ip = host.includes('%') ? undefined : parseIp(host)
  if (ip === undefined || (bracketed !== undefined) !== isIPv6(host)) throw new RangeError(explainHost(text, host, bracketed !== undefined))
  return { address: ip.address, port: readPort(portText, text) }
}

function readPort (portText: string, text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(portText) ? Number(portText) : 0
  if (port < 1 || port > 65_535) throw new RangeError(`"${text}" has no valid port: write a number from 1 to 65535 after the colon`)
  return port
}

/** What is named by `address:port` or `name:port`. */
export interface Target {
  /** An address in the one spelling of `parseIp`, or a name in lower case. */
  readonly host: string
  readonly port: number
  readonly isName: boolean
}

/** RFC 1123 section 2.1, and underscores, which docker compose allows. What ends in digits alone is a mistyped address. */
const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?![0-9]+\.?$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i

/**
 * Reads what `parseHostPort` reads, and `app:8080`.
 * @throws RangeError with the remedy when the text is anything else
 */
export function parseTarget (text: string): Target {
  const [, name = '', portText = ''] = /^([^[\]:/]+):([^:/]*)$/.exec(text) ?? []
  if (isIP(name) === 0 && NAME.test(name)) return { host: name.toLowerCase(), port: readPort(portText, text), isName: true }
  const { address, port: ipPort } = parseHostPort(text)
  return { host: address, port: ipPort, isName: false }
}

function explainUrl (text: string, scheme: string, authority: string): string {
  const secure = scheme.toLowerCase() === 'https' || scheme.toLowerCase() === 'wss'
  const bare = authority === '' ? '127.0.0.1:9001' : /:[0-9]+$/.test(authority) ? authority : `${authority}:${secure ? 443 : 80}`
  return `"${text}" is a URL: write the address and port alone, such as ${bare}${secure ? ', and `tls: {}` beside `endpoints`' : ''}`
}

function explainShape (text: string): string {
  if (isIPv6(text)) return `put an IPv6 address in brackets and add a port, such as [${text}]:80`
  if (isIP(text) !== 0 || NAME.test(text) || (/^\[.*\]$/.test(text) && isIPv6(text.slice(1, -1)))) return `add the port, such as ${text}:80`
  if (text.split(':').length > 2) return 'put an IPv6 address in brackets, such as [fd00::1]:80'
  return 'write it as 127.0.0.1:9001 or [fd00::1]:9001'
}

function explainHost (text: string, host: string, bracketed: boolean): string {
  if (host === '') return `"${text}" has no address before the port: write it as 127.0.0.1:9001 or [fd00::1]:9001`
  if (host.includes('%')) return `"${text}" has a zone (%): zones are not supported`
  if (bracketed) return `"${text}" has no IPv6 address in its brackets`
  return `"${text}" has "${host}" where an IP address or a name has to be, such as 127.0.0.1:9001 or app:9001`
}

/**
 * An IPv6 literal in the one spelling of RFC 5952, which is how browsers send it: `[FD00:0::1]` is `[fd00::1]`. Any other host as it is.
 * @param host in lower case, without a port
 */
export function oneHostSpelling (host: string): string {
  if (!host.startsWith('[') || !host.endsWith(']')) return host
  const ip = parseIp(host.slice(1, -1))
  if (ip === undefined) return host
  return ip.family === 'ipv6' ? `[${ip.address}]` : `[::ffff:${ip.address}]`
}

/**
 * One spelling of a host that a request names. `example.com.` is `example.com`, written from the root (RFC 1034 section 3.1).
 * @param host in lower case, without a port
 */
export function oneHostName (host: string): string {
  return oneHostSpelling(host.endsWith('.') ? host.slice(0, -1) : host)
}
