/**
 * What a worker does about the memory that it keeps for clients and endpoints, a few times a second: two numbers for the metrics, an end
 * of what is stuck while requests are refused, and a word for the log when something was refused or closed.
 */
import { WORKER } from '../telemetry/counter-layout.ts'
import type { ByteBudget } from '../net/byte-budget.ts'
import type { Deadlined, Sheddable } from '../net/deadlines.ts'

/**
 * Too much is kept for clients and endpoints: connections are closed until it is less. First those to endpoints that are idle, then
 * those that wait for a peer: for their client to read, to end its head or to stop sending ahead, or for an endpoint to take a body. Then
 * the others. Each time the largest go first.
 */

/** Milliseconds without any progress after which a connection that waits for a peer is stuck. */
export const STUCK_MS = 2_000

interface ShedContext {
  readonly budget: ByteBudget
  readonly deadlines: { snapshot (): readonly Deadlined[] }
  /** The worker page of the shared counters. */
  readonly page: Float64Array
  readonly reportDefect: (error: unknown) => void
}

interface Candidate extends Sheddable {
  readonly member: Deadlined
}

/**
 * Beyond the limit, whatever it is has to go. While requests are refused, what is idle or stuck, so that it is not for long. To be called
 * when the budget says so, and about once a second.
 */
export function shedMemory (context: ShedContext, nowMs: number): void {
  const { budget } = context
  if (budget.used > budget.limit) close(context, budget.rest, () => true)
  if (budget.used >= budget.refuseFrom) {
    close(context, budget.relieved, ({ rank, movedMs }) => rank === 0 || (rank === 1 && nowMs - movedMs >= STUCK_MS))
  }
  budget.watch()
}

function close ({ budget, deadlines, page, reportDefect }: ShedContext, untilBytes: number, may: (candidate: Sheddable) => boolean): void {
  for (const candidate of candidatesOf(deadlines.snapshot())) {
    if (budget.used <= untilBytes) break
    if (!may(candidate)) continue
    try {
      candidate.member.shed?.()
    } catch (error) {
      reportDefect(error)
    }
    if (candidate.rank > 0) page[WORKER.shedConnections] = (page[WORKER.shedConnections] ?? 0) + 1
  }
}

function candidatesOf (members: readonly Deadlined[]): readonly Candidate[] {
  const candidates: Candidate[] = []
  for (const member of members) {
    const sheddable = member.sheddable?.()
    if (sheddable !== undefined) candidates.push({ member, ...sheddable })
  }
  return candidates.sort((one, other) => one.rank - other.rank || other.bytes - one.bytes)
}

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
