import type { EndpointListener, EndpointSource, EndpointSourceStatus } from './endpoint-source.ts'
import { endpointsOfSlices, type SliceEndpoints, type SliceSelection } from './endpoint-slices.ts'
import type { NamespaceSlices, SlicesListener } from './namespace-slices.ts'
import { sliceProblem, whyNone } from './slice-problem.ts'

export interface SlicesSourceOptions extends SliceSelection {
  readonly namespace: NamespaceSlices
  /** What the configuration calls it; undefined for that of the credentials. */
  readonly namespaceName?: string | undefined
  readonly service: string
}

/** The endpoints of one port of a Kubernetes Service, from its EndpointSlices. */
export class SlicesSource implements EndpointSource {
  readonly #options: SlicesSourceOptions
  #unsubscribe: (() => void) | undefined
  /** Without the endpoints; undefined before the first list. */
  #found: Omit<SliceEndpoints, 'endpoints'> | undefined

  constructor (options: SlicesSourceOptions) {
    this.#options = options
  }

  start (listener: EndpointListener): void {
    const { namespace, service } = this.#options
    const onSlices: SlicesListener = (slices) => {
      const { endpoints, ignored, facts } = endpointsOfSlices(slices, this.#options)
      this.#found = { ignored, facts }
      listener(endpoints)
    }
    this.#unsubscribe = () => { namespace.unsubscribe(service, onSlices) }
    namespace.subscribe(service, onSlices)
  }

  stop (): void {
    this.#unsubscribe?.()
  }

  status (): EndpointSourceStatus {
    const { lastSyncWallMs, restarts, lastError } = this.#options.namespace.stats()
    const found = this.#found
    if (found === undefined) return { kind: 'kubernetes', synced: false, lastSyncWallMs, restarts, lastError, ignored: [] }
    const { ignored, facts } = found
    const { namespaceName: namespace, service, port, ipFamily } = this.#options
    const ref = { namespace, service, port, ipFamily }
    return {
      kind: 'kubernetes',
      synced: true,
      lastSyncWallMs,
      restarts,
      lastError,
      ignored,
      problem: sliceProblem(ref, facts),
      whyNone: whyNone(ref, facts, ignored)
    }
  }
}
