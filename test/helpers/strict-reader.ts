/**
 * A strict reader of HTTP/1.1 messages (RFC 9112), as plain as can be: all bytes in, the message out. The fuzzing of whole
 * conversations judges by it, so it shares no code with src/http1.
 *
 * Where RFC 9112 leaves a choice it takes the message whose end nobody could see elsewhere and calls the rest invalid. It
 * looks at what delimits messages, not at what they mean: at names, lengths, codings and line ends, but at no method except CONNECT.
 */

export type StrictField = readonly [name: string, value: string]

export interface StrictMessage {
  readonly startLine: string
  /** Empty for a response. */
  readonly method: string
  readonly target: string
  /** 0 for a request. */
  readonly status: number
  readonly minor: number
  /** As sent, in order, without the white space around values. */
  readonly fields: readonly StrictField[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** What there is of the content. */
  readonly body: Buffer
  readonly trailers: readonly StrictField[]
  /** May another message follow on the connection (RFC 9112 section 9.3)? */
  readonly keepsAlive: boolean
}

export interface StrictReading {
  /** `incomplete`: more bytes could make it a message. `invalid`: it is none, whatever follows. */
  readonly state: 'complete' | 'incomplete' | 'invalid'
  /** Why it is invalid. */
  readonly fault: string
  /** There as soon as the head is complete and valid. */
  readonly message: StrictMessage | undefined
  /** Behind the message, when it is complete. */
  readonly end: number
}

const TOKEN = "[-!#$%&'*+.^_`|~0-9A-Za-z]+"
const FIELD_LINE = new RegExp(`^(${TOKEN}):[\\t ]*(|[!-~\\x80-\\xff](?:[\\t -~\\x80-\\xff]*[!-~\\x80-\\xff])?)[\\t ]*$`)
/** Targets are delimited by the two spaces; like most recipients, this one takes all visible ASCII but `#` (RFC 9112 section 3.2). */
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([!"$-~]+) HTTP/1\\.([0-9])$`)
/** RFC 9112 section 4 wants a space behind the status even without a reason; recipients take it without. */
const STATUS_LINE = /^HTTP\/1\.([0-9]) ([1-9][0-9][0-9])(?: [\t -~\x80-\xff]*)?$/
const TOKEN_LIST = new RegExp(`^[\\t ,]*(?:${TOKEN}[\\t ]*(?:,[\\t ,]*|$))*$`)
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[-A-Za-z0-9._~!$&'()*+;=%]+)(?::[0-9]*)?$/
const QUOTED = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"'
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]+)(?:[\\t ]*;[\\t ]*${TOKEN}(?:[\\t ]*=[\\t ]*(?:${TOKEN}|${QUOTED}))?)*$`)
const PADDED_SIZE = /^([0-9A-Fa-f]+)[\t ]+$/

class Invalid extends Error {}
/** Thrown often: one object, so that it costs no stack. */
const INCOMPLETE = new Error('more bytes are needed')

/** The values of a field, in order; the name in lower case. */
export function strictValues (fields: readonly StrictField[], lowerName: string): readonly string[] {
  return fields.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value)
}

/** The members of a field that is a list of tokens, in lower case. */
export function strictTokens (fields: readonly StrictField[], lowerName: string): readonly string[] {
  return strictValues(fields, lowerName).flatMap(value => value.toLowerCase().split(',')).map(token => token.trim()).filter(token => token !== '')
}

/** Reads the request at `at`. */
export function readStrictRequest (bytes: Buffer, at = 0): StrictReading {
  return read(bytes, lines => requestHead(lines, false), { at: afterEmptyLine(bytes, at), ended: false, isOrigins: false })
}

/** The same for what a proxy says, which has an empty Host for a client that names none. */
export function readForwardedRequest (bytes: Buffer): StrictReading {
  return read(bytes, lines => requestHead(lines, true), { at: 0, ended: false, isOrigins: false })
}

/**
 * Reads the response at `at`.
 * @param method of the request that it answers
 * @param ended the connection has ended well behind the bytes: the end of a response that has no other
 */
export function readStrictResponse (bytes: Buffer, at: number, method: string, ended: boolean): StrictReading {
  return read(bytes, lines => responseHead(lines, method, false), { at, ended, isOrigins: false })
}

/**
 * The same for what an origin says, which may be odd where that has one reading: its Content-Length says the same number again, spaces are
 * behind the size of a chunk, or Connection is no list, which ends the connection. Nothing of that may reach a client.
 */
export function readOriginResponse (bytes: Buffer, at: number, method: string, ended: boolean): StrictReading {
  return read(bytes, lines => responseHead(lines, method, true), { at, ended, isOrigins: true })
}

/**
 * All requests on a connection, in order. The last one may be incomplete or invalid; what follows it, or a request that ends the
 * connection, is nothing.
 */
export function readStrictRequests (bytes: Buffer): readonly StrictReading[] {
  const readings: StrictReading[] = []
  let at = 0
  while (at < bytes.length) {
    const reading = readStrictRequest(bytes, at)
    readings.push(reading)
    if (reading.state !== 'complete' || reading.message?.keepsAlive !== true) break
    at = reading.end
  }
  return readings
}

/** RFC 9112 section 2.2: one empty line before a request is ignored. */
function afterEmptyLine (bytes: Buffer, at: number): number {
  return bytes.toString('latin1', at, at + 2) === '\r\n' ? at + 2 : at
}

type Head = Omit<StrictMessage, 'body' | 'trailers'>

interface Content {
  readonly parts: Buffer[]
  trailers: readonly StrictField[]
  readonly takesPadding: boolean
}

interface Place {
  readonly at: number
  readonly ended: boolean
  readonly isOrigins: boolean
}

function read (bytes: Buffer, parseHead: (lines: readonly string[]) => Head, { at, ended, isOrigins }: Place): StrictReading {
  let head: Head | undefined
  const content: Content = { parts: [], trailers: [], takesPadding: isOrigins }
  let state: StrictReading['state'] = 'complete'
  let fault = ''
  let end = bytes.length
  try {
    const headEnd = bytes.indexOf('\r\n\r\n', at, 'latin1')
    if (headEnd < 0) throw INCOMPLETE
    head = parseHead(bytes.toString('latin1', at, headEnd).split('\r\n'))
    end = readContent(bytes, headEnd + 4, head, content)
    if (head.framing === 'close' && !ended) throw INCOMPLETE
  } catch (error) {
    if (error === INCOMPLETE) state = 'incomplete'
    else if (error instanceof Invalid) [state, fault] = ['invalid', error.message]
    else throw error
  }
  return { state, fault, message: head === undefined ? undefined : messageOf(head, content), end }
}

/** The body is put together when somebody asks for it: while it comes, nobody does. */
function messageOf (head: Head, { parts, trailers }: Content): StrictMessage {
  let body: Buffer | undefined
  return {
    ...head,
    trailers,
    get body () {
      body ??= parts.length === 1 ? parts[0] ?? Buffer.alloc(0) : Buffer.concat(parts)
      return body
    }
  }
}

function requestHead ([startLine = '', ...lines]: readonly string[], mayNameNoHost: boolean): Head {
  const match = REQUEST_LINE.exec(startLine)
  if (match === null) throw new Invalid(`request line ${JSON.stringify(startLine)}`)
  const [, method = '', target = '', digit = ''] = match
  // RFC 9110 section 9.3.6: what follows it is for somebody else.
  if (method === 'CONNECT') throw new Invalid('CONNECT')
  const minor = digit === '0' ? 0 : 1
  const fields = fieldsOf(lines)
  const hosts = strictValues(fields, 'host')
  if (hosts.length > 1 || (hosts.length === 0 && minor === 1)) throw new Invalid(`${hosts.length} Host fields`)
  if (hosts[0] !== undefined && !HOST.test(hosts[0]) && !(mayNameNoHost && hosts[0] === '')) throw new Invalid(`Host ${hosts[0]}`)
  return { startLine, method, target, status: 0, minor, fields, framing: framingOf(fields, minor, false) ?? 'none', keepsAlive: keepsAlive(fields, minor, false) }
}

function responseHead ([startLine = '', ...lines]: readonly string[], method: string, isOrigins: boolean): Head {
  const match = STATUS_LINE.exec(startLine)
  if (match === null) throw new Invalid(`status line ${JSON.stringify(startLine)}`)
  const minor = match[1] === '0' ? 0 : 1
  const status = Number(match[2])
  const fields = fieldsOf(lines)
  const framed = framingOf(fields, minor, isOrigins) ?? 'close'
  const framing = method === 'HEAD' || status < 200 || status === 204 || status === 304 ? 'none' : framed
  return { startLine, method: '', target: '', status, minor, fields, framing, keepsAlive: keepsAlive(fields, minor, isOrigins) && framing !== 'close' }
}

function fieldsOf (lines: readonly string[]): readonly StrictField[] {
  return lines.map(line => {
    const match = FIELD_LINE.exec(line)
    if (match === null) throw new Invalid(`field line ${JSON.stringify(line)}`)
    return [match[1] ?? '', match[2] ?? ''] as const
  })
}

/** RFC 9112 section 6.3, without the leniencies that it allows. */
function framingOf (fields: readonly StrictField[], minor: number, maySayAgain: boolean): 'length' | 'chunked' | undefined {
  const codings = strictValues(fields, 'transfer-encoding')
  const lines = strictValues(fields, 'content-length')
  const members = lines.join().split(/[\t ]*,[\t ]*/)
  const isOne = maySayAgain && lines.length > 0 && members.every(member => /^[0-9]+$/.test(member) && Number(member) === Number(members[0]))
  const lengths = isOne ? members.slice(0, 1) : lines
  if (codings.length + lengths.length > 1) throw new Invalid('framed twice')
  if (codings[0] !== undefined) {
    if (codings[0].toLowerCase() !== 'chunked' || minor === 0) throw new Invalid(`coded as ${codings[0]} in HTTP/1.${minor}`)
    return 'chunked'
  }
  if (lengths[0] === undefined) return undefined
  if (!/^[0-9]+$/.test(lengths[0]) || !Number.isSafeInteger(Number(lengths[0]))) throw new Invalid(`length ${lengths[0]}`)
  return 'length'
}

function keepsAlive (fields: readonly StrictField[], minor: number, mayBeOdd: boolean): boolean {
  const odd = strictValues(fields, 'connection').find(value => !TOKEN_LIST.test(value))
  if (odd !== undefined && !mayBeOdd) throw new Invalid(`Connection ${odd}`)
  if (odd !== undefined) return false
  const options = strictTokens(fields, 'connection')
  return !options.includes('close') && (minor === 1 || options.includes('keep-alive'))
}

/** Reads what lies behind the head; returns where it ends. */
function readContent (bytes: Buffer, at: number, { framing, fields }: Head, content: Content): number {
  switch (framing) {
    case 'none': return at
    case 'close':
      content.parts.push(bytes.subarray(at))
      return bytes.length
    case 'length': return readData(bytes, at, Number.parseInt(strictValues(fields, 'content-length')[0] ?? '', 10), content)
    case 'chunked': return readChunks(bytes, at, content)
  }
}

function readData (bytes: Buffer, at: number, length: number, content: Content): number {
  content.parts.push(bytes.subarray(at, at + length))
  if (bytes.length - at < length) throw INCOMPLETE
  return at + length
}

/** RFC 9112 section 7.1. */
function readChunks (bytes: Buffer, start: number, content: Content): number {
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1')
    if (lineEnd < 0) throw INCOMPLETE
    const line = bytes.toString('latin1', at, lineEnd)
    const match = CHUNK_LINE.exec(line) ?? (content.takesPadding ? PADDED_SIZE.exec(line) : null)
    const size = Number.parseInt(match?.[1] ?? '', 16)
    if (!Number.isSafeInteger(size)) throw new Invalid(`chunk line ${JSON.stringify(line)}`)
    at = lineEnd + 2
    if (size === 0) return readTrailers(bytes, at, content)
    at = readData(bytes, at, size, content)
    const behind = bytes.toString('latin1', at, at + 2)
    if (!'\r\n'.startsWith(behind)) throw new Invalid(`chunk data is followed by ${JSON.stringify(behind)}`)
    if (behind.length < 2) throw INCOMPLETE
    at += 2
  }
}

function readTrailers (bytes: Buffer, at: number, content: Content): number {
  if (bytes.toString('latin1', at, at + 2) === '\r\n') return at + 2
  const end = bytes.indexOf('\r\n\r\n', at, 'latin1')
  if (end < 0) throw INCOMPLETE
  content.trailers = fieldsOf(bytes.toString('latin1', at, end).split('\r\n'))
  return end + 4
}
