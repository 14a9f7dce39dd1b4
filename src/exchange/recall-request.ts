/**
 * What a worker can say of a request that is over, by its id. Cold.
 */
import type { ExchangeContext } from './exchange-context.ts'
import { explainKey } from './explain-choice.ts'
import type { RecallAnswer } from '../contract/questions.ts'

export function recallRequest (context: ExchangeContext, id: string): RecallAnswer {
  const { recent, clock } = context
  const toWall = (ms: number): number => ms + clock.wallMs() - clock.nowMs()
  const found = recent.find(id)
  const facts = { remembered: recent.size, oldestWallMs: recent.size === 0 ? null : toWall(recent.oldestMs) }
  if (found === undefined) return { ...facts, request: null }
  const { startMs, ...request } = found
  return {
    ...facts,
    request: {
      ...request, wallMs: toWall(startMs), now: explainKey(context, found.route, { kind: found.keyKind, hash: found.keyHash })
    }
  }
}
