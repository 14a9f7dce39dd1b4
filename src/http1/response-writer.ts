/**
 * Writes responses to a client of HTTP/1: the head rewritten right before the body that came with it, the body framed as the client can
 * read it, head and first piece in one write. Hot.
 */
import type { FieldEdits } from '../http/field-edits.ts'
import type { FieldBlock } from '../http/http-request.ts'
import { type HttpDate, type HttpResponse, type ResponseFields, STATUS_CODES } from '../http/http-response.ts'
import type { OwnAnswer } from '../http/own-answer.ts'
import { chunkEnd, chunkStart, chunkStartBytes, LAST_CHUNK, lastChunk, lastChunkWith } from './chunk-framing.ts'
import { FIELD } from './field-id.ts'
import { foreignResponseHead } from './foreign-heads.ts'
import { BODY } from './request-head.ts'
import { ResponseHead } from './response-head.ts'
import { MAX_ADDED_BYTES, rewriteResponseHead } from './rewrite-response-head.ts'

const UPGRADE_REQUIRED = 426
const NO_CONTENT = 204
const NOT_MODIFIED = 304
/** How the body goes to the client. */
const FRAMING = { plain: 0, chunked: 1, untilClose: 2 } as const

/** Where the bytes go. */
export interface ResponseTarget {
  /** @returns has the kernel taken the bytes, so that their buffer is free? */
  write (bytes: Buffer): boolean
}

export class ResponseWriter {
  readonly #target: ResponseTarget
  readonly #date: HttpDate
  /** The client's minor version: an HTTP/1.0 client can't read chunks. */
  #minor = 1
  /** It was asked with a HEAD. */
  #toHead = false
  #framing: number = FRAMING.plain
  /** Where the rewritten head starts that waits for its body; -1 when none does. */
  #headFrom = -1
  /** A head in memory of its own that waits for its body: of another version of HTTP, or longer by more than there is room for. */
  #headApart: Buffer | null = null

  constructor (target: ResponseTarget, date: HttpDate) {
    this.#target = target
    this.#date = date
  }

  /** Only the end of the connection will tell the client where the response ends. */
  get untilClose (): boolean { return this.#framing === FRAMING.untilClose }

  /** RFC 9110 section 15.2: a 1.0 client does not know of interim responses. */
  get takesInterim (): boolean { return this.#minor !== 0 }

  /** A request begins. */
  reset (minor: number, toHead: boolean): void {
    this.#minor = minor
    this.#toHead = toHead
    this.#framing = FRAMING.plain
    this.#headFrom = -1
    this.#headApart = null
  }

  /**
   * An interim head, or that of a switch.
   * @param additions whole lines that it gets besides
   * @param edits what is changed in it besides
   */
  interimBytes (response: HttpResponse, additions = '', edits: FieldEdits | null = null): Buffer {
    const text = edits === null ? additions : `${additions}${edits.text}`
    const { removed = [] } = edits ?? {}
    if (!(response instanceof ResponseHead)) return foreignResponseHead(response, name => removed.includes(name), text)
    if (edits !== null) dropEdited(response, edits)
    return interimResponse(response, text)
  }

  /**
   * Takes the head of the final response; a piece of the body follows in the same turn.
   * @param fields what the response gets besides
   * @param keep the client's connection may be kept
   * @returns may it still, with the framing that the response has?
   */
  head (response: HttpResponse, fields: ResponseFields, keep: boolean): boolean {
    // Another attempt may have got as far as its head.
    this.#framing = FRAMING.plain
    if (!(response instanceof ResponseHead)) return this.#foreign(response, fields, keep)
    if (response.hasOwnField) dropOwn(response, fields)
    if (fields.edits !== null) dropEdited(response, fields.edits)
    let additions = response.hasDate ? fields.text : `${fields.text}Date: ${this.#date.now()}\r\n`
    let kept = keep
    const { bodyFraming } = response
    if (bodyFraming === BODY.chunked || bodyFraming === BODY.untilClose) {
      if (this.#endsByClose()) kept = false
      else additions += 'Transfer-Encoding: chunked\r\n'
    } else if (response.rewriteLength) {
      additions += `Content-Length: ${response.length}\r\n`
    }
    if (response.status === UPGRADE_REQUIRED && response.upgradeLine >= 0) additions += 'Connection: Upgrade\r\n'
    additions += this.#connectionLine(kept)
    // In place when there is room for what it gets, and otherwise in memory of its own.
    const { line, edits } = fields
    const tail = edits === null ? '' : edits.text
    if (additions.length + line.length + tail.length > MAX_ADDED_BYTES) {
      this.#headApart = interimResponse(response, `${line.toString('latin1')}${additions}${tail}`)
    } else {
      this.#headFrom = rewriteResponseHead(response, additions, line, tail)
    }
    return kept
  }

  /** What the client has to be told of its connection; empty when it takes it for granted. */
  #connectionLine (keep: boolean): string {
    if (!keep) return 'Connection: close\r\n'
    return this.#minor === 0 ? 'Connection: keep-alive\r\n' : ''
  }

  /** A body of unknown length: in chunks, or for those that can't read them up to the end of the connection. */
  #endsByClose (): boolean {
    this.#framing = this.#minor === 0 ? FRAMING.untilClose : FRAMING.chunked
    return this.#minor === 0
  }

  #foreign (response: HttpResponse, fields: ResponseFields, keep: boolean): boolean {
    let kept = keep
    let additions = `${fields.line.toString('latin1')}${fields.text}`
    let hasDate = false
    response.eachField(name => { if (name.toLowerCase() === 'date') hasDate = true })
    if (!hasDate) additions += `Date: ${this.#date.now()}\r\n`
    const bare = response.status === NO_CONTENT || response.status === NOT_MODIFIED || this.#toHead
    if (response.length >= 0) additions += response.status === NO_CONTENT ? '' : `Content-Length: ${response.length}\r\n`
    else if (!bare && this.#endsByClose()) kept = false
    else if (!bare) additions += 'Transfer-Encoding: chunked\r\n'
    const { edits } = fields
    const replaced = (name: string): boolean => fields.replaces(name) || (edits !== null && edits.removed.includes(name))
    this.#headApart = foreignResponseHead(response, replaced, `${additions}${this.#connectionLine(kept)}${edits === null ? '' : edits.text}`)
    return kept
  }

  /**
   * Passes on `buf[start, end)`, and the head before it if that waits.
   * @returns has the kernel taken everything, so that the buffer is free?
   */
  body (buf: Buffer, start: number, end: number): boolean {
    if (this.#headApart !== null) this.#writeHeadApart()
    if (this.#framing !== FRAMING.chunked || end === start) return this.#write(buf, this.#takeHead(start), end)
    return this.#write(buf, this.#takeChunkHead(buf, start, end), chunkEnd(buf, end))
  }

  /** The same for the last piece, with the trailers if there are any. */
  end (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): boolean {
    if (this.#headApart !== null) this.#writeHeadApart()
    if (this.#framing !== FRAMING.chunked) return this.#write(buf, this.#takeHead(start), end)
    if (end > start) {
      const from = this.#takeChunkHead(buf, start, end)
      const to = chunkEnd(buf, end)
      if (trailers === undefined) return this.#write(buf, from, lastChunk(buf, to))
      return this.#writeTrailers(this.#write(buf, from, to), trailers)
    }
    // Nothing of the buffer is used but the head: what lies behind it may belong to a pending write.
    return this.#writeTrailers(this.#write(buf, this.#takeHead(start), end), trailers)
  }

  #writeHeadApart (): void {
    const head = this.#headApart
    this.#headApart = null
    if (head !== null) this.#target.write(head)
  }

  #writeTrailers (taken: boolean, trailers: FieldBlock | undefined): boolean {
    return this.#target.write(trailers === undefined ? LAST_CHUNK : lastChunkWith(trailers)) && taken
  }

  #takeHead (start: number): number {
    const from = this.#headFrom
    if (from < 0) return start
    this.#headFrom = -1
    return from
  }

  /** Writes the size line before the data, and moves the head out of its way first. */
  #takeChunkHead (buf: Buffer, start: number, end: number): number {
    const head = this.#headFrom
    if (head < 0) return chunkStart(buf, start, end)
    this.#headFrom = -1
    const from = head - chunkStartBytes(end - start)
    buf.copyWithin(from, head, start)
    chunkStart(buf, start, end)
    return from
  }

  #write (buf: Buffer, from: number, to: number): boolean {
    return from === to || this.#target.write(buf.subarray(from, to))
  }

  /**
   * An answer of Weir's own, whole.
   * @param fields what it gets besides
   * @param keep the client's connection is kept
   */
  answerBytes (answer: OwnAnswer, fields: ResponseFields, keep: boolean): Buffer {
    const { status, body } = answer
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${fields.line.toString('latin1')}${fields.text}Date: ${this.#date.now()}\r\n`
    for (const [name, value] of answer.fields) head += `${name}: ${value}\r\n`
    head += `Content-Length: ${Buffer.byteLength(body)}\r\n${this.#connectionLine(keep)}`
    return Buffer.from(`${head}\r\n${answer.toHead ? '' : body}`, 'latin1')
  }
}

/** The lines that edits take out. */
function dropEdited ({ fields }: ResponseHead, { removed }: FieldEdits): void {
  for (const name of removed) {
    for (let line = 0; line < fields.count; line++) if (fields.nameIs(line, name)) fields.dropLate(line)
  }
}

/** What the origin says itself in the fields that Weir writes. */
function dropOwn ({ fields }: ResponseHead, own: ResponseFields): void {
  for (let line = 0; line < fields.count; line++) {
    const id = fields.ids[line]
    if ((id === FIELD.xRequestId || id === FIELD.reserved) && own.replaces(fields.name(line).toLowerCase())) fields.dropLate(line)
  }
}

const SPACE = Buffer.from(' ', 'latin1')
const LINE_END = Buffer.from('\r\n', 'latin1')

/**
 * A copy of an interim head, with our own version in the status line: end-to-end fields kept, the rest out.
 * @param additions whole lines to add
 */
export function interimResponse (head: ResponseHead, additions = ''): Buffer {
  const { fields } = head
  const reason = head.reasonStart === head.reasonEnd ? SPACE : fields.buf.subarray(head.reasonStart, head.reasonEnd)
  const parts: Buffer[] = [Buffer.from(`HTTP/1.1 ${head.status}`, 'latin1'), reason, LINE_END]
  let from = head.lineEnd
  for (let index = 0; index < fields.droppedCount; index++) {
    const line = fields.dropped[index] ?? 0
    parts.push(fields.buf.subarray(from, fields.nameStart(line)))
    from = fields.lineEnd(line)
  }
  parts.push(fields.buf.subarray(from, head.end - LINE_END.length), Buffer.from(additions, 'latin1'), LINE_END)
  return Buffer.concat(parts)
}
