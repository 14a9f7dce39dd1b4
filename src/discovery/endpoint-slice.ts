/**
 * A discovery.k8s.io/v1 EndpointSlice, cut down to what Weir uses.
 */
import { asList, asObject, asText, type UntrustedObject } from '../core/untrusted.ts'

export interface SliceEndpoint {
  /** As it stands in the slice: not checked, not canonical. */
  readonly address: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** The pod behind it, the same in the slices of both families; empty when the slice names none. */
  readonly pod: string
  /** `namespace/name` of the Pod whose UID is `pod`; empty when the slice does not tell both. */
  readonly podKey: string
  /** Empty when the slice does not tell it, or nobody asks for it. */
  readonly zone: string
  /** Where it is meant to be used: bits of HINT; 0 when nobody asks for them. */
  readonly hints: number
}

/** Where Weir runs, as far as it was told. */
export interface OwnPlace {
  /** The value of the node's label topology.kubernetes.io/zone. */
  readonly zone?: string | undefined
  readonly node?: string | undefined
}

/** What the hints of an endpoint come to in one place. */
export const HINT = { zones: 1, thisZone: 2, nodes: 4, thisNode: 8 } as const

export interface SlicePort {
  /** Empty for an unnamed port. */
  readonly name: string
  readonly port: number
}

export interface EndpointSlice {
  /** The label kubernetes.io/service-name; empty without it. */
  readonly service: string
  /** FQDN slices and unknown types have neither: their endpoints are never dialled. */
  readonly family: 'IPv4' | 'IPv6' | 'other'
  readonly endpoints: readonly SliceEndpoint[]
  /** The TCP ports that have a number. */
  readonly ports: readonly SlicePort[]
}

/** The longest text of an address that is kept: enough for any IPv6 address, bounded for rubbish. */
const MAX_ADDRESS_LENGTH = 64

/** Names of pods have at most 253 characters. */
const MAX_POD_LENGTH = 253

/** Hints that are looked at; the API server allows 8 zones and 8 nodes. */
const MAX_HINTS = 16

/**
 * Reads whatever the API server sent as an EndpointSlice. Never throws: what can't be read is left out.
 * @param place where the zones and hints of endpoints are read for; without it they are not
 */
export function readEndpointSlice (object: unknown, place?: OwnPlace): EndpointSlice {
  const slice = asObject(object)
  const metadata = asObject(slice?.['metadata'])
  const labels = asObject(metadata?.['labels'])
  const namespace = asText(metadata?.['namespace']) ?? ''
  const addressType = slice?.['addressType']
  return {
    service: asText(labels?.['kubernetes.io/service-name']) ?? '',
    family: addressType === 'IPv4' || addressType === 'IPv6' ? addressType : 'other',
    endpoints: asList(slice?.['endpoints']).flatMap(each => readEndpoint(asObject(each), namespace, place) ?? []),
    ports: asList(slice?.['ports']).map(asObject).map(readPort).filter(port => port !== undefined)
  }
}

/**
 * Reads a slice that has changed. Endpoints that say the same as before are the objects of `before`: of an update of a hundred
 * endpoints only what is different outlives it, and the heap need not grow for the rest.
 */
export function rereadEndpointSlice (object: unknown, before: EndpointSlice | undefined, place?: OwnPlace): EndpointSlice {
  const slice = readEndpointSlice(object, place)
  if (before === undefined) return slice
  const known = new Map(before.endpoints.map(endpoint => [endpoint.address, endpoint]))
  const shared = (endpoint: SliceEndpoint): SliceEndpoint => {
    const one = known.get(endpoint.address)
    return one !== undefined && sameSliceEndpoint(one, endpoint) ? one : endpoint
  }
  return { ...slice, endpoints: slice.endpoints.map(shared) }
}

function sameSliceEndpoint (left: SliceEndpoint, right: SliceEndpoint): boolean {
  return left.pod === right.pod && left.ready === right.ready && left.serving === right.serving && left.terminating === right.terminating &&
    left.podKey === right.podKey && left.zone === right.zone && left.hints === right.hints
}

/** The addresses of an endpoint all mean the same pod and consumers take the first (Kubernetes API reference). */
function readEndpoint (endpoint: UntrustedObject | undefined, namespace: string, place: OwnPlace | undefined): SliceEndpoint | undefined {
  const address = asText(asList(endpoint?.['addresses'])[0])
  if (address === undefined) return undefined
  const conditions = asObject(endpoint?.['conditions'])
  const ready = asFlag(conditions?.['ready'], true)
  const target = asObject(endpoint?.['targetRef'])
  return {
    address: address.slice(0, MAX_ADDRESS_LENGTH),
    ready,
    serving: asFlag(conditions?.['serving'], ready),
    terminating: asFlag(conditions?.['terminating'], false),
    pod: podOf(target),
    podKey: podKeyOf(target, namespace),
    zone: place === undefined ? '' : (asText(endpoint?.['zone']) ?? '').slice(0, MAX_POD_LENGTH),
    hints: place === undefined ? 0 : hintsOf(asObject(endpoint?.['hints']), place)
  }
}

/** @param namespace that of the slice, which a reference may leave out */
function podKeyOf (target: UntrustedObject | undefined, namespace: string): string {
  const name = asText(target?.['name']) ?? ''
  const isPod = target?.['kind'] === 'Pod' && asText(target['uid']) !== undefined
  return isPod && name !== '' ? `${asText(target['namespace']) ?? namespace}/${name}`.slice(0, 2 * MAX_POD_LENGTH) : ''
}

function hintsOf (hints: UntrustedObject | undefined, { zone, node }: OwnPlace): number {
  const zones = namesOf(hints?.['forZones'])
  const nodes = namesOf(hints?.['forNodes'])
  return (zones.length > 0 ? HINT.zones : 0) | (zone !== undefined && zones.includes(zone) ? HINT.thisZone : 0) |
    (nodes.length > 0 ? HINT.nodes : 0) | (node !== undefined && nodes.includes(node) ? HINT.thisNode : 0)
}

function namesOf (list: unknown): readonly string[] {
  return asList(list).slice(0, MAX_HINTS).flatMap(each => asText(asObject(each)?.['name']) ?? [])
}

/** A uid tells a pod from an earlier one of the same name; hand-written references may have the name only. */
function podOf (target: UntrustedObject | undefined): string {
  const id = asText(target?.['uid']) ?? asText(target?.['name']) ?? ''
  return id.slice(0, MAX_POD_LENGTH)
}

function asFlag (value: unknown, whenNil: boolean): boolean {
  return typeof value === 'boolean' ? value : whenNil
}

function readPort (entry: UntrustedObject | undefined): SlicePort | undefined {
  const port = entry?.['port']
  const protocol = entry?.['protocol'] ?? 'TCP'
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535 || protocol !== 'TCP') return undefined
  return { name: asText(entry?.['name']) ?? '', port }
}
