/** `weir rollout start`, and what a person may do with one: pause, resume, promote, abort, retry. */
import { answerAt, flagAt, numberAt, textAt, type AdminAnswer } from './admin-api.ts'
import { appliedText, changeExit, type ChangeFlags, changeQuery } from './change-command.ts'
import { routePath, type CommandSession } from './command-session.ts'
import type { ROLLOUT_ACTIONS } from './rollout-actions.ts'
import { nextText, phaseText, weightsText } from './rollout-text.ts'
import { clean, cleanLine, type Palette } from './terminal.ts'

type RolloutVerb = 'start' | typeof ROLLOUT_ACTIONS[number]

/** What is asked of the rollout of a route. */
export interface RolloutChange {
  readonly route: string
  readonly verb: RolloutVerb
  readonly body: object
}

/** @returns the exit code */
export async function steerRollout (
  session: CommandSession, { route, verb, body }: RolloutChange, flags: ChangeFlags
): Promise<number> {
  const { reason, ifEpoch, wait, waitTimeoutMs } = flags
  const below = verb === 'start' ? '/rollout' : `/rollout/${verb}`
  const path = routePath(route, `${below}${changeQuery(flags)}`)
  const answer = await session.askFor(['route', 'epoch', 'rollout'], {
    method: 'POST', path, body: reason === undefined ? body : { ...body, reason }, ifEpoch
  }, wait ? waitTimeoutMs : 0)
  await session.print(answer, () => changedText(answer, session.palette))
  return changeExit(answer)
}

/** How it stands now, and what may come next. */
function changedText (answer: AdminAnswer, palette: Palette): string {
  const rollout = answerAt(answer, 'rollout') ?? {}
  const name = palette.paint('bold', clean(textAt(answer, 'route') ?? '?'))
  const was = flagAt(answer, 'changed') === false ? ', as it was already' : ''
  const weights = clean(`${weightsText(answer)} (epoch ${numberAt(answer, 'epoch') ?? '?'})`)
  const sentence = textAt(rollout, 'sentence')
  const pending = textAt(rollout, 'pending')
  return [
    `${name}: ${phaseText(rollout, palette)}${was}; ${weights}${appliedText(answerAt(answer, 'applied'))}\n`,
    sentence === undefined ? '' : cleanLine(sentence),
    pending === undefined ? '' : palette.paint('yellow', clean(pending)) + '\n',
    nextText(rollout)
  ].join('')
}
