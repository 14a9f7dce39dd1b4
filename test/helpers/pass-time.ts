import type { Advance } from './data-plane.ts'

const STEP_MS = 100

/** Lets time pass on a clock that stands still, in steps, so that what is on its way when it begins is seen in the first ones. */
export async function passTime (advance: Advance, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) await advance(STEP_MS)
}
