import { type Endpoint, endpointKey, sameEndpoint } from '../core/endpoint.ts'
import type { CidrSet } from '../core/cidr-set.ts'
import { parseIp } from '../core/socket-address.ts'
import type { OwnPorts } from '../core/own-ports.ts'
import type { EndpointSlice, SliceEndpoint, SlicePort } from './endpoint-slice.ts'
import { addressRefusal } from './refused-addresses.ts'

/** Which addresses of a dual-stack Service are used; `auto` takes IPv4 where a pod has both. */
export type IpFamilyChoice = 'auto' | 'IPv4' | 'IPv6'

/** An endpoint as a slice named it. */
export interface FoundEndpoint {
  readonly endpoint: Endpoint
  readonly family: 'IPv4' | 'IPv6'
  /** What tells one pod from another; empty when the slice does not say. */
  readonly pod: string
}

/**
 * A dual-stack Service has a slice for each family, so each of its pods is found twice: with two connections' worth of
 * limits, two shares of the requests and two counts. Here each pod keeps one address.
 *
 * Endpoints that name no pod, such as those of hand-written slices, are taken together: their IPv4 addresses are used if
 * they have any, as clients of an IPv4 Service would reach them.
 */
export function onePerPod (found: readonly FoundEndpoint[], choice: IpFamilyChoice): readonly FoundEndpoint[] {
  return choice === 'auto' ? preferIpv4(found) : found.filter(({ family }) => family === choice)
}

function preferIpv4 (found: readonly FoundEndpoint[]): readonly FoundEndpoint[] {
  const first = found[0]?.family
  // The everyday case costs one look at each.
  if (found.every(({ family }) => family === first)) return found
  const reached = new Set(found.filter(({ family }) => family === 'IPv4').map(({ pod }) => pod))
  return found.filter(({ family, pod }) => family === 'IPv4' || !reached.has(pod))
}

/** Which endpoints of a Service are asked for. */
export interface SliceSelection {
  /** The name of the port in the slices, or its number there (the pod's port, not the Service's). */
  readonly port: string | number
  /** Refused addresses that may be dialled all the same. */
  readonly allowed: CidrSet
  /** Where Weir itself listens: endpoints there are left out. */
  readonly ownPorts?: OwnPorts
  readonly ipFamily: IpFamilyChoice
}

/** What one slice has of the endpoints that are asked for. It is made once for each state of the slice. */
export interface CheckedSlice {
  readonly family: EndpointSlice['family']
  /** By `endpointKey`; those of the family that is not asked for are not among them. */
  readonly endpoints: ReadonlyMap<string, FoundEndpoint>
  /** Addresses that are not dialled, with the reason. */
  readonly ignored: ReadonlyMap<string, string>
  readonly ports: readonly SlicePort[]
  /** Endpoints that were left out because they are of the other family than `ipFamily`. */
  readonly otherFamily: number
}

/** @param before the state before, whose objects are kept for all that has not changed */
export function checkSlice (
  slice: EndpointSlice, { port, allowed, ownPorts, ipFamily }: SliceSelection, before?: CheckedSlice
): CheckedSlice {
  const { family } = slice
  const endpoints = new Map<string, FoundEndpoint>()
  const ignored = new Map<string, string>()
  const ports = slice.ports.filter(portMatcher(port))
  for (const written of slice.endpoints) {
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
    for (const match of ports) {
      const own = ownPorts?.at(address, match.port)
      if (own !== undefined) keepSmaller(ignored, written.address, ownReason(own))
      else keepBetter(endpoints, { endpoint: { address, port: match.port, ...conditionsOf(written) }, family, pod: written.pod })
    }
  }
  if (before !== undefined) keepKnown(endpoints, before)
  const wanted = ipFamily === 'auto' || family === ipFamily
  return { family, endpoints: wanted ? endpoints : new Map(), ignored, ports: slice.ports, otherFamily: wanted ? 0 : endpoints.size }
}

/** @param own what OwnPorts calls the place */
export function ownReason (own: string): string {
  return `Weir itself listens there: ${own}`
}

function keepKnown (endpoints: Map<string, FoundEndpoint>, before: CheckedSlice): void {
  for (const [key, found] of endpoints) {
    const known = before.endpoints.get(key)
    if (known !== undefined && sameFound(known, found)) endpoints.set(key, known)
  }
}

/** The keys of the endpoints that one of two states of a slice has and the other has not, or has otherwise. */
export function differentKeys (before: CheckedSlice | undefined, after: CheckedSlice | undefined): readonly string[] {
  const keys: string[] = []
  for (const [key, found] of after?.endpoints ?? []) {
    const known = before?.endpoints.get(key)
    if (known === undefined || !sameFound(known, found)) keys.push(key)
  }
  for (const key of before?.endpoints.keys() ?? []) if (after?.endpoints.has(key) !== true) keys.push(key)
  return keys
}

function sameFound (left: FoundEndpoint, right: FoundEndpoint): boolean {
  return left === right || (left.pod === right.pod && left.family === right.family && sameEndpoint(left.endpoint, right.endpoint))
}

/** The name of a port always has a letter (Kubernetes demands it), so a text of digits is a number. */
export function portMatcher (wanted: string | number): (port: SlicePort) => boolean {
  if (typeof wanted === 'string' && !/^[0-9]+$/.test(wanted)) return port => port.name === wanted
  return port => port.port === Number(wanted)
}

function conditionsOf ({ ready, serving, terminating }: SliceEndpoint): Pick<Endpoint, 'ready' | 'serving' | 'terminating'> {
  return { ready, serving, terminating }
}

/** Keeps the one with the better conditions of two that are the same endpoint. */
export function keepBetter (endpoints: Map<string, FoundEndpoint>, found: FoundEndpoint, key: string = endpointKey(found.endpoint)): void {
  const known = endpoints.get(key)
  if (known === undefined || rank(found.endpoint) > rank(known.endpoint)) endpoints.set(key, found)
}

/** Different for each combination of conditions, so that the winner does not depend on the order of the slices. */
function rank ({ ready, serving, terminating }: Endpoint): number {
  if (ready) return 8 + (terminating ? 0 : 2) + (serving ? 1 : 0)
  if (serving) return terminating ? 4 : 2
  return terminating ? 0 : 1
}

/** An address refused for two reasons (in slices of two types) keeps one of them, whichever came first. */
export function keepSmaller (ignored: Map<string, string>, address: string, reason: string): void {
  const known = ignored.get(address)
  if (known === undefined || reason < known) ignored.set(address, reason)
}
