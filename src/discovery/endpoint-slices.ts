import type { CidrSet } from '../core/cidr-set.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import { parseIp } from '../core/ip.ts'
import type { EndpointSlice, SliceEndpoint, SlicePort } from './endpoint-slice.ts'
import type { IgnoredAddress } from './endpoint-source.ts'
import { type FoundEndpoint, type IpFamilyChoice, onePerPod } from './one-per-pod.ts'
import { addressRefusal } from './refused-addresses.ts'

/** Which endpoints of a Service are asked for. */
export interface SliceSelection {
  /** The name of the port in the slices, or its number there (the pod's port, not the Service's). */
  readonly port: string | number
  /** Refused addresses that may be dialled all the same. */
  readonly allowed: CidrSet
  readonly ipFamily: IpFamilyChoice
}

export interface SliceEndpoints {
  /** Sorted by key, so that the order of slices and events leaves no trace. */
  readonly endpoints: readonly Endpoint[]
  /** At most MAX_IGNORED, sorted by address. */
  readonly ignored: readonly IgnoredAddress[]
  readonly facts: SliceFacts
}

/** What the slices of a Service say beside their endpoints: enough to tell why there are none. */
export interface SliceFacts {
  readonly slices: number
  /** All TCP ports that they name, by number; at most MAX_PORTS. */
  readonly ports: readonly SlicePort[]
  /** One of the ports is the one that is asked for. */
  readonly portFound: boolean
  /** Endpoints that were left out because they are of the other family than `ipFamily`. */
  readonly otherFamily: number
}

export const MAX_IGNORED = 100
export const MAX_PORTS = 20

/**
 * The endpoints of one port of a Service.
 *
 * An endpoint may be in several slices while the controller moves it from one to another, and its conditions may differ.
 * Then the better conditions win, taken whole from one of the slices: ready before not ready; among the ready, not
 * terminating before terminating, then serving before not; among the others, serving while terminating (the last
 * resort of KEP-1669) before serving, before neither.
 *
 * @param slices all slices of the Service
 */
export function endpointsOfSlices (slices: Iterable<EndpointSlice>, { port, allowed, ipFamily }: SliceSelection): SliceEndpoints {
  const found: FoundEndpoint[] = []
  const ignored = new Map<string, string>()
  const named = new Map<string, SlicePort>()
  const matches = portMatcher(port)
  let count = 0
  for (const slice of slices) {
    count++
    for (const each of slice.ports) named.set(`${each.port} ${each.name}`, each)
    const ports = slice.ports.filter(matches)
    for (const written of slice.endpoints) {
      const { family } = slice
      if (family === 'other') {
        keepSmaller(ignored, written.address, 'not an IP address: FQDN slices are not followed')
        continue
      }
      const reason = addressRefusal(written.address, family, allowed)
      if (reason !== undefined) {
        keepSmaller(ignored, written.address, reason)
        continue
      }
      // One spelling for one address, so that duplicates are seen.
      const address = parseIp(written.address)?.address ?? written.address
      for (const match of ports) found.push({ endpoint: { address, port: match.port, ...conditionsOf(written) }, family, pod: written.pod })
    }
  }
  const endpoints = new Map<string, Endpoint>()
  const kept = onePerPod(found, ipFamily)
  for (const endpoint of kept) mergeInto(endpoints, endpoint)
  return {
    endpoints: [...endpoints].sort(([left], [right]) => compareText(left, right)).map(([, endpoint]) => endpoint),
    ignored: [...ignored].sort(([left], [right]) => compareText(left, right)).slice(0, MAX_IGNORED)
      .map(([address, reason]) => ({ address, reason })),
    facts: {
      slices: count,
      ports: [...named.values()].sort(comparePorts).slice(0, MAX_PORTS),
      portFound: [...named.values()].some(matches),
      otherFamily: ipFamily === 'auto' ? 0 : found.length - kept.length
    }
  }
}

function comparePorts (left: SlicePort, right: SlicePort): number {
  return left.port - right.port || compareText(left.name, right.name)
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
