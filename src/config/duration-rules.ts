import { parseDurationMs } from '../core/duration.ts'
import type { ConfigPath } from './config-path.ts'
import { fault, type Finding } from './finding.ts'

/** Longer than anyone waits for a request, and well below what a timer can count: 2^31 ms. */
const MAX_DURATION_MS = 7 * 24 * 3_600_000

/**
 * The bounds of a duration.
 * @param rule `mayBeZero`: no time at all makes sense too
 */
export function checkDuration (
  text: string, path: ConfigPath, { mayBeZero = false }: { readonly mayBeZero?: boolean } = {}
): readonly Finding[] {
  const milliseconds = parseDurationMs(text)
  if (milliseconds > MAX_DURATION_MS) return [fault(path, 'must be at most 168h')]
  return milliseconds === 0 && !mayBeZero ? [fault(path, 'must be longer than 0; every wait needs an end, and some time')] : []
}
