import { parseIp } from './ip.ts'

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
