import type { PreparedChange } from '../../src/core/prepared-change.ts'

/** Goes through with a change, as a reload does when nothing fails. */
export async function takeOver (change: PreparedChange): Promise<void> {
  await change.persist?.()
  takeOverNow(change)
}

/** The same for one that stores nothing. */
export function takeOverNow (change: PreparedChange): void {
  change.commit()
  change.settle()
}
