import { parseDurationMs } from '../core/duration.ts'
import { faultDetails } from './problem.ts'
import { ProblemError } from './problem-error.ts'

/**
 * Reads the query parameter `timeout` of an operation that waits.
 * @param maxS the longest that a client may wait, in seconds
 * @returns milliseconds
 * @throws ProblemError when it is longer
 */
export function readWaitTimeout (text: string, maxS: number): number {
  const timeoutMs = parseDurationMs(text)
  if (timeoutMs <= maxS * 1_000) return timeoutMs
  throw new ProblemError('invalid_request', faultDetails([{ path: 'query/timeout', message: `has to be ${maxS}s or less` }]))
}
