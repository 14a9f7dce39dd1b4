import type { EndpointChange } from '../core/endpoint.ts'
import type { SliceSelection } from './checked-slice.ts'
import type { EndpointListener, EndpointSource, EndpointSourceStatus, IgnoredAddress, SourceProblem } from './endpoint-source.ts'
import type { NamespaceSlices, SlicesListener } from './namespace-slices.ts'
import { ServiceEndpoints, type SliceFacts } from './service-endpoints.ts'
import type { SlicePort } from './endpoint-slice.ts'

/**
 * Why a version has no endpoints, in words for whoever has to mend it. Without them a mistyped Service, the wrong port
 * and a Deployment scaled to zero look the same: 503.
 */

/** The Service of a version, as the configuration has it. */
interface ServiceRef extends Pick<SliceSelection, 'port' | 'ipFamily'> {
  readonly service: string
  /** Undefined for the namespace of the credentials. */
  readonly namespace: string | undefined
}

/** What the slices of a Service say of the configuration: that the Service or its port is not there. */
function sliceProblem (ref: ServiceRef, facts: SliceFacts): SourceProblem | undefined {
  const { service, namespace, port } = ref
  if (facts.slices === 0) {
    const where = namespace === undefined ? 'the namespace of the credentials' : `namespace "${namespace}"`
    return {
      kind: 'no-slices',
      detail: `no EndpointSlice in ${where} names Service "${service}": there is no such Service, or nothing has made slices for it yet (Weir reads slices only, so it can't tell which)`
    }
  }
  // A Service without pods has a slice that names neither endpoints nor ports.
  if (facts.portFound || facts.ports.length === 0) return undefined
  const number = /^[0-9]+$/.test(String(port))
  const wanted = number ? `TCP port ${port}` : `TCP port named "${port}"`
  const there = `there ${facts.ports.length === 1 ? 'is' : 'are'} ${facts.ports.map(showPort).join(', ')}`
  const hint = number ? '; a number is the port of the pods, not that of the Service' : ''
  return { kind: 'no-port', detail: `the EndpointSlices of Service "${service}" name no ${wanted}; ${there}${hint}` }
}

/** Why no endpoint of a Service that is there is known. */
function whyNone ({ service, ipFamily }: ServiceRef, facts: SliceFacts, ignored: readonly IgnoredAddress[]): string {
  if (facts.otherFamily > 0) return `Service "${service}" has no ${ipFamily} addresses, and kubernetes.ipFamily asks for those`
  const [first] = ignored
  if (first !== undefined) return `no address of Service "${service}" may be dialled: ${first.address} is refused (${first.reason})`
  return `Service "${service}" has no pods, or none with a TCP port`
}

function showPort ({ name, port }: SlicePort): string {
  return name === '' ? String(port) : `${port} (${name})`
}

interface ServiceSourceOptions extends SliceSelection {
  readonly namespace: NamespaceSlices
  /** What the configuration calls it; undefined for that of the credentials. */
  readonly namespaceName?: string | undefined
  readonly service: string
}

/** The endpoints of one port of a Kubernetes Service, from its EndpointSlices. */
export class ServiceSource implements EndpointSource {
  readonly #options: ServiceSourceOptions
  readonly #endpoints: ServiceEndpoints
  #unsubscribe: (() => void) | undefined
  #synced = false

  constructor (options: ServiceSourceOptions) {
    this.#options = options
    this.#endpoints = new ServiceEndpoints(options)
  }

  start (onAll: EndpointListener, onChange: (change: EndpointChange) => void): void {
    const { namespace, service } = this.#options
    const listener: SlicesListener = {
      all: slices => {
        this.#synced = true
        onAll(this.#endpoints.replace(slices))
      },
      changed: slices => {
        const update = this.#endpoints.change(slices)
        if ('set' in update) onChange(update)
        else onAll(update)
      }
    }
    this.#unsubscribe = () => { namespace.unsubscribe(service, listener) }
    namespace.subscribe(service, listener)
  }

  stop (): void {
    this.#unsubscribe?.()
  }

  status (): EndpointSourceStatus {
    const { lastSyncWallMs, restarts, lastError } = this.#options.namespace.stats()
    if (!this.#synced) return { kind: 'kubernetes', synced: false, lastSyncWallMs, restarts, lastError, ignored: [] }
    const { namespaceName: namespace, service, port, ipFamily } = this.#options
    const ref = { namespace, service, port, ipFamily }
    const endpoints = this.#endpoints
    // Worked out when they are asked for: a scrape asks every version for its age, and for nothing else.
    return {
      kind: 'kubernetes',
      synced: true,
      lastSyncWallMs,
      restarts,
      lastError,
      get ignored () { return endpoints.ignored() },
      get problem () { return sliceProblem(ref, endpoints.facts()) },
      get whyNone () { return whyNone(ref, endpoints.facts(), endpoints.ignored()) }
    }
  }
}
