/**
 * Addresses that Weir does not dial, whoever wrote them into an EndpointSlice: with them, anyone who may write slices
 * could steer requests to Weir's own admin API, to the node or to a cloud's metadata service. API servers refuse most of
 * them, but not all, and not in objects that are older than their validation.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { CidrSet } from '../core/cidr-set.ts'
import { embeddedIpv4 } from './embedded-ipv4.ts'

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
