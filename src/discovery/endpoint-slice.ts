/**
 * A discovery.k8s.io/v1 EndpointSlice, cut down to what Weir uses.
 */
import { asList, asObject, asText, type UntrustedObject } from '../kube/kube-api.ts'

export interface SliceEndpoint {
  /** As it stands in the slice: not checked, not canonical. */
  readonly address: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** The pod behind it, the same in the slices of both families; empty when the slice names none. */
  readonly pod: string
}

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

/** Reads whatever the API server sent as an EndpointSlice. Never throws: what can't be read is left out. */
export function readEndpointSlice (object: unknown): EndpointSlice {
  const slice = asObject(object)
  const labels = asObject(asObject(slice?.['metadata'])?.['labels'])
  const addressType = slice?.['addressType']
  return {
    service: asText(labels?.['kubernetes.io/service-name']) ?? '',
    family: addressType === 'IPv4' || addressType === 'IPv6' ? addressType : 'other',
    endpoints: asList(slice?.['endpoints']).map(asObject).map(readEndpoint).filter(endpoint => endpoint !== undefined),
    ports: asList(slice?.['ports']).map(asObject).map(readPort).filter(port => port !== undefined)
  }
}

/**
 * Reads a slice that has changed. Endpoints that say the same as before are the objects of `before`: of an update of a hundred
 * endpoints only what is different outlives it, and the heap need not grow for the rest.
 */
export function rereadEndpointSlice (object: unknown, before: EndpointSlice | undefined): EndpointSlice {
  const slice = readEndpointSlice(object)
  if (before === undefined) return slice
  const known = new Map(before.endpoints.map(endpoint => [endpoint.address, endpoint]))
  const shared = (endpoint: SliceEndpoint): SliceEndpoint => {
    const one = known.get(endpoint.address)
    return one !== undefined && sameSliceEndpoint(one, endpoint) ? one : endpoint
  }
  return { ...slice, endpoints: slice.endpoints.map(shared) }
}

function sameSliceEndpoint (left: SliceEndpoint, right: SliceEndpoint): boolean {
  return left.pod === right.pod && left.ready === right.ready && left.serving === right.serving && left.terminating === right.terminating
}

/** The addresses of an endpoint all mean the same pod and consumers take the first (Kubernetes API reference). */
function readEndpoint (endpoint: UntrustedObject | undefined): SliceEndpoint | undefined {
  const address = asText(asList(endpoint?.['addresses'])[0])
  if (address === undefined) return undefined
  const conditions = asObject(endpoint?.['conditions'])
  const ready = asFlag(conditions?.['ready'], true)
  return {
    address: address.slice(0, MAX_ADDRESS_LENGTH),
    ready,
    serving: asFlag(conditions?.['serving'], ready),
    terminating: asFlag(conditions?.['terminating'], false),
    pod: podOf(asObject(endpoint?.['targetRef']))
  }
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
