/**
 * Addresses that Weir does not dial, whoever wrote them into an EndpointSlice: with them, anyone who may write slices
 * could steer requests to Weir's own admin API, to the node or to a cloud's metadata service. API servers refuse most of
 * them, but not all, and not in objects that are older than their validation.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { CidrSet } from '../core/cidr-set.ts'

/**
 * IPv6 addresses that lead to an IPv4 address: a translator or a tunnel on the way takes the one out of the other.
 */

interface EmbeddedIpv4 {
  /** What the form is called. */
  readonly form: 'NAT64' | '6to4' | 'Teredo' | 'ISATAP'
  /** Dotted decimal. */
  readonly address: string
}

/**
 * The IPv4 addresses that an IPv6 address leads to by a form of its own: NAT64 with the well-known prefix (RFC 6052 section 2.1),
 * 6to4 (RFC 3056 section 2), Teredo, which names its server and its client (RFC 4380 section 4), and ISATAP (RFC 5214
 * section 6.1). A translator with a prefix of the network's own can't be told from any other address.
 * @param text a well-formed IPv6 address without a zone
 */
function embeddedIpv4 (text: string): readonly EmbeddedIpv4[] {
  const words = ipv6Words(text)
  const at = (index: number): number => words[index] ?? 0
  const found: EmbeddedIpv4[] = []
  if (at(0) === 0x64 && at(1) === 0xff9b && words.slice(2, 6).every(word => word === 0)) {
    found.push({ form: 'NAT64', address: dotted(at(6), at(7)) })
  }
  if (at(0) === 0x2002) found.push({ form: '6to4', address: dotted(at(1), at(2)) })
  if (at(0) === 0x2001 && at(1) === 0) {
    // The client's address is written with every bit turned over, so that no translator on the way touches it.
    found.push({ form: 'Teredo', address: dotted(at(2), at(3)) }, { form: 'Teredo', address: dotted(at(6) ^ 0xffff, at(7) ^ 0xffff) })
  }
  // 0x0200 is the bit that says that the IPv4 address is unique in the world.
  if ((at(4) & ~0x0200) === 0 && at(5) === 0x5efe) found.push({ form: 'ISATAP', address: dotted(at(6), at(7)) })
  return found
}

/** The eight groups of a well-formed IPv6 address, in any of its spellings (RFC 4291 section 2.2). */
function ipv6Words (text: string): readonly number[] {
  const [head = '', tail] = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: readonly string[]) => {
    const [first, second, third, fourth] = parts.slice(0, 4).map(Number)
    return [[first, second], [third, fourth]].map(([high = 0, low = 0]) => (high * 256 + low).toString(16)).join(':')
  }).split('::')
  const before = groupsOf(head)
  if (tail === undefined) return before
  const after = groupsOf(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function groupsOf (text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
}

function dotted (high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

interface RefusedRange {
  readonly reason: string
  readonly addresses: BlockList
}

/** Two tables, because a BlockList takes an IPv4 address and its IPv4-mapped form for the same. */
const REFUSED: Readonly<Record<'IPv4' | 'IPv6', readonly RefusedRange[]>> = {
  IPv4: [
    range('unspecified', '0.0.0.0', 8),
    range('loopback', '127.0.0.0', 8),
    range('link-local', '169.254.0.0', 16),
    range('multicast', '224.0.0.0', 4),
    range('broadcast', '255.255.255.255', 32),
    range('metadata service', '100.100.100.200', 32), // Alibaba Cloud
    range('metadata service', '168.63.129.16', 32), // Azure, which it configures virtual machines from
    range('metadata service', '192.0.0.192', 32) // Oracle Cloud
  ],
  IPv6: [
    range('IPv4-mapped', '::ffff:0:0', 96),
    range('unspecified', '::', 128),
    range('loopback', '::1', 128),
    range('IPv4-compatible', '::', 96),
    range('IPv4-translated', '::ffff:0:0:0', 96), // RFC 2765
    range('NAT64 of the network\'s own', '64:ff9b:1::', 48), // RFC 8215: which bits are the IPv4 address, only the network knows
    range('metadata service', 'fd00:ec2::', 64), // AWS: instance metadata (::254) and the credentials of pods (::23)
    range('metadata service', 'fd20:ce::254', 128), // Google Cloud
    range('metadata service', 'fd00:42::42', 128), // Scaleway
    range('metadata service', 'fd00:c1::a9fe:a9fe', 128), // Oracle Cloud
    range('link-local', 'fe80::', 10),
    range('multicast', 'ff00::', 8)
  ]
}

/**
 * Why an address of an EndpointSlice is not to be dialled, or undefined when it may be.
 * @param address as it stands in the slice
 * @param family the slice's addressType, which the address has to keep to
 */
export function addressRefusal (address: string, family: 'IPv4' | 'IPv6', allowed: CidrSet): string | undefined {
  const wellFormed = family === 'IPv4' ? isIPv4(address) : isIPv6(address) && !address.includes('%')
  if (!wellFormed) return `not an ${family} address`
  const reason = rangeOf(address, family) ?? (family === 'IPv6' ? embeddedRefusal(address) : undefined)
  return reason === undefined || allowed.has(address) ? undefined : reason
}

function rangeOf (address: string, family: 'IPv4' | 'IPv6'): string | undefined {
  const type = family === 'IPv4' ? 'ipv4' : 'ipv6'
  return REFUSED[family].find(({ addresses }) => addresses.check(address, type))?.reason
}

/** An IPv6 address that a translator or a tunnel takes to a refused IPv4 address. */
function embeddedRefusal (address: string): string | undefined {
  for (const { form, address: embedded } of embeddedIpv4(address)) {
    const reason = rangeOf(embedded, 'IPv4')
    if (reason !== undefined) return `${form} form of ${embedded} (${reason})`
  }
  return undefined
}

function range (reason: string, network: string, prefix: number): RefusedRange {
  const addresses = new BlockList()
  addresses.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4')
  return { reason, addresses }
}
