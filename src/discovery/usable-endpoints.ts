import type { Endpoint } from '../core/endpoint.ts'

/**
 * The endpoints that may get new requests: the ready ones; if none is ready, those that are terminating but still
 * serve; else none. (KEP-1669, as kube-proxy does.)
 */
export function usableEndpoints (endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready)
  return ready.length > 0 ? ready : endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating)
}
