import type { CidrSet } from '../core/cidr-set.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import { parseIp } from '../core/ip.ts'
import type { EndpointSlice, SliceEndpoint, SlicePort } from './endpoint-slice.ts'
import type { IgnoredAddress } from './endpoint-source.ts'
import { addressRefusal } from './refused-addresses.ts'

export interface SliceEndpoints {
  /** Sorted by key, so that the order of slices and events leaves no trace. */
  readonly endpoints: readonly Endpoint[]
  /** At most MAX_IGNORED, sorted by address. */
  readonly ignored: readonly IgnoredAddress[]
}

export const MAX_IGNORED = 100

/**
 * The endpoints of one port of a Service.
 *
 * An endpoint may be in several slices while the controller moves it from one to another, and its conditions may differ.
 * Then the better conditions win, taken whole from one of the slices: ready before not ready; among the ready, not
 * terminating before terminating, then serving before not; among the others, serving while terminating (the last
 * resort of KEP-1669) before serving, before neither.
 *
 * @param slices all slices of the Service
 * @param port the name of the port in the slices, or its number there (the pod's port, not the Service's)
 * @param allowed refused addresses that may be dialled all the same
 */
export function endpointsOfSlices (slices: Iterable<EndpointSlice>, port: string | number, allowed: CidrSet): SliceEndpoints {
  const endpoints = new Map<string, Endpoint>()
  const ignored = new Map<string, string>()
  for (const slice of slices) {
    const ports = slice.ports.filter(portMatcher(port))
    for (const found of slice.endpoints) {
      const reason = slice.family === 'other' ? 'not an IP address: FQDN slices are not followed' : addressRefusal(found.address, slice.family, allowed)
      if (reason !== undefined) {
        keepSmaller(ignored, found.address, reason)
        continue
      }
      // One spelling for one address, so that duplicates are seen.
      const address = parseIp(found.address)?.address ?? found.address
      for (const match of ports) mergeInto(endpoints, { address, port: match.port, ...conditionsOf(found) })
    }
  }
  return {
    endpoints: [...endpoints].sort(([left], [right]) => compareText(left, right)).map(([, endpoint]) => endpoint),
    ignored: [...ignored].sort(([left], [right]) => compareText(left, right)).slice(0, MAX_IGNORED)
      .map(([address, reason]) => ({ address, reason }))
  }
}

/** The name of a port always has a letter (Kubernetes demands it), so a text of digits is a number. */
function portMatcher (wanted: string | number): (port: SlicePort) => boolean {
  if (typeof wanted === 'string' && !/^[0-9]+$/.test(wanted)) return (port) => port.name === wanted
  return (port) => port.port === Number(wanted)
}

function conditionsOf ({ ready, serving, terminating }: SliceEndpoint): Pick<Endpoint, 'ready' | 'serving' | 'terminating'> {
  return { ready, serving, terminating }
}

function mergeInto (endpoints: Map<string, Endpoint>, endpoint: Endpoint): void {
  const key = endpointKey(endpoint)
  const known = endpoints.get(key)
  if (known === undefined || rank(endpoint) > rank(known)) endpoints.set(key, endpoint)
}

/** Different for each combination of conditions, so that the winner does not depend on the order of the slices. */
function rank ({ ready, serving, terminating }: Endpoint): number {
  if (ready) return 8 + (terminating ? 0 : 2) + (serving ? 1 : 0)
  if (serving) return terminating ? 4 : 2
  return terminating ? 0 : 1
}

/** An address refused for two reasons (in slices of two types) keeps one of them, whichever came first. */
function keepSmaller (ignored: Map<string, string>, address: string, reason: string): void {
  const known = ignored.get(address)
  if (known === undefined || reason < known) ignored.set(address, reason)
}

function compareText (left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
