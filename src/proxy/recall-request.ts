/**
 * What a worker can say of a request that is over, by its id. Cold.
 */
import type { DataPlane } from './data-plane.ts'
import { explainKey } from './explain-choice.ts'
import type { Choice } from './explain-choice.ts'
import type { RecentRequest } from './recent-requests.ts'

export interface RecallAnswer {
  /** How many requests the worker remembers. */
  readonly remembered: number
  /** When the oldest of them began, in milliseconds since the Unix epoch; null without any. */
  readonly oldestWallMs: number | null
  /** Null when it does not remember the one that was asked about. */
  readonly request: RecalledRequest | null
}

export interface RecalledRequest extends Omit<RecentRequest, 'startMs'> {
  /** In milliseconds since the Unix epoch. */
  readonly wallMs: number
  /** What the worker would do with the same key now; null when the route has gone. */
  readonly now: Choice | null
}

export function recallRequest (plane: DataPlane, id: string): RecallAnswer {
  const { recent, clock } = plane
  const toWall = (ms: number): number => ms + clock.wallMs() - clock.nowMs()
  const found = recent.find(id)
  const facts = { remembered: recent.size, oldestWallMs: recent.size === 0 ? null : toWall(recent.oldestMs) }
  if (found === undefined) return { ...facts, request: null }
  const { startMs, ...request } = found
  return { ...facts, request: { ...request, wallMs: toWall(startMs), now: explainKey(plane, found.route, { kind: found.keyKind, hash: found.keyHash }) } }
}
