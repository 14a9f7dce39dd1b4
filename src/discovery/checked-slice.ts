import { type Endpoint, endpointKey, sameEndpoint } from '../core/endpoint.ts'
import type { CidrSet } from '../core/cidr-set.ts'
import { parseIp } from '../core/socket-address.ts'
import type { OwnPorts } from '../core/own-ports.ts'
import type { EndpointSlice, SliceEndpoint, SlicePort } from './endpoint-slice.ts'
import { judgePod, type PodClaim, type PodLabels, rivalOf } from './pod-labels.ts'
import { addressRefusal } from './refused-addresses.ts'

/** Which addresses of a dual-stack Service are used; `auto` takes IPv4 where a pod has both. */
export type IpFamilyChoice = 'auto' | 'IPv4' | 'IPv6'

/** An endpoint as a slice named it. */
export interface FoundEndpoint {
  readonly endpoint: Endpoint
  readonly family: 'IPv4' | 'IPv6'
  /** What tells one pod from another; empty when the slice does not say. */
  readonly pod: string
  /** Bits of HINT. */
  readonly hints: number
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
  /** Which pods; all without it. */
  readonly pods?: PodSelection
  /** Endpoints carry their zone. */
  readonly withZone?: boolean
}

/** Which pods are asked for, and where their labels are found. */
interface PodSelection {
  readonly claim: PodClaim
  /** The labels of a pod, by `namespace/name` and UID; undefined for one that is not known. */
  readonly labelsOf: (podKey: string, uid: string) => PodLabels | undefined
}

/** What became of the endpoints of the port that is asked for, by their pods. */
export interface PodCounts {
  /** Those that name no pod. */
  withoutPod: number
  /** Those whose pods have other labels, or are not known. */
  other: number
  /** Those that a version which comes first selects as well, by the name of that version, each with an address of them. */
  readonly lost: Map<string, PodOverlap>
  /** Those that a later version selects as well. */
  readonly won: Map<string, PodOverlap>
}

interface PodOverlap {
  count: number
  readonly example: string
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
  /** Undefined when all pods are asked for. */
  readonly pods: PodCounts | undefined
}

/** @param before the state before, whose objects are kept for all that has not changed */
export function checkSlice (slice: EndpointSlice, selection: SliceSelection, before?: CheckedSlice): CheckedSlice {
  const { family } = slice
  const { port, allowed, ipFamily, pods } = selection
  const endpoints = new Map<string, FoundEndpoint>()
  const ignored = new Map<string, string>()
  const found = { endpoints, ignored, pods: pods === undefined ? undefined : noPods() }
  const ports = slice.ports.filter(portMatcher(port))
  for (const written of slice.endpoints) {
    if (family === 'other') {
      keepSmaller(ignored, written.address, 'not an IP address: FQDN slices are not followed')
      continue
    }
    const reason = addressRefusal(written.address, family, allowed)
    if (reason !== undefined) keepSmaller(ignored, written.address, reason)
    else for (const match of ports) collect(found, { written, family, port: match }, selection)
  }
  if (before !== undefined) keepKnown(endpoints, before)
  const wanted = ipFamily === 'auto' || family === ipFamily
  return {
    ...found, family, endpoints: wanted ? endpoints : new Map(), ports: slice.ports, otherFamily: wanted ? 0 : endpoints.size
  }
}

/** What has been found in a slice so far. */
interface SliceFindings {
  readonly endpoints: Map<string, FoundEndpoint>
  readonly ignored: Map<string, string>
  readonly pods: PodCounts | undefined
}

/** An endpoint of a slice at one of its ports. */
interface WrittenAtPort {
  readonly written: SliceEndpoint
  readonly family: 'IPv4' | 'IPv6'
  readonly port: SlicePort
}

function collect (findings: SliceFindings, { written, family, port }: WrittenAtPort, selection: SliceSelection): void {
  const { endpoints, ignored, pods: counts } = findings
  const { ownPorts, pods, withZone = false } = selection
  // One spelling for one address, so that duplicates are seen.
  const address = parseIp(written.address)?.address ?? written.address
  const own = ownPorts?.at(address, port.port)
  if (own !== undefined) return keepSmaller(ignored, written.address, ownReason(own))
  if (pods !== undefined && counts !== undefined && !isMine(written, port, pods, counts)) return
  const zone = withZone && written.zone !== '' ? { zone: written.zone } : {}
  const endpoint = { address, port: port.port, ...conditionsOf(written), ...zone }
  keepBetter(endpoints, { endpoint, family, pod: written.pod, hints: written.hints })
}

function isMine (written: SliceEndpoint, port: SlicePort, { claim, labelsOf }: PodSelection, counts: PodCounts): boolean {
  const { podKey, pod: uid, address } = written
  const pod = { podKey, port, labels: podKey === '' ? undefined : labelsOf(podKey, uid) }
  const verdict = judgePod(claim, pod)
  if (verdict === 'no-pod') counts.withoutPod++
  else if (verdict === 'other') counts.other++
  else if (claim.own !== undefined) {
    const rival = rivalOf(claim.rivals, pod)
    if (rival !== undefined) countOverlap(verdict === 'lost' ? counts.lost : counts.won, rival.version, 1, address)
  }
  return verdict === 'mine'
}

export function noPods (): PodCounts {
  return { withoutPod: 0, other: 0, lost: new Map(), won: new Map() }
}

export function countOverlap (overlaps: Map<string, PodOverlap>, version: string, count: number, example: string): void {
  const known = overlaps.get(version)
  if (known === undefined) overlaps.set(version, { count, example })
  else known.count += count
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
  return left === right || (left.pod === right.pod && left.family === right.family && left.hints === right.hints &&
    sameEndpoint(left.endpoint, right.endpoint))
}

/** The name of a port always has a letter (Kubernetes demands it), so a text of digits is a number. */
export function portMatcher (wanted: string | number): (port: SlicePort) => boolean {
  if (typeof wanted === 'string' && !/^[0-9]+$/.test(wanted)) return port => port.name === wanted
  return port => port.port === Number(wanted)
}

function conditionsOf ({ ready, serving, terminating }: SliceEndpoint): Pick<Endpoint, 'ready' | 'serving' | 'terminating'> {
  return { ready, serving, terminating }
}

/** Keeps the one with the better conditions of two that are the same endpoint. Of equal ones it is always the same one. */
export function keepBetter (endpoints: Map<string, FoundEndpoint>, found: FoundEndpoint, key: string = endpointKey(found.endpoint)): void {
  const known = endpoints.get(key)
  if (known === undefined || isBetter(found, known)) endpoints.set(key, found)
}

function isBetter (left: FoundEndpoint, right: FoundEndpoint): boolean {
  const by = rank(left.endpoint) - rank(right.endpoint) || left.hints - right.hints
  return by > 0 || (by === 0 && (left.endpoint.zone ?? '') > (right.endpoint.zone ?? ''))
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
