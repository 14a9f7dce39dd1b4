import type { ConnectionLedger } from '../../src/downstream/connection-ledger.ts'

/** How many connections of a client a ledger counts: one less than the lowest limit that lets another one in. */
export function clientCount (ledger: ConnectionLedger | undefined, address: string): number {
  if (ledger === undefined) throw new Error('there is no ledger')
  for (let count = 0; ; count++) {
    const cells = ledger.enterClient(address, count + 1)
    if (cells === undefined) continue
    ledger.leaveClient(cells)
    return count
  }
}
