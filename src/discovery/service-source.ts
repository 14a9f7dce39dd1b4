import type { EndpointChange } from '../core/endpoint-set.ts'
import type { SliceSelection } from './checked-slice.ts'
import type { EndpointListener, EndpointSource, EndpointSourceStatus } from './endpoint-source.ts'
import type { NamespaceSlices, SlicesListener } from './namespace-slices.ts'
import { ServiceEndpoints } from './service-endpoints.ts'
import { sliceProblem, whyNone } from './slice-problem.ts'

export interface ServiceSourceOptions extends SliceSelection {
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
