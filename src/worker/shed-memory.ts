/**
 * Too much is kept for clients and endpoints: connections are closed until it is less. First those to endpoints that are idle, then
 * those that wait for a peer: for their client to read, to end its head or to stop sending ahead, or for an endpoint to take a body. Then
 * the others. Each time the largest go first.
 */
import type { ByteBudget } from '../net/byte-budget.ts'
import type { Deadlined, Sheddable } from '../net/deadlines.ts'
import { WORKER } from '../telemetry/counter-layout.ts'

/** Milliseconds without any progress after which a connection that waits for a peer is stuck. */
export const STUCK_MS = 2_000

export interface ShedContext {
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
