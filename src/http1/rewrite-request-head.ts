/**
 * Writes the head of the request as an endpoint gets it (RFC 9110 section 7.6): hop-by-hop fields out, Via and
 * X-Forwarded-* in, framing fields canonical. All other bytes are copied in the ranges between the dropped lines.
 */
import type { FieldEdits, PathEdit } from '../http/field-edits.ts'
import type { RequestEdits } from '../http/http-request.ts'
import { equalsLower, FIELD } from './field-id.ts'
import type { FieldLines } from './field-lines.ts'
import type { RequestHead } from './request-head.ts'

/**
 * Writes bytes one after the other into a buffer that is known to be large enough. Hot.
 */

/** Up to so many bytes a loop is cheaper than the call into the runtime. */
export const LOOP_BYTES = 48

export class ByteWriter {
  readonly out: Buffer
  /** Behind what has been written. */
  position: number

  constructor (out: Buffer, position: number) {
    this.out = out
    this.position = position
  }

  /** Writes `source[from, to)`. */
  range (source: Buffer, from: number, to: number): void {
    const length = to - from
    const { out, position } = this
    if (length > LOOP_BYTES) {
      source.copy(out, position, from, to)
    } else {
      for (let index = 0; index < length; index++) out[position + index] = source[from + index] ?? 0
    }
    this.position = position + length
  }

  all (source: Buffer): void {
    this.range(source, 0, source.length)
  }

  byte (byte: number): void {
    this.out[this.position++] = byte
  }

  /** Writes Latin-1 text. */
  text (text: string): void {
    this.position += this.out.write(text, this.position, 'latin1')
  }
}

const HTTP_11_LINE = Buffer.from(' HTTP/1.1\r\n', 'latin1')
const FORWARDED_HOST = Buffer.from('\r\nX-Forwarded-Host: ', 'latin1')
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1')
const CHUNKED = Buffer.from('\r\nTransfer-Encoding: chunked', 'latin1')
const TE_TRAILERS = Buffer.from('\r\nTE: trailers\r\nConnection: TE', 'latin1')
const LINE_END = Buffer.from('\r\n', 'latin1')
const ASTERISK = 0x2a
const SLASH = 0x2f
const VERSION_11 = Buffer.from('http/1.1\r\n', 'latin1')

/** More bytes than the names of the added fields, the framing fields and the host, twice written out, can take: a host is bounded. */
const SLACK_BYTES = 1_024

/** An upper bound of what rewriteRequestHead writes. */
export function rewrittenHeadBound (head: RequestHead, edits: RequestEdits): number {
  const hostLength = edits.forwardedHost === undefined ? 0 : edits.forwardedHost.length
  // Lines of Cookie that are written anew get a space that they may not have had.
  const spaces = head.versionCookies ? head.fields.count : 0
  const written = edits.prefix.length + edits.requestId.length + hostLength + head.upgrade.length + spaces
  return (head.end - head.start) + written + (edits.fields === null ? 0 : editedBytes(edits.fields)) + SLACK_BYTES
}

/** The most that edits make a head longer. */
function editedBytes ({ block, path, host }: FieldEdits): number {
  return block.length + (path === null ? 0 : path.by.length) + (host === null ? 0 : host.length)
}

/**
 * Writes the head to `out` from `at` on; there have to be rewrittenHeadBound() bytes.
 * @returns the position behind the head
 */
export function rewriteRequestHead (head: RequestHead, edits: RequestEdits, out: Buffer, at: number): number {
  // What an untrusted client says of where its request came from, in fields that Weir does not write itself.
  if (edits.dropClaims && head.claimsOrigin) head.fields.dropField(FIELD.originClaim)
  const { fields } = edits
  if (fields !== null) dropEdited(head, fields)
  const writer = new ByteWriter(out, at)
  writeRequestLine(head, fields === null ? null : fields.path, writer)
  writeKeptFields(head, writer)
  if (fields !== null && fields.host !== null) writeHost(fields.host, 0, fields.host.length, writer)
  else if (head.authorityEnd > head.authorityStart) writeHost(head.fields.buf, head.authorityStart, head.authorityEnd, writer)
  else if (head.hostLine < 0) writer.text(`Host: ${edits.defaultHost}\r\n`)
  writer.all(edits.prefix)
  writer.all(edits.requestId)
  writeForwardedHost(head, edits, writer)
  if (head.chunked) writer.all(CHUNKED)
  else if (head.rewriteLength) writer.text(`\r\nContent-Length: ${head.length}`)
  if (head.versionCookies) head.eachVersionCookie(cookies => { writer.text(`\r\nCookie: ${cookies}`) })
  if (head.rewriteExpect) writer.text('\r\nExpect: 100-continue')
  if (head.maxForwards > 0) writer.text(`\r\nMax-Forwards: ${head.maxForwards - 1}`)
  if (head.upgrade !== '') writer.text(`\r\nUpgrade: ${head.upgrade}\r\nConnection: Upgrade`)
  else if (head.acceptsTrailers) writer.all(TE_TRAILERS)
  if (fields === null || fields.block.length === 0) {
    writer.all(HEAD_END)
  } else {
    writer.all(LINE_END)
    writer.all(fields.block)
    writer.all(LINE_END)
  }
  return writer.position
}

/** A head that was written here, with edits that it did not have. All that is there goes on, but what the edits take out. */
export function editedHead (head: RequestHead, edits: FieldEdits): Buffer {
  const { fields, hostLine } = head
  const out = Buffer.allocUnsafe(head.end - head.start + editedBytes(edits) + SLACK_BYTES)
  const writer = new ByteWriter(out, 0)
  writeRequestLine(head, edits.path, writer)
  for (let line = 0; line < fields.count; line++) {
    if (line === hostLine && edits.host !== null) writeHost(edits.host, 0, edits.host.length, writer)
    else if (!isRemoved(fields, line, edits)) writer.range(fields.buf, fields.nameStart(line), fields.lineEnd(line))
  }
  writer.all(edits.block)
  writer.all(LINE_END)
  return out.subarray(0, writer.position)
}

function isRemoved (fields: FieldLines, line: number, { removed }: FieldEdits): boolean {
  return removed.some(name => fields.nameFolds(line, name))
}

function writeHost (source: Buffer, from: number, to: number, writer: ByteWriter): void {
  writer.text('Host: ')
  writer.range(source, from, to)
  writer.all(LINE_END)
}

/** The lines that edits take out. What origins take for the same name goes with it: it would come in place of what was set. */
function dropEdited ({ fields, hostLine }: RequestHead, { removed, host }: FieldEdits): void {
  for (const name of removed) {
    for (let line = 0; line < fields.count; line++) {
      if (!fields.nameFolds(line, name)) continue
      fields.dropLate(line)
      // Nothing of it goes on.
      if (fields.ids[line] === FIELD.versionCookie) fields.ids[line] = FIELD.cookie
    }
  }
  if (host !== null && hostLine >= 0) fields.dropLate(hostLine)
}

function writeRequestLine (head: RequestHead, path: PathEdit | null, writer: ByteWriter): void {
  const buf = head.fields.buf
  if (path !== null && writeEditedLine(head, path, writer)) return
  if (head.pathStart === head.targetStart && equalsLower(buf, head.targetEnd + 1, VERSION_11)) {
    writer.range(buf, head.start, head.lineEnd)
    return
  }
  writer.range(buf, head.start, head.targetStart)
  // RFC 9112 section 3.2.4: OPTIONS of an absolute form without path and query is about the whole server.
  if (head.pathStart === head.targetEnd && head.methodIs('OPTIONS')) writer.byte(ASTERISK)
  else if (buf[head.pathStart] !== SLASH && head.pathStart !== head.targetStart) writer.byte(SLASH)
  writer.range(buf, head.pathStart, head.targetEnd)
  writer.all(HTTP_11_LINE)
}

/** @returns false, with nothing written, when the edit leaves the path as it is */
function writeEditedLine (head: RequestHead, { prefix, by }: PathEdit, writer: ByteWriter): boolean {
  const { fields: { buf }, pathStart, targetEnd } = head
  const pathEnd = head.pathEnd()
  // The asterisk, or a URI without path and query in its place, is about the whole server.
  if (buf[pathStart] === ASTERISK || (pathStart === targetEnd && head.methodIs('OPTIONS'))) return false
  let from = pathEnd
  if (prefix !== null) {
    from = pathStart + prefix.length
    if (from > pathEnd || (from < pathEnd && buf[from] !== SLASH)) return false
    if (buf.compare(prefix, 0, prefix.length, pathStart, from) !== 0) return false
  }
  writer.range(buf, head.start, head.targetStart)
  writer.all(by)
  // A URI without a path means this one.
  if (from < pathEnd) writer.range(buf, from, pathEnd)
  else if (by.length === 0 || (prefix !== null && pathStart === pathEnd)) writer.byte(SLASH)
  writer.range(buf, pathEnd, targetEnd)
  writer.all(HTTP_11_LINE)
  return true
}

function writeKeptFields (head: RequestHead, writer: ByteWriter): void {
  const fields = head.fields
  let from = head.lineEnd
  for (let index = 0; index < fields.droppedCount; index++) {
    const line = fields.dropped[index] ?? 0
    writer.range(fields.buf, from, fields.nameStart(line))
    from = fields.lineEnd(line)
  }
  writer.range(fields.buf, from, head.end - 2)
}

function writeForwardedHost (head: RequestHead, edits: RequestEdits, writer: ByteWriter): void {
  const { fields, hostLine } = head
  const given = edits.forwardedHost
  if (given !== undefined) {
    writer.all(FORWARDED_HOST)
    writer.all(given)
  } else if (head.authorityEnd > head.authorityStart) {
    writer.all(FORWARDED_HOST)
    writer.range(fields.buf, head.authorityStart, head.authorityEnd)
  } else if (hostLine >= 0) {
    writer.all(FORWARDED_HOST)
    writer.range(fields.buf, fields.valueStart(hostLine), fields.valueEnd(hostLine))
  }
}
