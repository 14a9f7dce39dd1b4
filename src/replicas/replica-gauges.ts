/**
 * What /metrics says of the replicas.
 */
import type { KnownReplica } from './replica-book.ts'

export interface ReplicaGauges {
  /** How many replicas are in each state. */
  readonly states: Readonly<Record<'ready' | 'not-ready' | 'silent', number>>
  /** By the name of the replica; of one that has never answered, by its address. */
  readonly lags: ReadonlyMap<string, number>
}

/** Where two have the same name, their addresses tell them apart. */
export function replicaGauges (replicas: readonly KnownReplica[]): ReplicaGauges {
  const states = { ready: 0, 'not-ready': 0, silent: 0 }
  const lags = new Map<string, number>()
  for (const { facts, address = '', fault, ready, lag } of replicas) {
    states[facts === undefined || fault !== undefined ? 'silent' : ready ? 'ready' : 'not-ready']++
    const name = facts?.name ?? address
    lags.set(lags.has(name) ? `${name} ${address}` : name, lag.max)
  }
  return { states, lags }
}
