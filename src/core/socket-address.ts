import { isIP, isIPv6 } from 'node:net'
import { parseIp } from './ip.ts'

/** An IP address and a TCP port. */
export interface SocketAddress {
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
