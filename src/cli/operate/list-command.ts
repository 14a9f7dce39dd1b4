/** `weir list`: who is on the lists of a route. */
import { open } from 'node:fs/promises'
import { errorText } from '../../core/error-text.ts'
import { type AdminAnswer, answersAt, flagAt, numberAt, textAt, textsAt } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import type { ListOrder } from './list-arguments.ts'
import { cleanLine, table } from './terminal.ts'

type OrderOf<Verb extends ListOrder['verb']> = Extract<ListOrder, { readonly verb: Verb }>

const MAX_PAGE = 1_000
/** Of an import, between two words about how far it is. */
const PROGRESS_BYTES = 4 * 1_048_576
/** How long Weir may take to store what it was sent. */
const IMPORT_MS = 50_000

/** @param input standard input */
export async function list (session: CommandSession, order: ListOrder, input: () => AsyncIterable<unknown>): Promise<void> {
  switch (order.verb) {
    case 'show': return await (order.list === undefined ? showLists(session, order.route) : showMembers(session, order, order.list))
    case 'import': return await importMembers(session, order, input)
    default: return await changeMembers(session, order)
  }
}

async function showLists (session: CommandSession, route: string): Promise<void> {
  const answer = await session.askFor(['lists'], { path: routePath(route, '/lists') })
  await session.print(answer, () => {
    const rows = answersAt(answer, 'lists').map(each => [
      textAt(each, 'name') ?? '?', textAt(each, 'version') ?? '?', recognisedBy(each), String(numberAt(each, 'members') ?? '?'),
      String(numberAt(each, 'maxMembers') ?? '?')
    ])
    const kept = textsAt(answer, 'kept')
    const also = kept.length === 0 ? '' : cleanLine(`kept in the store, and named by no configuration: ${kept.join(', ')}`)
    if (rows.length === 0) return `${cleanLine(`${route} has no list; its configuration would name them`)}${also}`
    return `${table(['LIST', 'VERSION', 'BY', 'MEMBERS', 'MAX'], rows, session.palette)}${also}`
  })
}

/** `header X-User` */
function recognisedBy (answer: AdminAnswer): string {
  return [textAt(answer, 'by') ?? '?', textAt(answer, 'header') ?? textAt(answer, 'cookie')].filter(text => text !== undefined).join(' ')
}

async function showMembers (session: CommandSession, { route, flags }: OrderOf<'show'>, name: string): Promise<void> {
  const path = listPath(route, name)
  const about = await session.askFor(['name', 'members'], { path })
  const members: string[] = []
  let after = flags.after
  do {
    const limit = String(flags.all === true ? MAX_PAGE : flags.limit)
    const query = new URLSearchParams({ limit, ...(after === undefined ? {} : { after }) })
    const page = await session.askFor(['members'], { path: `${path}/members?${query.toString()}` })
    members.push(...textsAt(page, 'members'))
    after = textAt(page, 'next')
  } while (flags.all === true && after !== undefined)
  const answer = { list: about, members, ...(after === undefined ? {} : { next: after }) }
  await session.print(answer, () => {
    const count = numberAt(about, 'members') ?? 0
    const head = cleanLine(`${name} of ${route}: ${countText(count)} (at most ${numberAt(about, 'maxMembers') ?? '?'}), by ${recognisedBy(about)}, get ${textAt(about, 'version') ?? '?'}`)
    const more = after === undefined ? '' : cleanLine(`and more: --after ${after}, or --all`)
    return `${head}${members.map(member => `  ${cleanLine(member)}`).join('')}${more}`
  })
}

/** One after another; the first that is refused ends it, and those before it stay. */
async function changeMembers (session: CommandSession, order: OrderOf<'add' | 'remove'>): Promise<void> {
  const { verb, route, members, flags } = order
  let [added, removed] = [0, 0]
  let last: AdminAnswer = {}
  for (const member of members) {
    last = await changeMember(session, order, member, reasonQuery(flags.reason))
    added += numberAt(last, 'added') ?? 0
    removed += numberAt(last, 'removed') ?? 0
    if (session.dataFormat !== undefined) continue
    const word = verb === 'add' ? 'on' : 'off'
    const as = flagAt(last, 'changed') === false ? ', as it was already' : ''
    session.terminal.out(cleanLine(`${member} is ${word} ${order.list} of ${route}${as} (${countText(numberAt(last, 'members') ?? 0)})`))
  }
  if (session.dataFormat === undefined) return
  await session.print({ ...last, changed: added + removed > 0, added, removed }, () => '')
}

async function changeMember (
  session: CommandSession, order: OrderOf<'add' | 'remove'>, member: string, query: string
): Promise<AdminAnswer> {
  try {
    // What fetch takes for a step in the path, the API would never see.
    if (member === '' || member === '.' || member === '..') throw new CommandError('this can\'t be a member', EXIT.usage)
    return await session.askFor(['members'], {
      method: order.verb === 'add' ? 'PUT' : 'DELETE', path: `${listPath(order.route, order.list)}/members/${encodeURIComponent(member)}${query}`
    })
  } catch (error) {
    if (!(error instanceof CommandError) || order.members.length === 1) throw error
    throw new CommandError(`${JSON.stringify(member)}: ${error.message}`, error.exitCode, error.problem)
  }
}

async function importMembers (
  session: CommandSession, { route, list: name, file, flags }: OrderOf<'import'>, input: () => AsyncIterable<unknown>
): Promise<void> {
  const query = reasonQuery(flags.reason, flags.replace === true ? { mode: 'replace' } : {})
  const lines = withProgress(session, readable(file === '-' ? input() : await openFile(file), file === '-' ? 'standard input' : file))
  const answer = await session.askFor(['members'], { method: 'POST', path: `${listPath(route, name)}/import${query}`, lines }, IMPORT_MS)
  await session.print(answer, () => {
    const counts = `${numberAt(answer, 'added') ?? 0} added, ${numberAt(answer, 'removed') ?? 0} removed`
    return cleanLine(`${name} of ${route}: ${counts}, ${countText(numberAt(answer, 'members') ?? 0)} now`)
  })
}

async function openFile (path: string): Promise<AsyncIterable<unknown>> {
  const file = await open(path).catch((error: unknown) => { throw unreadable(path, error) })
  // The stream closes the file.
  return file.createReadStream()
}

function unreadable (place: string, error: unknown): CommandError {
  return new CommandError(`${place} can't be read: ${errorText(error)}`, EXIT.usage)
}

/** What fails while it is sent is no fault of the server. */
async function * readable (pieces: AsyncIterable<unknown>, place: string): AsyncGenerator<unknown> {
  try {
    yield * pieces
  } catch (error) {
    throw unreadable(place, error)
  }
}

/** What is sent; people on a terminal are told how far it is. */
async function * withProgress ({ terminal }: CommandSession, pieces: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  let [bytes, told] = [0, 0]
  for await (const piece of pieces) {
    if (!(piece instanceof Uint8Array)) continue
    yield piece
    bytes += piece.length
    if (!terminal.isTerminal || bytes - told < PROGRESS_BYTES) continue
    told = bytes
    terminal.complain(cleanLine(`${Math.floor(bytes / 1_048_576)} MiB are sent`))
  }
}

function listPath (route: string, name: string): string {
  return routePath(route, `/lists/${encodeURIComponent(name)}`)
}

function reasonQuery (reason: string | undefined, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ ...more, ...(reason === undefined ? {} : { reason }) }).toString()
  return query === '' ? '' : `?${query}`
}

function countText (members: number): string {
  return members === 1 ? '1 member' : `${members} members`
}
