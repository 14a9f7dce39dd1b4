/**
 * Writes the head of the request as an endpoint gets it (RFC 9110 section 7.6): hop-by-hop fields out, Via and
 * X-Forwarded-* in, framing fields canonical. All other bytes are copied in the ranges between the dropped lines.
 */
import { equalsLower } from './field-id.ts'
import type { RequestHead } from './request-head.ts'

/** What a request gets besides its own fields. */
export interface RequestAdditions {
  /** `Via`, `X-Forwarded-For` and `X-Forwarded-Proto` lines, and the name of `X-Request-Id` with its colon and space. */
  readonly prefix: Buffer
  /** The value of X-Request-Id. */
  readonly requestId: Buffer
  /** The value of X-Forwarded-Host; undefined means that of Host. */
  readonly forwardedHost: Buffer | undefined
  /** The value of Host for a request that has none (HTTP/1.0). */
  readonly defaultHost: string
}

const HTTP_11_LINE = Buffer.from(' HTTP/1.1\r\n', 'latin1')
const FORWARDED_HOST = Buffer.from('\r\nX-Forwarded-Host: ', 'latin1')
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1')
const CHUNKED = Buffer.from('\r\nTransfer-Encoding: chunked', 'latin1')
const TE_TRAILERS = Buffer.from('\r\nTE: trailers\r\nConnection: TE', 'latin1')
const ASTERISK = 0x2a
const SLASH = 0x2f
const VERSION_11 = Buffer.from('http/1.1\r\n', 'latin1')

/** More bytes than the additions, framing fields and a written-out Host can take beyond the head and the given values. */
const SLACK_BYTES = 512

/** An upper bound of what rewriteRequestHead writes. */
export function rewrittenHeadBound (head: RequestHead, additions: RequestAdditions): number {
  const forwardedHost = additions.forwardedHost === undefined ? head.authority().length : additions.forwardedHost.length
  return (head.end - head.start) + additions.prefix.length + additions.requestId.length + forwardedHost + SLACK_BYTES
}

/**
 * Writes the head to `out` from `at` on; there have to be rewrittenHeadBound() bytes.
 * @returns the position behind the head
 */
export function rewriteRequestHead (head: RequestHead, additions: RequestAdditions, out: Buffer, at: number): number {
  let pos = writeRequestLine(head, out, at)
  pos = writeKeptFields(head, out, pos)
  if (head.authorityEnd > head.authorityStart) {
    pos += out.write('Host: ', pos, 'latin1')
    pos = put(head.fields.buf, head.authorityStart, head.authorityEnd, out, pos)
    pos += out.write('\r\n', pos, 'latin1')
  } else if (head.hostLine < 0) {
    pos += out.write(`Host: ${additions.defaultHost}\r\n`, pos, 'latin1')
  }
  pos = put(additions.prefix, 0, additions.prefix.length, out, pos)
  pos = put(additions.requestId, 0, additions.requestId.length, out, pos)
  pos = writeForwardedHost(head, additions, out, pos)
  if (head.chunked) pos = put(CHUNKED, 0, CHUNKED.length, out, pos)
  else if (head.rewriteLength) pos += out.write(`\r\nContent-Length: ${head.length}`, pos, 'latin1')
  if (head.acceptsTrailers) pos = put(TE_TRAILERS, 0, TE_TRAILERS.length, out, pos)
  return put(HEAD_END, 0, HEAD_END.length, out, pos)
}

function writeRequestLine (head: RequestHead, out: Buffer, at: number): number {
  const buf = head.fields.buf
  if (head.pathStart === head.targetStart && equalsLower(buf, head.targetEnd + 1, VERSION_11)) {
    return put(buf, head.start, head.lineEnd, out, at)
  }
  let pos = put(buf, head.start, head.targetStart, out, at)
  // RFC 9112 section 3.2.4: OPTIONS of an absolute form without path and query is about the whole server.
  if (head.pathStart === head.targetEnd && head.methodIs('OPTIONS')) out[pos++] = ASTERISK
  else if (buf[head.pathStart] !== SLASH && head.pathStart !== head.targetStart) out[pos++] = SLASH
  pos = put(buf, head.pathStart, head.targetEnd, out, pos)
  return put(HTTP_11_LINE, 0, HTTP_11_LINE.length, out, pos)
}

function writeKeptFields (head: RequestHead, out: Buffer, at: number): number {
  const fields = head.fields
  let pos = at
  let from = head.lineEnd
  for (let index = 0; index < fields.droppedCount; index++) {
    const line = fields.dropped[index] ?? 0
    pos = put(fields.buf, from, fields.nameStart(line), out, pos)
    from = fields.lineEnd(line)
  }
  return put(fields.buf, from, head.end - 2, out, pos)
}

function writeForwardedHost (head: RequestHead, additions: RequestAdditions, out: Buffer, at: number): number {
  const given = additions.forwardedHost
  if (given !== undefined) {
    return put(given, 0, given.length, out, put(FORWARDED_HOST, 0, FORWARDED_HOST.length, out, at))
  }
  if (head.authorityEnd > head.authorityStart) {
    return put(head.fields.buf, head.authorityStart, head.authorityEnd, out, put(FORWARDED_HOST, 0, FORWARDED_HOST.length, out, at))
  }
  if (head.hostLine < 0) return at
  const pos = put(FORWARDED_HOST, 0, FORWARDED_HOST.length, out, at)
  return put(head.fields.buf, head.fields.valueStart(head.hostLine), head.fields.valueEnd(head.hostLine), out, pos)
}

/** Copies `source[from, to)`. Below some dozens of bytes a loop is cheaper than the call into the runtime. */
function put (source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const length = to - from
  if (length > 48) {
    source.copy(out, at, from, to)
  } else {
    for (let index = 0; index < length; index++) out[at + index] = source[from + index] ?? 0
  }
  return at + length
}
