/**
 * The strict parser of an HTTP/1.1 response head (RFC 9112 sections 4, 5 and 6). As strict as that of requests: an origin
 * that is ambiguous is a 502 for the client, never passed on; what is odd and has one reading is taken. A head that is not
 * complete yet can be parsed on, line by line, when more bytes have come.
 *
 * Hot: runs once for every response. One object is reused for many heads.
 */
import type { HttpResponse } from '../http/http-response.ts'
import { VALUE_CHAR } from './char-table.ts'
import { CONNECTION, keepAliveSeconds, offersLoginScheme } from './connection-options.ts'
import { FIELD } from './field-id.ts'
import { FieldLines, fitsLineShape, LINE_INCOMPLETE, SECTION_END } from './field-lines.ts'
import { readConnection, readResponseLength, readTransferEncoding } from './message-length.ts'
import { FAULT } from './parse-fault.ts'
import { BODY } from './request-head.ts'

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
/** `HTTP/1.1 200` */
const STATUS_BYTES = 12
const STATUS_SHAPE = 'HTTP/1.# ###'
const UPGRADE_REQUIRED = 426
/** An idle connection is left so long before its server closes it, so that no request crosses the close. */
const SPARE_S = 1

export interface ResponseLimits {
  readonly maxHeadBytes: number
  readonly maxHeaderFields: number
}

export class ResponseHead implements HttpResponse {
  readonly fields: FieldLines
  start = 0
  /** Behind the empty line that ends the head. */
  end = 0
  status = 0
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor = 1
  /** Where ` reason` starts: behind the status. */
  reasonStart = 0
  /** The CR of the status line. */
  reasonEnd = 0
  /** Behind the status line. */
  lineEnd = 0
  connection = 0
  length = -1
  chunked = false
  rewriteLength = false
  hasDate = false
  upgradeLine = -1
  /** How long the endpoint keeps the connection idle, in seconds; -1 when it does not say. */
  keepAliveS = -1
  /** The endpoint asks for a login that holds for the connection. */
  offersLogin = false
  /** A field that Weir may write itself is among the fields. */
  hasOwnField = false
  /** How the body is framed: one of BODY. Set by whoever knows which request is answered. */
  bodyFraming: number = BODY.none
  readonly limits: ResponseLimits

  constructor (limits: ResponseLimits) {
    this.limits = limits
    this.fields = new FieldLines(limits.maxHeaderFields)
  }

  /**
   * Parses the head that starts at `start`.
   * @returns 1 when it is complete, 0 when more bytes are needed, or the negative number of a fault
   */
  parse (buf: Buffer, start: number, end: number): number {
    this.reset(buf, start)
    return this.parseOn(end)
  }

  /**
   * Parses on behind the last complete line, with the bytes up to `end`.
   * @returns 1 when the head is complete, 0 when more bytes are needed, or the negative number of a fault
   */
  parseOn (end: number): number {
    const { fields, start } = this
    if (fields.next === start) {
      const outcome = this.#parseStatusLine(end)
      if (outcome < 0) return outcome
      if (outcome === 0) return end - start > this.limits.maxHeadBytes ? FAULT.head_too_large : 0
      fields.next = this.lineEnd
    }
    for (;;) {
      const line = fields.parseLine(end)
      if (line === LINE_INCOMPLETE) return end - start > this.limits.maxHeadBytes ? FAULT.head_too_large : 0
      if (line < 0) return line
      if (line === SECTION_END) break
      const id = fields.ids[fields.count - 1] ?? 0
      if (id !== FIELD.other) {
        const fault = this.#field(id, fields.count - 1)
        if (fault < 0) return fault
      }
    }
    this.end = fields.next
    if (this.end - start > this.limits.maxHeadBytes) return FAULT.head_too_large
    return this.#finish()
  }

  /** Starts a new head at `start` of `buf`. */
  reset (buf: Buffer, start: number): void {
    this.fields.reset(buf, start)
    this.start = start
    this.connection = 0
    this.length = -1
    this.chunked = false
    this.rewriteLength = false
    this.hasDate = false
    this.upgradeLine = -1
    this.keepAliveS = -1
    this.offersLogin = false
    this.hasOwnField = false
  }

  /** The bytes from `start` on now lie at `newStart` of `buf`. */
  rebase (buf: Buffer, newStart: number): void {
    const delta = newStart - this.start
    this.fields.rebase(buf, delta)
    this.start = newStart
    this.reasonStart += delta
    this.reasonEnd += delta
    this.lineEnd += delta
  }

  #parseStatusLine (end: number): number {
    const buf = this.fields.buf
    let pos = this.start
    if (end - pos < STATUS_BYTES + 1) return fitsLineShape(buf, pos, end, STATUS_SHAPE) ? 0 : FAULT.bad_status_line
    if (!this.#readStatus(pos)) return FAULT.bad_status_line
    pos += STATUS_BYTES
    this.reasonStart = pos
    let byte = buf[pos] ?? 0
    if (byte !== SP && byte !== CR) return FAULT.bad_status_line
    while (VALUE_CHAR[byte] === 1) {
      if (++pos >= end) return 0
      byte = buf[pos] ?? 0
    }
    if (byte !== CR) return FAULT.bad_status_line
    if (pos + 1 >= end) return 0
    if (buf[pos + 1] !== LF) return FAULT.bad_status_line
    this.reasonEnd = pos
    this.lineEnd = pos + 2
    return 1
  }

  /** `HTTP/1.` digit SP and three digits, the first of which is no zero: clients take what is above 599 for a 5xx (RFC 9110 section 15). */
  #readStatus (pos: number): boolean {
    const buf = this.fields.buf
    if (buf[pos] !== 0x48 || buf[pos + 1] !== 0x54 || buf[pos + 2] !== 0x54 || buf[pos + 3] !== 0x50 || buf[pos + 4] !== 0x2f ||
      buf[pos + 5] !== 0x31 || buf[pos + 6] !== 0x2e || buf[pos + 8] !== SP) return false
    const minor = (buf[pos + 7] ?? 0) - 0x30
    const hundreds = (buf[pos + 9] ?? 0) - 0x30
    const tens = (buf[pos + 10] ?? 0) - 0x30
    const ones = (buf[pos + 11] ?? 0) - 0x30
    if (minor < 0 || minor > 9 || hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return false
    this.minor = minor === 0 ? 0 : 1
    this.status = hundreds * 100 + tens * 10 + ones
    return true
  }

  #field (id: number, line: number): number {
    const fields = this.fields
    switch (id) {
      case FIELD.connection:
        // Whatever is meant, the field is not passed on, and a connection that is not used again needs no more of it.
        if (readConnection(this, line) < 0) this.connection |= CONNECTION.close | CONNECTION.nominates
        return 0
      case FIELD.contentLength: return readResponseLength(this, line, this.status >= 200 && this.status !== 204)
      case FIELD.transferEncoding: return readTransferEncoding(this, line)
      case FIELD.date:
        this.hasDate = true
        return 0
      case FIELD.xRequestId:
      case FIELD.reserved:
        this.hasOwnField = true
        return 0
      case FIELD.upgrade:
        this.upgradeLine = line
        // RFC 9110 section 15.5.22: a 426 says nothing without it.
        if (this.status !== UPGRADE_REQUIRED) fields.drop(line)
        return 0
      case FIELD.keepAlive:
        this.keepAliveS = keepAliveSeconds(fields.buf, fields.valueStart(line), fields.valueEnd(line))
        fields.drop(line)
        return 0
      case FIELD.proxyConnection:
      case FIELD.te:
        fields.drop(line)
        return 0
      case FIELD.challenge:
        if (offersLoginScheme(fields.buf, fields.valueStart(line), fields.valueEnd(line))) this.offersLogin = true
        return 0
      default: return 0
    }
  }

  #finish (): number {
    if (this.chunked && this.length >= 0) return FAULT.both_lengths
    if (this.chunked && this.minor === 0) return FAULT.transfer_encoding_in_http10
    if ((this.connection & CONNECTION.nominates) !== 0) {
      const fault = this.fields.dropNominated(isProtectedInResponse)
      if (fault < 0) return fault
    }
    return 1
  }

  /**
   * How the body is framed (RFC 9112 section 6.3): one of BODY.
   * @param toHead is this the answer to a HEAD request?
   */
  framing (toHead: boolean): number {
    const status = this.status
    if (toHead || status < 200 || status === 204 || status === 304) return BODY.none
    if (this.chunked) return BODY.chunked
    if (this.length >= 0) return this.length === 0 ? BODY.none : BODY.length
    return BODY.untilClose
  }

  eachField (visit: (name: string, value: string) => void): void {
    const { fields } = this
    for (let line = 0; line < fields.count; line++) {
      if (fields.ids[line] !== FIELD.contentLength && !fields.isDropped(line)) visit(fields.name(line), fields.value(line))
    }
  }

  /** May the connection to the endpoint be used again? */
  keepsAlive (): boolean {
    if ((this.connection & CONNECTION.close) !== 0 || (this.keepAliveS >= 0 && this.keepAliveS <= SPARE_S)) return false
    return this.minor === 1 || (this.connection & CONNECTION.keepAlive) !== 0
  }

  /** How long the connection may rest, in milliseconds: no longer than the endpoint keeps it, less a second. */
  idleTimeMs (limitMs: number): number {
    return this.keepAliveS < 0 ? limitMs : Math.min(limitMs, (this.keepAliveS - SPARE_S) * 1_000)
  }
}

function isProtectedInResponse (id: number): boolean {
  return id === FIELD.upgrade || id === FIELD.contentLength || id === FIELD.transferEncoding || id === FIELD.date
}
