/** `weir replicas`: who they are, which answer, and how far each is behind. */
import { answerAt, answersAt, flagAt, numberAt, textAt, type AdminAnswer } from './admin-api.ts'
import type { CommandSession } from './command-session.ts'
import { cleanLine, table, type Cell, type Palette } from './terminal.ts'

export async function replicas (session: CommandSession): Promise<void> {
  const answer = await session.askFor(['replicas'], { path: '/v1/replicas' })
  await session.print(answer, wide => replicasText(answer, session.palette, wide))
}

function replicasText (answer: AdminAnswer, palette: Palette, wide: boolean): string {
  const rows = answersAt(answer, 'replicas').map((replica): readonly Cell[] => {
    const lag = numberAt(answerAt(replica, 'epochLag'), 'max') ?? 0
    const answering = flagAt(replica, 'answering') === true
    return [
      `${textAt(replica, 'name') ?? '?'}${flagAt(replica, 'self') === true ? ' (asked)' : ''}`,
      textAt(replica, 'address') ?? '-',
      flagAt(replica, 'ready') === true ? { text: 'yes', colour: 'green' } : { text: 'no', colour: 'yellow' },
      answering ? { text: 'yes', colour: 'green' } : { text: `no: ${textAt(replica, 'reason') ?? 'it is not known why'}`, colour: 'red' },
      { text: String(lag), colour: lag > 0 ? 'yellow' : 'green' },
      ...(wide ? ['version', 'workers', 'startedAt', 'id'].map(key => textAt(replica, key) ?? String(numberAt(replica, key) ?? '-')) : [])
    ]
  })
  const heads = ['NAME', 'ADDRESS', 'READY', 'ANSWERS', 'CHANGES BEHIND', ...(wide ? ['VERSION', 'WORKERS', 'STARTED', 'ID'] : [])]
  const unknown = textAt(answer, 'unknown')
  return table(heads, rows, palette) + (unknown === undefined ? '' : `\n${cleanLine(`There may be others: ${unknown}`)}`)
}
