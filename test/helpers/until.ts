import { PATIENCE_MS } from './patience.ts'

const LOOK_MS = 2

/**
 * Waits for something that nothing tells of, by looking again and again.
 * @throws Error when that takes too long
 */
export async function until (condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
