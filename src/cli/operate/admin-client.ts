/**
 * The admin API as the commands ask it: with Node's own fetch, which loads in half the time that undici takes as a package.
 */
import { errorCode, errorText } from '../../core/error-text.ts'
import { readBounded } from '../../core/read-bounded.ts'
import { asObject, parseJson } from '../../core/untrusted.ts'
import { answersAt, type AdminAnswer, type AdminApi, type Ask, textAt, textsAt } from './admin-api.ts'
import { CommandError, EXIT } from './command-error.ts'
import type { Connection } from './connection.ts'

const MAX_ANSWER_BYTES = 64 * 1_048_576

export class AdminClient implements AdminApi {
  readonly #connection: Connection

  constructor (connection: Connection) {
    this.#connection = connection
  }

  async ask (question: Ask): Promise<AdminAnswer> {
    const { method = 'GET', path, timeoutMs, signal } = question
    const { server, token } = this.#connection
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(`${server}${path}`, {
        method,
        // A token goes to the server that it is for.
        redirect: 'manual',
        signal: AbortSignal.any([signal, limit]),
        headers: fieldsOf(question, token),
        ...contentOf(question)
      })
      const bytes = response.body === null ? undefined : await readBounded(response.body, MAX_ANSWER_BYTES)
      const answer = asObject(parseJson(bytes?.toString('utf8') ?? ''))
      if (response.status === 200 && answer !== undefined) return answer
      throw refusal({ status: response.status, answer, path }, this.#connection)
    } catch (error) {
      const own = [error, error instanceof Error ? error.cause : undefined].find(each => each instanceof CommandError)
      // What was to be sent could not be read: fetch has it as the cause.
      if (own !== undefined) throw own
      if (limit.aborted) throw new CommandError(`${server} has not answered within ${timeoutMs} ms`)
      throw new CommandError(`${server} can't be reached: ${unreached(error)}`)
    }
  }
}

function fieldsOf ({ body, lines, ifEpoch }: Ask, token: string | undefined): Record<string, string> {
  return {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(lines === undefined ? {} : { 'content-type': 'application/x-ndjson' }),
    ...(ifEpoch === undefined ? {} : { 'if-match': `"${ifEpoch}"` })
  }
}

function contentOf ({ body, lines }: Ask): Pick<RequestInit, 'body' | 'duplex'> {
  if (lines !== undefined) return { body: ReadableStream.from(lines), duplex: 'half' }
  return body === undefined ? {} : { body: JSON.stringify(body) }
}

/** fetch says why in the cause; there, Node puts the reasons of all addresses that it has tried into one error without a message. */
function unreached (error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const errors: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause]
  // fetch keeps to the list of ports that browsers do not speak to (https://fetch.spec.whatwg.org/#port-blocking).
  if (errors.some(one => errorCode(one) === 'ERR_SSL_WRONG_VERSION_NUMBER')) return 'what listens there does not speak TLS; should the URL begin with http://?'
  if (errors.some(one => errorText(one) === 'bad port')) return 'the port is one of those that browsers and Node\'s fetch refuse; give Weir another admin.port, or use curl'
  const texts = errors.map(errorText).filter(text => text !== '')
  return texts.length === 0 ? 'no connection' : [...new Set(texts)].join('; ')
}

interface Refused {
  readonly status: number
  readonly answer: AdminAnswer | undefined
  /** What was asked for. */
  readonly path: string
}

/** Problem details (RFC 9457) as one line, with what helps. */
function refusal ({ status, answer, path }: Refused, { server, token }: Connection): CommandError {
  const code = textAt(answer, 'code')
  if (answer === undefined || code === undefined) {
    return new CommandError(`${server} answered ${status}, and not as the admin API of Weir does; is it another server?`)
  }
  const [message, exitCode] = refusalText(code, answer, { server, token, path: path.replace(/\?.*$/, '') })
  return new CommandError(message, exitCode, code)
}

type Refusal = readonly [message: string, exitCode?: typeof EXIT.usage]

function refusalText (code: string, answer: AdminAnswer, { server, token, path }: Connection & { readonly path: string }): Refusal {
  const said = textAt(answer, 'detail') ?? textAt(answer, 'title') ?? code
  switch (code) {
    case 'unauthenticated': return [token === undefined
      ? `${server} wants a token: give --token-file FILE, or WEIR_TOKEN_FILE`
      : `${server} does not take this token; it comes from --token, --token-file, WEIR_TOKEN, WEIR_TOKEN_FILE or the context, in this order`]
    case 'forbidden': return [said]
    case 'epoch_mismatch': {
      const epoch = answer['epoch']
      return [`the route has changed meanwhile${typeof epoch === 'number' ? `: it is at epoch ${epoch}` : ''}; look at it with weir status and decide again`]
    }
    case 'unknown_route': return [`there is no ${routeText(path)}; weir status lists them`]
    case 'not_found': return [`${server} has no ${path}: is it an older Weir, or is there a path in the URL of the server?`]
    case 'no_rollout': return ['the route has no rollout; weir rollout start begins one']
    case 'rollout_running':
    case 'rollout_not_running': return [`${said.replace(/; possible now: .*$/s, '')}${possibleText(answer)}`]
    case 'invalid_plan': return [`the plan can't work:${faultsText(answer, said)}`, EXIT.usage]
    case 'invalid_request': return [said, EXIT.usage]
    default: return [`${said} (${code})`]
  }
}

/** The route that was asked for, as `routePath` writes it. */
function routeText (path: string): string {
  const [, name] = /^\/v1\/routes\/([^/]+)/.exec(path) ?? []
  return name === undefined ? 'such route' : `route ${JSON.stringify(decodeURIComponent(name))}`
}

function possibleText (answer: AdminAnswer): string {
  const possible = textsAt(answer, 'possible')
  return possible.length === 0 ? '' : `; possible now: ${possible.map(verb => verb === 'undo' ? 'weir undo' : `weir rollout ${verb}`).join(', ')}`
}

/** Each in a line of its own. */
function faultsText (answer: AdminAnswer, said: string): string {
  const faults = answersAt(answer, 'faults').map(fault => {
    const place = textAt(fault, 'place') ?? ''
    return `\n  ${oneLine(place === '' ? '' : `${place}: `)}${oneLine(textAt(fault, 'message') ?? '')}`
  })
  return faults.length === 0 ? ` ${said}` : faults.join('')
}

function oneLine (text: string): string {
  return text.replaceAll('\n', '\\n')
}
