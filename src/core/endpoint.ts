/**
 * An endpoint: one address and port of a version, with the conditions of discovery.k8s.io/v1 EndpointSlice.
 */
export interface Endpoint {
  /** An IPv4 or IPv6 address without brackets. */
  readonly address: string
  readonly port: number
  /** May get new requests. Kubernetes: nil means true; false while the pod is terminating. */
  readonly ready: boolean
  /** Passes its readiness probe whether or not it is terminating. Kubernetes: nil means the value of `ready`. */
  readonly serving: boolean
  /** The pod has been told to stop. */
  readonly terminating: boolean
}

/** The name by which registries, metrics and logs know an endpoint: `10.0.0.1:80` or `[fd00::1]:80`. */
export function endpointKey (endpoint: Pick<Endpoint, 'address' | 'port'>): string {
  return endpoint.address.includes(':') ? `[${endpoint.address}]:${endpoint.port}` : `${endpoint.address}:${endpoint.port}`
}

/** The same address and port with the same conditions. */
export function sameEndpoint (left: Endpoint, right: Endpoint): boolean {
  return left.address === right.address && left.port === right.port && left.ready === right.ready &&
    left.serving === right.serving && left.terminating === right.terminating
}
