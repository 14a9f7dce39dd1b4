import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import { parseHostPort } from '../core/socket-address.ts'
import type { EndpointListener, EndpointSource, EndpointSourceStatus } from './endpoint-source.ts'

/** Endpoints that the configuration lists. They are ready from the start and never change. */
export class StaticSource implements EndpointSource {
  readonly #endpoints: readonly Endpoint[]
  readonly #sinceWallMs: number

  /**
   * @param addresses `address:port` each; one that is listed twice counts once
   * @param sinceWallMs the time of the configuration, for the status
   * @throws RangeError for an entry that is not an IP address and a port
   */
  constructor (addresses: readonly string[], sinceWallMs: number) {
    const endpoints = addresses.map(text => ({ ...parseHostPort(text), ready: true, serving: true, terminating: false }))
    this.#endpoints = [...new Map(endpoints.map(endpoint => [endpointKey(endpoint), endpoint])).values()]
    this.#sinceWallMs = sinceWallMs
  }

  start (listener: EndpointListener): void {
    listener(this.#endpoints)
  }

  stop (): void {}

  status (): EndpointSourceStatus {
    return {
      kind: 'static',
      synced: true,
      lastSyncWallMs: this.#sinceWallMs,
      restarts: 0,
      lastError: undefined,
      ignored: [],
      whyNone: 'the list of its endpoints is empty'
    }
  }
}
