/**
 * Node's own HTTP/1 parser (llhttp) as a second opinion, without a socket: the object that node:http itself drives.
 *
 * It is internal to Node, so all that is known about its shape is in this file. It is strict (no lenient flag), as node:http
 * is unless somebody passes `insecureHTTPParser`.
 */
import { createRequire } from 'node:module'
import type { Field, MessageHead, Reading } from './http1-message.ts'

/** What kOnHeadersComplete is called with. */
type HeadersArguments = readonly [
  major: number, minor: number, fields: string[] | undefined, method: number, url: string, status: number, reason: string, upgrade: boolean, keepAlive: boolean
]

interface Parser {
  [callback: number]: unknown
  initialize (type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void
  execute (bytes: Buffer): number | Error
  close (): void
}

interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
  readonly kLenientNone: number
}

interface Internals { readonly HTTPParser: ParserClass, readonly methods: readonly string[] }

// Node has no types for this module; a change of its shape shows as a failure of the test of this helper.
const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as Internals

/** The methods that llhttp knows; it refuses all others. */
export const NODE_METHODS: ReadonlySet<string> = new Set(methods)

export interface NodeParserOptions {
  readonly response?: boolean
  /** Of a response: was it the answer to HEAD? */
  readonly toHead?: boolean
  /** Node counts the bytes of the target, of names and of values; 64 KiB unless said otherwise. */
  readonly maxHeaderSize?: number
}

interface Seen {
  /** Fields of a section that is not over yet; at the end, the trailers. */
  fields: string[]
  head: Omit<MessageHead, 'end'> | undefined
  headEnd: number
  body: string
  complete: boolean
}

/**
 * Reads the first message of `bytes`, one byte after the other: so that it is known behind which byte the head and the
 * message were complete, and nothing behind the message matters.
 */
export function readWithNode (bytes: Buffer, options: NodeParserOptions = {}): Reading {
  const parser = new HTTPParser()
  const isResponse = options.response === true
  const seen: Seen = { fields: [], head: undefined, headEnd: -1, body: '', complete: false }
  parser[HTTPParser.kOnHeaders] = (fields: string[]) => { seen.fields.push(...fields) }
  parser[HTTPParser.kOnHeadersComplete] = (...[, minor, fields, method, url, status]: HeadersArguments) => {
    seen.head = {
      method: isResponse ? '' : methodOf(method),
      target: isResponse ? '' : url,
      status: isResponse ? status : 0,
      minor,
      fields: pairs(seen.fields.concat(fields ?? []))
    }
    seen.fields = []
    // As node:http does: these have no body, whatever their fields say.
    return options.toHead === true || (isResponse && status < 200) ? 1 : 0
  }
  parser[HTTPParser.kOnBody] = (piece: Buffer) => { seen.body += piece.toString('latin1') }
  parser[HTTPParser.kOnMessageComplete] = () => { seen.complete = true }
  parser.initialize(isResponse ? HTTPParser.RESPONSE : HTTPParser.REQUEST, {}, options.maxHeaderSize ?? 65_536, HTTPParser.kLenientNone)
  let reason = ''
  let pos = 0
  while (pos < bytes.length && !seen.complete && reason === '') {
    const result = parser.execute(bytes.subarray(pos, pos + 1))
    pos++
    if (seen.head !== undefined && seen.headEnd < 0) seen.headEnd = pos
    if (typeof result !== 'number') reason = codeOf(result)
  }
  parser.close()
  // The rules about Transfer-Encoding are applied behind the callback.
  if (reason !== '' && seen.headEnd === pos) seen.head = undefined
  return {
    verdict: reason !== '' ? 'refused' : seen.complete ? 'complete' : 'incomplete',
    reason,
    head: seen.head === undefined ? undefined : { ...seen.head, end: seen.headEnd },
    body: seen.body,
    trailers: pairs(seen.fields),
    consumed: seen.complete ? pos : 0
  }
}

/** llhttp numbers QUERY behind the methods of RTSP, which it refuses in HTTP and which are not in the list. */
const QUERY_NUMBER = 46

function methodOf (number: number): string {
  return number === QUERY_NUMBER ? 'QUERY' : methods[number] ?? `method ${number}`
}

function codeOf (error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

function pairs (flat: readonly string[]): Field[] {
  const fields: Field[] = []
  for (let index = 0; index < flat.length; index += 2) fields.push([flat[index] ?? '', flat[index + 1] ?? ''])
  return fields
}
