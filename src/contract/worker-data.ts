/**
 * What a worker thread gets at its start.
 */

/** How streams reach the kernel: over handles of Node that it does not document, or by the events of its streams. */
export type IoMode = 'direct' | 'events'

/** What the configuration says. */
export type IoChoice = 'auto' | 'events'

/** What a worker knows before its first message. */
export interface WorkerData {
  readonly workerId: number
  /** The worker page of the shared counters. */
  readonly page: SharedArrayBuffer
  /** The connections of all workers, by listener and client; see src/downstream/connection-ledger.ts. */
  readonly ledger: SharedArrayBuffer
  readonly io: IoChoice
  /** Tells this process from all others, the same for all its workers; see src/exchange/loop-guard.ts. */
  readonly instance: string
}
