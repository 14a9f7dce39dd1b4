/**
 * Addresses that Weir does not dial, whoever wrote them into an EndpointSlice: with them, anyone who may write slices
 * could steer requests to Weir's own admin API, to the node or to a cloud's metadata service. API servers refuse most of
 * them, but not all, and not in objects that are older than their validation.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { CidrSet } from '../core/cidr-set.ts'

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
    range('broadcast', '255.255.255.255', 32)
  ],
  IPv6: [
    range('IPv4-mapped', '::ffff:0:0', 96),
    range('unspecified', '::', 128),
    range('loopback', '::1', 128),
    range('IPv4-compatible', '::', 96),
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
  const type = family === 'IPv4' ? 'ipv4' : 'ipv6'
  const refused = REFUSED[family].find(({ addresses }) => addresses.check(address, type))
  return refused === undefined || allowed.has(address) ? undefined : refused.reason
}

function range (reason: string, network: string, prefix: number): RefusedRange {
  const addresses = new BlockList()
  addresses.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4')
  return { reason, addresses }
}
