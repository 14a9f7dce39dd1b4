/** `weir shadow`: what has come of copies of requests. */
import { answerAt, answersAt, numberAt, numbersAt, textAt, textsAt, type AdminAnswer } from './admin-api.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { cleanLine, table, type Cell, type Palette } from './terminal.ts'

export async function shadowStatus (session: CommandSession, route: string): Promise<void> {
  const answer = await session.askFor(['versions'], { path: routePath(route, '/shadow') })
  await session.print(answer, () => statusText(answer, session.palette))
}

export async function shadowExamples (session: CommandSession, route: string): Promise<void> {
  const answer = await session.askFor(['examples'], { path: routePath(route, '/shadow/examples') })
  await session.print(answer, wide => examplesText(answer, session.palette, wide))
}

function statusText (answer: AdminAnswer, palette: Palette): string {
  const mirror = answerAt(answer, 'mirror')
  const route = textAt(answer, 'route') ?? '?'
  const by = mirror !== undefined && textAt(mirror, 'source') === 'rollout' ? ', as its rollout says' : ''
  const head = mirror === undefined
    ? `Nothing of ${route} is copied.`
    : `${numberAt(mirror, 'percent') ?? '?'} % of the clients of ${route} are copied to ${textAt(mirror, 'to') ?? '?'}${by}.`
  const versions = answersAt(answer, 'versions')
  return cleanLine(head) + versions.map(version => versionText(version, palette)).join('')
}

function versionText (version: AdminAnswer, palette: Palette): string {
  const count = (key: string): number => numberAt(version, key) ?? 0
  const rows: Cell[][] = [
    ['drawn', String(count('drawn'))],
    ['sent', String(count('sent'))],
    ['same', { text: String(count('same')), colour: 'green' }],
    ...named(version, 'different', 'different: ', 'yellow'),
    ...more('of these 5xx of the copy alone', count('serverErrors')),
    ...named(version, 'failed', 'failed: ', 'red'),
    ...more('not compared', count('uncompared')),
    ...more('compared in part', count('cut')),
    ...named(version, 'dropped', 'not copied: ', 'yellow')
  ]
  const latency = answerAt(version, 'latency')
  const side = (name: string): string => {
    const of = latency === undefined ? undefined : answerAt(latency, name)
    return of === undefined ? '-' : `${milliseconds(of, 'p50Seconds')} / ${milliseconds(of, 'p99Seconds')}`
  }
  return `\n${table([`COPIES TO ${textAt(version, 'to') ?? '?'}`, 'COUNT'], rows, palette)}` +
    cleanLine(`First byte, median / 99 %: real ${side('real')}, copy ${side('shadow')}`)
}

function more (name: string, count: number): Cell[][] { return count > 0 ? [[name, String(count)]] : [] }

function milliseconds (of: AdminAnswer, key: string): string {
  return `${((numberAt(of, key) ?? 0) * 1_000).toFixed(1)} ms`
}

/** Those that are not 0. */
function named (version: AdminAnswer, key: string, prefix: string, colour: 'yellow' | 'red'): Cell[][] {
  return numbersAt(version, key).filter(([, count]) => count > 0)
    .map(([name, count]) => [`${prefix}${name}`, { text: String(count), colour }])
}

/** The newest first. */
function examplesText (answer: AdminAnswer, palette: Palette, wide: boolean): string {
  const examples = answersAt(answer, 'examples')
  if (examples.length === 0) return cleanLine('There are no examples: no copy was answered differently, or they were forgotten.')
  const rows = examples.map((example): readonly Cell[] => [
    (textAt(example, 'at') ?? '').replace(/\.\d+Z$/, 'Z'),
    textAt(example, 'kind') ?? '?',
    `${textAt(example, 'method') ?? '?'} ${textAt(example, 'path') ?? '?'}`,
    answerText(answerAt(example, 'real')),
    answerText(answerAt(example, 'shadow')),
    textsAt(example, 'headers').join(' '),
    ...(wide ? [textAt(example, 'endpoint') ?? '', textAt(example, 'requestId') ?? ''] : [])
  ])
  return table(['AT', 'KIND', 'REQUEST', 'REAL', 'COPY', 'FIELDS', ...(wide ? ['ENDPOINT', 'REQUEST ID'] : [])], rows, palette)
}

/** `200, 512 bytes 0f343b09`. */
function answerText (answer: AdminAnswer | undefined): string {
  if (answer === undefined) return '-'
  const digest = textAt(answer, 'digest') ?? ''
  return `${numberAt(answer, 'status') ?? '?'}, ${numberAt(answer, 'bytes') ?? '?'} bytes${digest === '' ? '' : ` ${digest.slice(0, 8)}`}`
}
