import { isChecked } from '../net/worker-io.ts'
import type { WorkerMessage } from '../contract/messages.ts'
import type { IoMode } from '../contract/worker-data.ts'

/** A decision of a worker, see src/net/worker-io.ts. */
export interface IoDecision {
  readonly part: 'TCP' | 'TLS'
  readonly mode: IoMode
  /** Why it is not direct. */
  readonly reason: string
  readonly nodeVersion: string
}

/** What the control plane is told of a decision: the mode, and a line for the log unless all is as it was checked. */
export function tellIo ({ part, mode, reason, nodeVersion }: IoDecision): readonly WorkerMessage[] {
  const told: WorkerMessage = { type: 'io', mode }
  if (mode === 'events') {
    const remedy = 'nothing fails, but requests cost far more CPU (docs/architecture.md, Undocumented parts of Node); run a Node release that was checked'
    return [told, { type: 'log', level: 'warn', message: `${part} connections work on events of Node's streams, not on their handles`, fields: { reason, node: nodeVersion, remedy } }]
  }
  if (isChecked(nodeVersion)) return [told]
  return [told, { type: 'log', level: 'info', message: `${part} connections work on handles of a Node release that was not checked with them; the trial at the start has passed`, fields: { node: nodeVersion } }]
}
