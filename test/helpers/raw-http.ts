import { createHash } from 'node:crypto'

/** A message as it was on the wire, framing taken out. */
export interface RawMessage {
  readonly startLine: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  readonly body: Buffer
  /** The trailer lines, each with its CR LF. */
  readonly trailers: string
}

/** The values of a field, in order; the name in lower case. */
export function valuesOf (message: Pick<RawMessage, 'fields'>, lowerName: string): readonly string[] {
  return message.fields.filter(([name]) => name.toLowerCase() === lowerName).map(([, value]) => value)
}

/** The status of a response. */
export function statusOf (message: Pick<RawMessage, 'startLine'>): number {
  return Number(message.startLine.split(' ')[1])
}

interface Partial {
  startLine: string
  fields: Array<readonly [string, string]>
  framing: RawMessage['framing']
  chunks: Buffer[]
  trailers: string
}

type State = 'head' | 'length' | 'size' | 'data' | 'data-end' | 'trailers' | 'close' | 'tunnel'

/**
 * Reads messages from a connection, byte for byte and strictly: whatever a proxy should never have sent is an error. Made
 * for tests: it shares no code with the codec under test.
 */
export class MessageReader {
  readonly messages: RawMessage[] = []
  /** Heads that are complete, whether or not their bodies are. */
  heads = 0
  /** Bytes of body of the message that is not complete yet. */
  partialBodyBytes = 0
  /** What has come since the switch to another protocol. */
  readonly #tunnelled: Buffer[] = []
  tunnelBytes = 0
  /** Keep the SHA-256 of each body in its place: for large ones. */
  hashBodies = false
  readonly #kind: 'request' | 'response'
  #hash = createHash('sha256')
  /** The methods of the requests whose responses are read. */
  readonly #methods: string[] = []
  #state: State = 'head'
  #line = ''
  #remaining = 0
  #partial: Partial | undefined

  constructor (kind: 'request' | 'response') {
    this.#kind = kind
  }

  /** Says which request a response will belong to: a HEAD has an answer without body. */
  expect (method: string): void {
    this.#methods.push(method)
  }

  /** Is there a message, or a part of one, that has not been whole so far? */
  get incomplete (): boolean { return this.#state !== 'head' || this.#line !== '' }
  /** The fields of the message that is not complete yet. */
  get partialHead (): Pick<RawMessage, 'startLine' | 'fields'> | undefined { return this.#partial }

  /** What has come since the switch to another protocol, as Latin-1 text. */
  get tunnelText (): string { return Buffer.concat(this.#tunnelled).toString('latin1') }

  /** The SHA-256 of it, with `hashBodies`. */
  get tunnelHash (): Buffer { return this.#hash.copy().digest() }

  /** All bytes from now on are another protocol's. A response with status 101 says so by itself. */
  switchProtocol (): void {
    this.#state = 'tunnel'
  }

  push (bytes: Buffer): void {
    let pos = 0
    while (pos < bytes.length) {
      if (this.#state === 'tunnel') {
        this.tunnelBytes += bytes.length - pos
        if (this.hashBodies) this.#hash.update(bytes.subarray(pos))
        else this.#tunnelled.push(Buffer.from(bytes.subarray(pos)))
        return
      }
      if (this.#state === 'length' || this.#state === 'data' || this.#state === 'close') pos = this.#body(bytes, pos)
      else pos = this.#text(bytes, pos)
    }
  }

  /** The connection has ended: the end of a message that has no other. */
  end (): void {
    if (this.#state === 'close') this.#finish()
  }

  #body (bytes: Buffer, pos: number): number {
    const end = this.#state === 'close' ? bytes.length : Math.min(bytes.length, pos + this.#remaining)
    if (this.hashBodies) this.#hash.update(bytes.subarray(pos, end))
    else this.#partial?.chunks.push(Buffer.from(bytes.subarray(pos, end)))
    this.partialBodyBytes += end - pos
    this.#remaining -= end - pos
    if (this.#state === 'length' && this.#remaining === 0) this.#finish()
    if (this.#state === 'data' && this.#remaining === 0) this.#state = 'data-end'
    return end
  }

  #text (bytes: Buffer, pos: number): number {
    const lf = bytes.indexOf(10, pos)
    if (lf < 0) {
      this.#line += bytes.toString('latin1', pos)
      return bytes.length
    }
    this.#line += bytes.toString('latin1', pos, lf + 1)
    if (!this.#line.endsWith('\r\n')) throw new Error(`a line ends in a bare LF: ${JSON.stringify(this.#line)}`)
    const line = this.#line.slice(0, -2)
    if (line.includes('\r')) throw new Error(`a line holds a bare CR: ${JSON.stringify(line)}`)
    if (this.#state === 'head') {
      if (!this.#line.endsWith('\r\n\r\n') && this.#line !== '\r\n') return this.#headLine(lf + 1)
    }
    this.#line = ''
    this.#wholeLine(line)
    return lf + 1
  }

  /** One more line of a head. */
  #headLine (next: number): number {
    const line = this.#line.slice(0, -2)
    this.#line = ''
    if (this.#partial === undefined) {
      const pattern = this.#kind === 'request' ? /^[!-~]+ [!-~]+ HTTP\/1\.1$/ : /^HTTP\/1\.1 [1-9][0-9][0-9]( [\t -~\x80-\xff]*)?$/
      if (!pattern.test(line)) throw new Error(`not the start line of a ${this.#kind}: ${JSON.stringify(line)}`)
      this.#partial = { startLine: line, fields: [], framing: 'none', chunks: [], trailers: '' }
    } else {
      const field = /^([-!#$%&'*+.^_`|~0-9A-Za-z]+):[\t ]*(.*?)[\t ]*$/.exec(line)
      if (field === null) throw new Error(`not a field line: ${JSON.stringify(line)}`)
      this.#partial.fields.push([field[1] ?? '', field[2] ?? ''])
    }
    return next
  }

  #wholeLine (line: string): void {
    const partial = this.#partial
    if (partial === undefined) throw new Error(`an empty line where a ${this.#kind} should start`)
    switch (this.#state) {
      case 'head': return this.#afterHead(partial)
      case 'size':
        if (!/^[0-9a-f]{1,8}$/.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`)
        this.#remaining = Number.parseInt(line, 16)
        this.#state = this.#remaining === 0 ? 'trailers' : 'data'
        return
      case 'data-end':
        if (line !== '') throw new Error(`chunk data is followed by ${JSON.stringify(line)}`)
        this.#state = 'size'
        return
      default:
        if (line === '') this.#finish()
        else partial.trailers += `${line}\r\n`
    }
  }

  #afterHead (partial: Partial): void {
    this.heads++
    partial.framing = this.#framingOf(partial)
    switch (partial.framing) {
      case 'length':
        this.#state = 'length'
        return
      case 'chunked':
        this.#state = 'size'
        return
      case 'close':
        this.#state = 'close'
        return
      default: this.#finish()
    }
  }

  #framingOf (partial: Partial): RawMessage['framing'] {
    const lengths = valuesOf(partial, 'content-length')
    const codings = valuesOf(partial, 'transfer-encoding')
    if (lengths.length + codings.length > 1) throw new Error(`framed twice: ${JSON.stringify(partial.fields)}`)
    if (this.#kind === 'response') {
      const status = statusOf(partial)
      if (status < 200) return 'none'
      const method = this.#methods.shift()
      if (method === undefined) throw new Error(`a response that nobody asked for: ${partial.startLine}`)
      if (method === 'HEAD' || status === 204 || status === 304) return 'none'
    }
    if (codings.length === 1) {
      if (codings[0] !== 'chunked') throw new Error(`coded as ${codings[0]}`)
      return 'chunked'
    }
    if (lengths.length === 0) return this.#kind === 'request' ? 'none' : 'close'
    if (!/^(0|[1-9][0-9]*)$/.test(lengths[0] ?? '')) throw new Error(`not a length: ${lengths[0]}`)
    this.#remaining = Number(lengths[0])
    return this.#remaining === 0 ? 'none' : 'length'
  }

  #finish (): void {
    const partial = this.#partial
    if (partial === undefined) return
    const { startLine, fields, framing, chunks, trailers } = partial
    this.#partial = undefined
    this.#state = this.#kind === 'response' && statusOf(partial) === 101 ? 'tunnel' : 'head'
    this.partialBodyBytes = 0
    const body = this.hashBodies ? this.#hash.digest() : Buffer.concat(chunks)
    if (this.hashBodies) this.#hash = createHash('sha256')
    this.messages.push({ startLine, fields, framing, trailers, body })
  }
}
