/**
 * `weir status`: all routes with their weights, or one with what is known of its versions.
 */
import { pause } from '../../core/abortable.ts'
import type { Clock } from '../../core/clock.ts'
import { endpointKey } from '../../core/endpoint.ts'
import { answerAt, answersAt, numberAt, numbersAt, textAt, type AdminAnswer } from './admin-api.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { clean, bar, cleanLine, percent, table, type Cell, type Palette } from './terminal.ts'

const BAR_WIDTH = 20

/** Prints the status once. @param route undefined for all */
export async function status (session: CommandSession, route: string | undefined): Promise<void> {
  session.terminal.out(await statusText(session, route))
}

async function statusText (session: CommandSession, route: string | undefined): Promise<string> {
  const { palette } = session
  if (route === undefined) {
    const answer = await session.askFor(['routes'], { path: '/v1/routes' })
    return await session.text(answer, wide => listText(answer, palette, wide))
  }
  const answer = await session.askFor(['versions'], { path: routePath(route) })
  return await session.text(answer, wide => routeText(answer, palette, wide))
}

const CURSOR_HIDE = '\u001b[?25l'
const CURSOR_SHOW = '\u001b[?25h'
const HOME_AND_CLEAR = '\u001b[H\u001b[J'
/** A screen of its own, so that the one before is there again at the end. */
const SCREEN_ENTER = '\u001b[?1049h'
const SCREEN_LEAVE = '\u001b[?1049l'

/** What to wait with, and how long between two looks. */
export interface Watching {
  readonly clock: Clock
  readonly intervalMs: number
}

/** Prints the status again and again until Ctrl-C. */
export async function watchStatus (session: CommandSession, route: string | undefined, watching: Watching): Promise<void> {
  await watchView(session, watching, async () => await statusText(session, route))
}

/**
 * Prints something again and again until Ctrl-C: on a terminal in place, else one below the other. What fails is shown, and tried again.
 * @param look what there is to print now
 */
export async function watchView (session: CommandSession, { clock, intervalMs }: Watching, look: () => Promise<string>): Promise<void> {
  const { terminal, signal } = session
  const inPlace = terminal.isTerminal && session.dataFormat === undefined
  if (inPlace) terminal.out(`${SCREEN_ENTER}${CURSOR_HIDE}`)
  let last = ''
  try {
    while (!signal.aborted) {
      const text = await look().catch((error: unknown) => `${String(error instanceof Error ? error.message : error)}\n`)
      if (signal.aborted) break
      terminal.out(inPlace ? `${HOME_AND_CLEAR}${text}` : text)
      last = text
      await pause(clock, intervalMs, signal)
      if (!inPlace && !signal.aborted && session.format !== 'json') terminal.out('\n')
    }
  } finally {
    // What was seen last stays to be read.
    if (inPlace) terminal.out(`${CURSOR_SHOW}${SCREEN_LEAVE}${last}`)
  }
}

/** Every version of every route in a line. */
function listText (answer: AdminAnswer, palette: Palette, wide: boolean): string {
  const routes = answersAt(answer, 'routes')
  const hasRollouts = routes.some(route => answerAt(route, 'rollout') !== undefined)
  const rows = routes.flatMap(route => {
    const ready = new Map(numbersAt(route, 'readyEndpoints'))
    const weights = numbersAt(route, 'weights')
    const sum = weights.reduce((total, [, weight]) => total + weight, 0)
    return weights.map(([version, weight], index): readonly Cell[] => {
      const share = sum === 0 ? 0 : weight / sum
      const endpoints = ready.get(version) ?? 0
      return [
        index === 0 ? { text: textAt(route, 'name') ?? '', colour: 'bold' } : '',
        version,
        String(weight),
        percent(share),
        endpoints === 0 && weight > 0 ? { text: '0', colour: 'red' } : String(endpoints),
        ...(wide ? ['epoch', 'revision'].map(key => index === 0 ? String(numberAt(route, key) ?? '') : '') : []),
        ...(hasRollouts ? [index === 0 ? shortRollout(answerAt(route, 'rollout')) : ''] : []),
        { text: bar(share, BAR_WIDTH), colour: 'cyan' }
      ]
    })
  })
  if (rows.length === 0) return 'There are no routes.\n'
  const more = [...(wide ? ['EPOCH', 'REVISION'] : []), ...(hasRollouts ? ['ROLLOUT'] : [])]
  return table(['ROUTE', 'VERSION', 'WEIGHT', 'SHARE', 'ENDPOINTS', ...more, 'SPLIT'], rows, palette)
}

/** `Progressing, step 2 of 5: analyse 2m`; empty where none runs. */
function shortRollout (rollout: AdminAnswer | undefined): string {
  if (rollout === undefined) return ''
  const step = numberAt(rollout, 'step') ?? 0
  const steps = numberAt(rollout, 'steps') ?? 0
  const where = step < steps ? `step ${step + 1} of ${steps}` : 'all steps done'
  return `${textAt(rollout, 'phase') ?? '?'}, ${where}: ${textAt(rollout, 'doing') ?? '?'}`
}

/** One route: its versions, then what is wrong with them, and in the wide form each endpoint. */
export function routeText (answer: AdminAnswer, palette: Palette, wide: boolean): string {
  const versions = answersAt(answer, 'versions')
  const cluster = answerAt(answer, 'cluster')
  const sums = new Map(answersAt(cluster, 'versions').map(version => [textAt(version, 'name'), version]))
  const rows = versions.map((version): readonly Cell[] => {
    const share = numberAt(version, 'targetShare') ?? 0
    // With several replicas: what all of them have seen.
    const observed = cluster === undefined ? answerAt(version, 'observed') : sums.get(textAt(version, 'name'))
    const available = numberAt(version, 'availableEndpoints') ?? 0
    const total = answersAt(version, 'endpoints').length
    const seen = numberAt(observed, 'share')
    const clientShare = numberAt(version, 'clientShare')
    return [
      { text: textAt(version, 'name') ?? '', colour: 'bold' },
      String(numberAt(version, 'weight') ?? ''),
      percent(share),
      seen === undefined ? '-' : percent(seen),
      clientShare === undefined ? '-' : percent(clientShare),
      observed === undefined ? '-' : String(numberAt(observed, 'requests') ?? 0),
      { text: `${available}/${total}`, colour: available === 0 && share > 0 ? 'red' : available < total ? 'yellow' : 'green' },
      { text: bar(share, BAR_WIDTH), colour: 'cyan' }
    ]
  })
  const name = palette.paint('bold', clean(textAt(answer, 'name') ?? ''))
  const counts = `epoch ${numberAt(answer, 'epoch') ?? '?'}, revision ${numberAt(answer, 'revision') ?? '?'}${clusterText(cluster, versions)}`
  const rollout = shortRollout(answerAt(answer, 'rollout'))
  const head = `${name}   ${counts}\n${rollout === '' ? '' : cleanLine(`rollout: ${rollout}`)}${matchLine(answerAt(answer, 'rolloutMatch'))}\n`
  const main = table(['VERSION', 'WEIGHT', 'SHARE', 'OBSERVED', 'CLIENTS', 'REQUESTS', 'ENDPOINTS', 'SPLIT'], rows, palette)
  const note = textAt(answerAt(answer, 'clients'), 'note')
  const problems = [...versions.flatMap(problemsOf), ...silenceOf(cluster), ...(note === undefined ? [] : [note])]
  const endpoints = wide ? `\n${endpointsText(versions, palette)}` : ''
  return `${head}${main}${problems.length === 0 ? '' : `\n${problems.map(text => palette.paint('yellow', clean(text))).join('\n')}\n`}${endpoints}`
}

/** A match that a rollout has in force, or has left; empty when there is none. */
function matchLine (match: AdminAnswer | undefined): string {
  return match === undefined ? '' : cleanLine(`match of a rollout: ${textAt(match, 'match') ?? '?'} gets ${textAt(match, 'version') ?? '?'}`)
}

/** Whose part is missing in the sums. */
function silenceOf (cluster: AdminAnswer | undefined): readonly string[] {
  const unknown = textAt(cluster, 'unknown')
  const missing = answersAt(cluster, 'missing').map(replica => {
    const name = textAt(replica, 'name')
    const address = textAt(replica, 'address') ?? '?'
    return `observed is without ${name === undefined ? address : `${name} (${address})`}: ${textAt(replica, 'reason') ?? 'it does not answer'}`
  })
  return unknown === undefined ? missing : [...missing, `observed may be without others: ${unknown}`]
}

/** `, 3 of 3 replicas answer; CLIENTS are those of one`: the sums are of all, and each knows whom it has served itself. */
function clusterText (cluster: AdminAnswer | undefined, versions: readonly AdminAnswer[]): string {
  const replicas = answerAt(cluster, 'replicas')
  if (replicas === undefined) return ''
  const clients = versions.some(version => numberAt(version, 'clientShare') !== undefined) ? '; CLIENTS are those of one' : ''
  return `, ${numberAt(replicas, 'answered') ?? '?'} of ${numberAt(replicas, 'of') ?? '?'} replicas answer${clients}`
}

function problemsOf (version: AdminAnswer): readonly string[] {
  const name = textAt(version, 'name') ?? ''
  const source = answerAt(version, 'source')
  const problem = textAt(source, 'problem') ?? (textAt(source, 'state') === 'stale' ? 'stale' : undefined)
  const detail = textAt(source, 'detail')
  const panic = textAt(version, 'panic') ?? 'none'
  return [
    ...(problem === undefined ? [] : [`${name}: ${problem}${detail === undefined ? '' : `: ${detail}`}`]),
    ...(panic === 'none' ? [] : [`${name}: panic in ${panic} workers: too few endpoints are available, so all are used`])
  ]
}

function endpointsText (versions: readonly AdminAnswer[], palette: Palette): string {
  const rows = versions.flatMap(version => answersAt(version, 'endpoints').map((endpoint): readonly Cell[] => [
    textAt(version, 'name') ?? '',
    endpointKey({ address: textAt(endpoint, 'address') ?? '', port: numberAt(endpoint, 'port') ?? 0 }),
    conditionText(endpoint),
    ...healthCells(endpoint)
  ]))
  return rows.length === 0 ? 'No version has endpoints.\n' : table(['VERSION', 'ENDPOINT', 'CONDITION', 'HEALTH'], rows, palette)
}

function conditionText (endpoint: AdminAnswer): string {
  if (endpoint['terminating'] === true) return 'terminating'
  return endpoint['ready'] === true ? 'ready' : 'not ready'
}

function healthCells (endpoint: AdminAnswer): readonly Cell[] {
  const reasons = answersAt(answerAt(endpoint, 'health'), 'reasons').map(reason => `${textAt(reason, 'kind') ?? ''}: ${textAt(reason, 'detail') ?? ''}`)
  return [reasons.length === 0 ? { text: 'available', colour: 'green' } : { text: reasons.join('; '), colour: 'red' }]
}
