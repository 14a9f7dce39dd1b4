/** `weir plan`: what a change of weights would move, before it is made. */
import { answerAt, answersAt, flagAt, numberAt, textAt, type AdminAnswer } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import { parseWeights } from './change-command.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { clean, cleanLine, percent, table, type Cell, type Palette } from './terminal.ts'

/** @param weights as for `weir weights`; empty with `to` */
export async function plan (session: CommandSession, route: string, weights: readonly string[], to: string | undefined): Promise<void> {
  if ((weights.length === 0) === (to === undefined)) {
    throw new CommandError('it takes the weights of all versions, such as stable=50 canary=50, or --to with the version that gets all', EXIT.usage)
  }
  const body = to === undefined ? { weights: parseWeights(weights) } : { to }
  const answer = await session.askFor(['clients', 'versions'], { method: 'POST', path: routePath(route, '/plan'), body })
  await session.print(answer, () => planText(answer, session.palette))
}

function planText (answer: AdminAnswer, palette: Palette): string {
  const rows = answersAt(answer, 'versions').map((version): readonly Cell[] => {
    const both = (key: string, of: (value: number) => string): readonly Cell[] => {
      const pair = answerAt(version, key)
      return ['now', 'after'].map(when => pair === undefined ? '-' : of(numberAt(pair, when) ?? 0))
    }
    return [
      { text: textAt(version, 'name') ?? '', colour: 'bold' },
      ...both('weight', String),
      ...both('requestsPerSecond', rate),
      String(numberAt(version, 'endpoints') ?? ''),
      ...both('perEndpoint', rate)
    ]
  })
  const heads = ['VERSION', 'WEIGHT', 'AFTER', 'REQ/S', 'AFTER', 'ENDPOINTS', 'EACH', 'AFTER']
  const warnings = answersAt(answer, 'warnings')
    .map(warning => palette.paint('yellow', clean(`! ${textAt(warning, 'detail') ?? ''}`)))
  return `${movesText(answer)}${table(heads, rows, palette)}${warnings.length === 0 ? '' : `\n${warnings.join('\n')}\n`}`
}

/** `hello: 40.4 % of the 812 clients of the last 281 s would move: stable to canary 40.4 %` */
function movesText (answer: AdminAnswer): string {
  const clients = answerAt(answer, 'clients')
  const route = textAt(answer, 'route') ?? '?'
  if (flagAt(answer, 'changed') === false) return cleanLine(`${route}: has these weights already, nothing would move`)
  const moved = numberAt(clients, 'moved')
  if (moved === undefined) return cleanLine(`${route}: no client whose version depends on the weights was seen in the last minutes`)
  const seen = numberAt(clients, 'seen') ?? 0
  const sampled = numberAt(clients, 'sampled') ?? 0
  const margin = numberAt(clients, 'margin') ?? 0
  const which = `${sampled < seen ? 'about ' : ''}${seen} ${seen === 1 ? 'client' : 'clients'} of the last ${Math.max(1, Math.round(numberAt(clients, 'seconds') ?? 0))} s`
  const moves = answersAt(clients, 'moves').map(move => `${textAt(move, 'from') ?? '?'} to ${textAt(move, 'to') ?? '?'} ${percent(numberAt(move, 'share') ?? 0)}`)
  const exactness = margin === 0 ? '' : ` (± ${percent(margin)}, from ${sampled} of them)`
  return cleanLine(`${route}: ${percent(moved)} of the ${which} would move${exactness}${moves.length === 0 ? '' : `: ${moves.join(', ')}`}`)
}

function rate (perSecond: number): string {
  return perSecond >= 100 ? String(Math.round(perSecond)) : perSecond.toFixed(1)
}
