/**
 * What a worker does about the memory that it keeps for clients and endpoints, a few times a second: two numbers for the metrics, an end
 * of what is stuck while requests are refused, and a word for the log when something was refused or closed.
 */
import { WORKER } from '../telemetry/counter-layout.ts'
import { shedMemory, type ShedContext } from './shed-memory.ts'

/** Looking at all connections takes time. */
const LOOK_MS = 1_000

export class MemoryWatch {
  readonly #context: ShedContext
  #requests = 0
  #connections = 0
  #nextMs = 0

  constructor (context: ShedContext) {
    this.#context = context
  }

  /** @returns what was refused and closed since the call before; undefined when nothing was */
  tick (nowMs: number): Readonly<Record<string, number | string>> | undefined {
    const { budget, page } = this.#context
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + LOOK_MS
      shedMemory(this.#context, nowMs)
    }
    page[WORKER.bufferedBytes] = budget.used
    page[WORKER.bufferedBytesLimit] = budget.limit
    const requests = page[WORKER.shedRequests] ?? 0
    const connections = page[WORKER.shedConnections] ?? 0
    const refusedRequests = requests - this.#requests
    const closedConnections = connections - this.#connections
    if (refusedRequests === 0 && closedConnections === 0) return undefined
    this.#requests = requests
    this.#connections = connections
    return {
      refusedRequests,
      closedConnections,
      bufferedBytes: budget.used,
      maxBufferedBytes: budget.limit,
      remedy: 'find the clients that do not read and the endpoints that do not take what they are sent; raise limits.maxBufferedBytes if there is memory for it'
    }
  }
}
