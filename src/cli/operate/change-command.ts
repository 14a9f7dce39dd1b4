/**
 * `weir weights`, `weir switch` and `weir undo`: a change of a route's weights, and how far it has come.
 */
import { answerAt, flagAt, numberAt, numbersAt, textAt, type AdminAnswer } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { clean } from './terminal.ts'

/** What all changes may be given. */
export interface ChangeFlags {
  readonly reason?: string | undefined
  readonly ifEpoch?: number | undefined
  /** Wait until it is applied. */
  readonly wait: boolean
  readonly waitTimeoutMs: number
}

/** `stable=75` and the like, each version once. @throws CommandError */
export function parseWeights (texts: readonly string[]): Readonly<Record<string, number>> {
  const weights = new Map<string, number>()
  for (const text of texts) {
    const match = /^([^=]+)=([0-9]+(?:\.[0-9]+)?)%?$/.exec(text)
    if (match === null) throw new CommandError(`a weight is written as VERSION=NUMBER, such as canary=25, not ${JSON.stringify(text.slice(0, 80))}`, EXIT.usage)
    const [, version = '', weight = ''] = match
    if (weights.has(version)) throw new CommandError(`the version ${JSON.stringify(version)} has two weights; give it one`, EXIT.usage)
    weights.set(version, Number(weight))
  }
  return Object.fromEntries(weights)
}

export async function setWeights (
  session: CommandSession, route: string, weights: Readonly<Record<string, number>>, flags: ChangeFlags
): Promise<number> {
  return await change(session, { route, method: 'PUT', below: '/weights', body: { weights } }, flags)
}

export async function switchTo (session: CommandSession, route: string, version: string, flags: ChangeFlags): Promise<number> {
  return await change(session, { route, method: 'POST', below: '/switch', body: { to: version } }, flags)
}

/** @param revision undefined: what was there before the latest change */
export async function undo (session: CommandSession, route: string, revision: number | undefined, flags: ChangeFlags): Promise<number> {
  return await change(session, { route, method: 'POST', below: '/undo', body: revision === undefined ? {} : { revision } }, flags)
}

interface ChangeQuestion {
  readonly route: string
  readonly method: 'PUT' | 'POST'
  readonly below: string
  readonly body: object
}

/** @returns the exit code */
async function change (session: CommandSession, { route, method, below, body }: ChangeQuestion, flags: ChangeFlags): Promise<number> {
  const { reason, ifEpoch, wait, waitTimeoutMs } = flags
  const answer = await session.askFor(['route', 'epoch', 'weights'], {
    method, path: routePath(route, `${below}${changeQuery(flags)}`), body: reason === undefined ? body : { ...body, reason }, ifEpoch
  }, wait ? waitTimeoutMs : 0)
  await session.print(answer, () => changeText(answer))
  return changeExit(answer)
}

/** The query of a change that waits, or does not. */
export function changeQuery ({ wait, waitTimeoutMs }: ChangeFlags): string {
  return wait ? `?wait=all&timeout=${waitTimeoutMs}ms` : ''
}

/** The exit code of a change: not all apply it yet, or they do. */
export function changeExit (answer: AdminAnswer): number {
  const applied = answerAt(answer, 'applied')
  return applied !== undefined && flagAt(applied, 'complete') === false ? EXIT.notYet : EXIT.ok
}

/** `hello: stable 75, canary 25 (epoch 4), applied by 2 of 2 workers in 1.4 ms`, or `applied by 3/3 replicas, 6/6 workers, 12 ms`. */
function changeText (answer: AdminAnswer): string {
  const weights = numbersAt(answer, 'weights').map(([version, weight]) => `${version} ${weight}`).join(', ')
  const changed = flagAt(answer, 'changed') === false ? ', as it was already' : ''
  const epoch = numberAt(answer, 'epoch') ?? '?'
  return `${clean(`${textAt(answer, 'route') ?? '?'}: ${weights} (epoch ${epoch})${changed}`)}${appliedText(answerAt(answer, 'applied'))}\n`
}

/** `, applied by 2 of 2 workers in 1.4 ms`, printable; empty for a change that did not wait. */
export function appliedText (applied: AdminAnswer | undefined): string {
  if (applied === undefined) return ''
  const workers = `${numberAt(applied, 'applied') ?? '?'} of ${numberAt(applied, 'workers') ?? '?'} workers`
  const tookMs = numberAt(applied, 'tookMs')
  // With several replicas: how many have it, then each that does not.
  const [counts = '', ...lacks] = textAt(applied, 'summary')?.split('; ').map(clean) ?? []
  const more = lacks.map(text => `\n  ${text}`).join('')
  if (flagAt(applied, 'complete') === false) return `\nstored, and not yet applied by all: ${counts === '' ? workers : counts} have it${more}`
  if (counts !== '') return `, applied by ${counts}`
  return `, applied by ${workers}${tookMs === undefined ? '' : ` in ${tookMs} ms`}`
}
