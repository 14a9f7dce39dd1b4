import type { EndpointListener, EndpointSource, EndpointSourceStatus, IgnoredAddress } from './endpoint-source.ts'
import { endpointsOfSlices, type SliceSelection } from './endpoint-slices.ts'
import type { NamespaceSlices, SlicesListener } from './namespace-slices.ts'

export interface SlicesSourceOptions extends SliceSelection {
  readonly namespace: NamespaceSlices
  readonly service: string
}

/** The endpoints of one port of a Kubernetes Service, from its EndpointSlices. */
export class SlicesSource implements EndpointSource {
  readonly #options: SlicesSourceOptions
  #unsubscribe: (() => void) | undefined
  #synced = false
  #ignored: readonly IgnoredAddress[] = []

  constructor (options: SlicesSourceOptions) {
    this.#options = options
  }

  start (listener: EndpointListener): void {
    const { namespace, service } = this.#options
    const onSlices: SlicesListener = (slices) => {
      const { endpoints, ignored } = endpointsOfSlices(slices, this.#options)
      this.#synced = true
      this.#ignored = ignored
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
    return { kind: 'kubernetes', synced: this.#synced, lastSyncWallMs, restarts, lastError, ignored: this.#ignored }
  }
}
