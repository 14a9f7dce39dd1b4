/** `weir history`: who changed what, when and why. */
import { answersAt, numberAt, numbersAt, textAt, type AdminAnswer } from './admin-api.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { table, type Palette } from './terminal.ts'

export async function history (session: CommandSession, route: string, limit: number): Promise<void> {
  const answer = await session.askFor(['revisions'], { path: routePath(route, `/history?limit=${limit}`) })
  await session.print(answer, wide => historyText(answer, session.palette, wide))
}

/** The newest first. */
function historyText (answer: AdminAnswer, palette: Palette, wide: boolean): string {
  const rows = answersAt(answer, 'revisions').map(revision => [
    String(numberAt(revision, 'revision') ?? ''),
    (textAt(revision, 'at') ?? '').replace(/\.\d+Z$/, 'Z'),
    textAt(revision, 'actor') ?? '',
    textAt(revision, 'action') ?? '',
    ...(wide ? [textAt(revision, 'source') ?? '', String(numberAt(revision, 'epoch') ?? ''), weightsText(revision, 'before')] : []),
    weightsText(revision, 'after'),
    textAt(revision, 'reason') ?? ''
  ])
  return table(['REVISION', 'AT', 'BY', 'ACTION', ...(wide ? ['SOURCE', 'EPOCH', 'BEFORE'] : []), 'WEIGHTS', 'REASON'], rows, palette)
}

function weightsText (revision: AdminAnswer, key: string): string {
  const weights = numbersAt(revision, key)
  return weights.length === 0 ? '-' : weights.map(([version, weight]) => `${version}=${weight}`).join(' ')
}
