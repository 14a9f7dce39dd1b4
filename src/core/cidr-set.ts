import { BlockList } from 'node:net'
import { parseIp } from './socket-address.ts'

/** The bits of an IPv6 address before the IPv4 address that it maps (RFC 4291 section 2.5.5.2). */
const MAPPED_PREFIX_BITS = 96

/**
 * A set of IP addresses given as addresses and CIDRs. An IPv4 peer of a dual-stack socket (`::ffff:10.0.0.1`) is the
 * IPv4 address. Asking an empty set costs nothing.
 */
export class CidrSet {
  /** By family: Node finds an IPv4 address in `::/0` too, as the IPv6 address that maps it. */
  readonly #lists: Partial<Record<Cidr['family'], BlockList>> = {}
  readonly isEmpty: boolean

  /**
   * @param entries addresses and CIDRs such as `10.0.0.0/8`, `192.0.2.7` or `fd00::/8`
   * @throws RangeError for an entry that is neither
   */
  constructor (entries: readonly string[]) {
    for (const entry of entries) {
      const { address, family, prefix } = parseCidr(entry)
      const list = this.#lists[family] ??= new BlockList()
      list.addSubnet(address, prefix, family)
    }
    this.isEmpty = entries.length === 0
  }

  /** Does the set hold the address? False for text that is not an IP address. */
  has (address: string): boolean {
    if (this.isEmpty) return false
    const ip = parseIp(address)
    return ip !== undefined && this.#lists[ip.family]?.check(ip.address, ip.family) === true
  }
}

/** A CIDR in parts. */
export interface Cidr {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  /** The number of leading bits that count. */
  readonly prefix: number
}

/**
 * Reads an address or a CIDR; an address alone stands for itself.
 * @throws RangeError when the text is neither
 */
export function parseCidr (text: string): Cidr {
  const match = /^([^/%]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text)
  const written = match?.[1] ?? ''
  const ip = parseIp(written)
  if (match === null || ip === undefined) throw new RangeError(`"${text}" is not an IP address or CIDR such as 10.0.0.0/8, 192.0.2.7 or fd00::/8`)
  const bits = ip.family === 'ipv4' ? 32 : 128
  if (match[2] === undefined) return { ...ip, prefix: bits }
  const mapped = ip.family === 'ipv4' && written.includes(':')
  const prefix = Number(match[2]) - (mapped ? MAPPED_PREFIX_BITS : 0)
  if (prefix < 0 || prefix > bits) {
    throw new RangeError(`"${text}" has a prefix length out of range: write ${mapped ? '96 to 128' : `0 to ${bits}`}`)
  }
  return { ...ip, prefix }
}
