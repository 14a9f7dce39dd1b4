/**
 * A client connection's place among those that Weir counts and limits: taken when the connection is accepted, given up once,
 * however it ends.
 */
import { REFUSED, WORKER } from '../telemetry/counter-layout.ts'
import type { ClientCells, ConnectionLedger } from './connection-ledger.ts'
import type { DownstreamContext, ListenerSettings } from './downstream-context.ts'
import { count } from '../exchange/finish.ts'

export class Admission {
  /** The listener that accepted the connection. */
  readonly listener: ListenerSettings
  readonly #context: DownstreamContext
  readonly #ledger: ConnectionLedger
  #cells: ClientCells | undefined
  #open = true

  /** Use `open`. */
  constructor (context: DownstreamContext, ledger: ConnectionLedger, listener: ListenerSettings) {
    this.#context = context
    this.#ledger = ledger
    this.listener = listener
  }

  /** Takes a place in the worker and the listener; undefined when one of them is full, which is counted. */
  static open (context: DownstreamContext, ledger: ConnectionLedger, listener: ListenerSettings): Admission | undefined {
    const { page, settings: { limits } } = context
    if (limits.maxConnections > 0 && (page[WORKER.connectionsOpen] ?? 0) >= limits.maxConnections) {
      count(page, REFUSED.worker_limit, 1)
      return undefined
    }
    if (!hasDescriptors(context)) {
      count(page, REFUSED.descriptors, 1)
      return undefined
    }
    if (!ledger.enterListener(listener.index, limits.maxConnectionsPerListener)) {
      count(page, REFUSED.listener_limit, 1)
      return undefined
    }
    count(page, WORKER.connectionsAccepted, 1)
    count(page, WORKER.connectionsOpen, 1)
    return new Admission(context, ledger, listener)
  }

  /**
   * Takes a place among the connections of a client; trusted proxies speak for many and need none.
   * @returns false when the client has as many as it may, which is counted
   */
  enterClient (address: string): boolean {
    const { page, settings: { limits: { maxConnectionsPerClient } }, trustedProxies } = this.#context
    if (maxConnectionsPerClient === 0 || trustedProxies.has(address)) return true
    this.#cells = this.#ledger.enterClient(address, maxConnectionsPerClient)
    if (this.#cells !== undefined) return true
    count(page, REFUSED.client_limit, 1)
    return false
  }

  /** The connection is gone: its places are free. More calls change nothing. */
  close (): void {
    if (!this.#open) return
    this.#open = false
    count(this.#context.page, WORKER.connectionsOpen, -1)
    this.#ledger.leaveListener(this.listener.index)
    if (this.#cells !== undefined) this.#ledger.leaveClient(this.#cells)
  }
}

/** Would a client find one for its own connection, and one for that to an endpoint? */
function hasDescriptors ({ page, maxDescriptors }: DownstreamContext): boolean {
  const clients = page[WORKER.connectionsOpen] ?? 0
  return 2 * clients < maxDescriptors && clients + (page[WORKER.upstreamOpen] ?? 0) < maxDescriptors
}
