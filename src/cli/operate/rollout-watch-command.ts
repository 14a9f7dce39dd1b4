/** `weir rollout watch`: a route with its versions and its rollout, live; also what changes without a rollout: pods behind a version. */
import { pause } from '../../core/abortable.ts'
import { answersAt, numberAt, textAt, type AdminAnswer } from './admin-api.ts'
import { CommandError } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { progressKey } from './rollout-status-command.ts'
import { rolloutLine, rolloutPage } from './rollout-text.ts'
import { routeText, watchView, type Watching } from './status-command.ts'
import { cleanLine } from './terminal.ts'

/** Until Ctrl-C: on a terminal in place, else a line for everything that happens. */
export async function watchRollout (session: CommandSession, route: string, watching: Watching): Promise<void> {
  const isDrawn = session.terminal.isTerminal || session.dataFormat !== undefined
  if (isDrawn) await watchView(session, watching, async () => await viewOf(session, route))
  else await watchLines(session, route, watching)
}

interface Look {
  readonly route: AdminAnswer
  readonly rollout: AdminAnswer | undefined
}

async function look (session: CommandSession, name: string): Promise<Look> {
  const [route, rollout] = await Promise.all([session.askFor(['versions'], { path: routePath(name) }), rolloutOf(session, name)])
  return { route, rollout }
}

/** Undefined: there never was one. */
async function rolloutOf (session: CommandSession, route: string): Promise<AdminAnswer | undefined> {
  try {
    return await session.askFor(['phase', 'steps'], { path: routePath(route, '/rollout') })
  } catch (error) {
    if (error instanceof CommandError && error.problem === 'no_rollout') return undefined
    throw error
  }
}

async function viewOf (session: CommandSession, name: string): Promise<string> {
  const { route, rollout } = await look(session, name)
  return await session.text({ route, rollout: rollout ?? null }, wide => {
    const { palette } = session
    const rest = rollout === undefined ? 'there is no rollout\n' : rolloutPage(rollout, palette, wide)
    return `${routeText(route, palette, wide)}\n${rest}`
  })
}

async function watchLines (session: CommandSession, name: string, { clock, intervalMs }: Watching): Promise<void> {
  const { terminal, palette, signal } = session
  const said = new Map<string, string>()
  const tell = (what: string, key: string, line: string): void => {
    if (said.get(what) !== key) terminal.out(line)
    said.set(what, key)
  }
  let isFirst = true
  while (!signal.aborted) {
    try {
      const { route, rollout } = await look(session, name)
      const versions = versionsLine(name, route)
      tell('versions', versions, versions)
      if (rollout !== undefined) tell('rollout', progressKey(rollout), rolloutLine(rollout, palette))
      said.delete('fault')
    } catch (error) {
      // What Ctrl-C has cut short is no fault.
      if (signal.aborted) return
      // One that was never there is not waited for.
      if (isFirst || !(error instanceof CommandError)) throw error
      const line = cleanLine(error.message)
      if (said.get('fault') !== line) terminal.complain(line)
      said.set('fault', line)
    }
    isFirst = false
    await pause(clock, intervalMs, signal)
  }
}

/** `hello: stable 75 (2/2 endpoints), canary 25 (1/2 endpoints)` */
function versionsLine (name: string, route: AdminAnswer): string {
  const versions = answersAt(route, 'versions').map(version =>
    `${textAt(version, 'name') ?? '?'} ${numberAt(version, 'weight') ?? '?'} (${numberAt(version, 'availableEndpoints') ?? 0}/${answersAt(version, 'endpoints').length} endpoints)`)
  return cleanLine(`${name}: ${versions.join(', ')}`)
}
