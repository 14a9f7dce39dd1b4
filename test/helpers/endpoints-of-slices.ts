import type { SliceSelection } from '../../src/discovery/checked-slice.ts'
import type { EndpointSlice } from '../../src/discovery/endpoint-slice.ts'
import { ServiceEndpoints } from '../../src/discovery/service-endpoints.ts'

/** What the slices of a Service come to when all of them are there at once. */
export function endpointsOfSlices (slices: Iterable<EndpointSlice>, selection: SliceSelection) {
  const service = new ServiceEndpoints(selection)
  const endpoints = service.replace([...slices].map((slice, index) => [`slice-${index}`, slice] as const))
  return { endpoints, ignored: service.ignored(), facts: service.facts() }
}
