/** `weir explain`: which version a request gets, and why. */
import { textAt, textsAt, type AdminAnswer } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import { routePath, type CommandSession } from './command-session.ts'
import { clean, cleanLine, type Palette } from './terminal.ts'

/** The request in question: by its id, or by what it would be. */
export interface ExplainFlags {
  readonly requestId?: string | undefined
  readonly ip?: string | undefined
  readonly method?: string | undefined
  readonly host?: string | undefined
  readonly path?: string | undefined
  readonly header: readonly string[]
  readonly cookie: readonly string[]
  /** Members as `list=id`. */
  readonly list: readonly string[]
}

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\P{Cc}]*$/u
const COOKIE = /^[^=;\p{Cc}]+=[^;\p{Cc}]*$/u
const MEMBER = /^[^=]+=[^;\p{Cc}]+$/u

export async function explain (session: CommandSession, route: string, flags: ExplainFlags): Promise<void> {
  if (flags.ip === undefined && flags.requestId === undefined) {
    throw new CommandError('it takes --ip, the address of a client, or --request-id, from X-Request-Id of a response', EXIT.usage)
  }
  checkShapes(flags)
  const query = new URLSearchParams()
  const single = { requestId: flags.requestId, ip: flags.ip, method: flags.method, host: flags.host, path: flags.path }
  for (const [name, value] of Object.entries(single)) if (value !== undefined) query.set(name, value)
  for (const field of flags.header) query.append('header', field)
  for (const pair of flags.cookie) query.append('header', `cookie:${pair}`)
  for (const member of flags.list) query.append('list', member)
  const answer = await session.askFor(['why'], { path: routePath(route, `/explain?${query.toString()}`) })
  await session.print(answer, () => explainText(answer, session.palette))
}

/** What is written wrongly the API would name by its place in a query and a pattern. */
function checkShapes ({ header, cookie, list }: ExplainFlags): void {
  const check = (flag: string, texts: readonly string[], shape: RegExp, words: string): void => {
    const odd = texts.find(text => !shape.test(text))
    if (odd !== undefined) throw new CommandError(`${flag} takes ${words}, not ${JSON.stringify(odd.slice(0, 80))}`, EXIT.usage)
  }
  check('--header', header, HEADER, 'NAME:VALUE, such as x-user:anna')
  check('--cookie', cookie, COOKIE, 'NAME=VALUE, such as session=42')
  check('--list', list, MEMBER, 'LIST=MEMBER, such as beta=anna')
}

function explainText (answer: AdminAnswer, palette: Palette): string {
  // What a filter answers goes to no version, whichever one the client belongs to.
  const isTurnedAway = ['denied', 'limited', 'redirected', 'homeless'].includes(textAt(answer, 'outcome') ?? '')
  const version = textAt(answer, 'version') ?? (isTurnedAway ? undefined : textAt(answer, 'chosen'))
  const endpoint = textAt(answer, 'endpoint')
  const head = version === undefined ? 'no version' : `${version}${endpoint === undefined ? '' : ` at ${endpoint}`}`
  return palette.paint('bold', clean(head)) + '\n' + textsAt(answer, 'why').map(line => `  ${cleanLine(line)}`).join('')
}
