/**
 * The strict parser of an HTTP/1.1 request head (RFC 9112 sections 2, 3 and 5).
 *
 * It works on bytes where they lie and records offsets; strings are made only when somebody asks. What RFC 9112 calls
 * invalid, or what two readers could read differently, is a fault. A head that is not complete yet can be parsed on, line
 * by line, when more bytes have come, so that a slow sender costs linear time.
 *
 * Hot: runs once for every request. One object is reused for many heads.
 */
import { OVERRIDE_FIELD } from '../core/override-names.ts'
import type { HttpRequest } from '../http/http-request.ts'
import { TARGET_CHAR, TOKEN_CHAR } from './char-table.ts'
import { CONNECTION, offeredUpgrade, usesLoginScheme } from './connection-options.ts'
import { expectsOnlyContinue, hostFault, hostOf, readMaxForwards, schemeBytes, viaNames } from './request-head-fields.ts'
import { FIELD, isProtectedInRequest } from './field-id.ts'
import { FieldLines, fitsLineShape, LINE_INCOMPLETE, LINE_PARSED, SECTION_END } from './field-lines.ts'
import { readConnection, readContentLength, readTransferEncoding } from './message-length.ts'
import { FAULT } from './parse-fault.ts'
import { claimsVersion, markVersionCookies, otherCookies } from './version-cookie.ts'

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const ASTERISK = 0x2a
const SLASH = 0x2f
const QUESTION = 0x3f
const MAX_METHOD_BYTES = 32
const HEAD_METHOD = 'HEAD '
const VERSION_FIELD = OVERRIDE_FIELD.toLowerCase()
/** `100-continue` */
const PLAIN_EXPECT_BYTES = 12
/** `HTTP/1.1\r\n` */
const VERSION_LINE_BYTES = 10
const VERSION_SHAPE = 'HTTP/#.#'

export interface RequestLimits {
  readonly maxHeadBytes: number
  readonly maxHeaderFields: number
  readonly maxUriBytes: number
}

/** How the body of a request is framed (RFC 9112 section 6.3). */
export const BODY = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const

export class RequestHead implements HttpRequest {
  readonly fields: FieldLines
  /** Where the request line starts, behind an ignored empty line. */
  start = 0
  /** Behind the empty line that ends the head. */
  end = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  /** Behind the request line. */
  lineEnd = 0
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 and later minors. */
  minor = 1
  protocol = 'HTTP/1.1'
  /** Bits of CONNECTION. */
  connection = 0
  /** The line of Host, or -1. */
  hostLine = -1
  /** Content-Length, or -1. */
  length = -1
  chunked = false
  /** The Content-Length line is not passed on as it came but written anew. */
  rewriteLength = false
  expectsContinue = false
  acceptsTrailers = false
  /** Max-Forwards of an OPTIONS or TRACE, or -1. */
  maxForwards = -1
  /** The line of Upgrade, or -1. */
  upgradeLine = -1
  asksUpgrade = false
  /** The protocols of Upgrade that are passed on; empty when none is. */
  upgrade = ''
  /** The line of X-Request-Id, or -1. */
  requestIdLine = -1
  /** Some FIELD.originClaim is among the fields. */
  claimsOrigin = false
  /** Somebody has passed it on before. */
  hasVia = false
  /** Some credentials log in the connection that carries them. */
  logsIn = false
  claimsVersion = false
  /** Some FIELD.versionCookie is among the fields. */
  versionCookies = false
  /** The target in absolute form: where its authority lies. */
  authorityStart = 0
  authorityEnd = 0
  /** Where the path lies: from the first slash, or the asterisk. */
  pathStart = 0
  readonly #limits: RequestLimits
  #atFields = false
  #keptExpect = false

  constructor (limits: RequestLimits) {
    this.#limits = limits
    this.fields = new FieldLines(limits.maxHeaderFields)
  }

  /** Has it been read to its end, whatever was wrong with it? */
  get whole (): boolean { return this.end > this.start }

  /** Starts a new head at `start` of `buf`. */
  reset (buf: Buffer, start: number): void {
    this.fields.reset(buf, start)
    this.start = start
    this.end = start
    this.minor = 1
    this.protocol = 'HTTP/1.1'
    this.connection = 0
    this.hostLine = -1
    this.length = -1
    this.chunked = false
    this.rewriteLength = false
    this.expectsContinue = false
    this.#keptExpect = false
    this.acceptsTrailers = false
    this.maxForwards = -1
    this.upgradeLine = -1
    this.asksUpgrade = false
    this.upgrade = ''
    this.requestIdLine = -1
    this.claimsOrigin = false
    this.hasVia = false
    this.logsIn = false
    this.claimsVersion = false
    this.versionCookies = false
    this.authorityStart = 0
    this.authorityEnd = 0
    this.#atFields = false
  }

  /** The bytes from `start` on now lie at `newStart` of `buf`. */
  rebase (buf: Buffer, newStart: number): void {
    const delta = newStart - this.start
    this.fields.rebase(buf, delta)
    this.start = newStart
    this.methodEnd += delta
    this.targetStart += delta
    this.targetEnd += delta
    this.lineEnd += delta
    this.pathStart += delta
    this.authorityStart += delta
    this.authorityEnd += delta
  }

  /**
   * Parses on with the bytes up to `end`.
   * @returns 1 when the head is complete, 0 when more bytes are needed, or the negative number of a fault
   */
  parse (end: number): number {
    const fields = this.fields
    if (!this.#atFields) {
      const outcome = this.#parseRequestLine(end)
      if (outcome < 0) return outcome
      if (outcome === 0) return end - this.start > this.#limits.maxHeadBytes ? FAULT.head_too_large : 0
      this.#atFields = true
      fields.next = this.lineEnd
    }
    for (;;) {
      const outcome = fields.parseLine(end)
      if (outcome === LINE_INCOMPLETE) return end - this.start > this.#limits.maxHeadBytes ? FAULT.head_too_large : 0
      if (outcome < 0) return outcome
      if (outcome === SECTION_END) break
      const line = fields.count - 1
      const id = fields.ids[line] ?? 0
      if (id !== FIELD.other) {
        const fault = this.#field(id, line)
        if (fault < 0) return this.#readOn(fault, end)
      }
    }
    this.end = fields.next
    if (this.end - this.start > this.#limits.maxHeadBytes) return FAULT.head_too_large
    return this.#finish()
  }

  /** Something is wrong with a field. The others are read all the same: by them the log names the client. @returns the fault */
  #readOn (fault: number, end: number): number {
    const { fields } = this
    let outcome = fields.parseLine(end)
    while (outcome === LINE_PARSED) {
      if (fields.ids[fields.count - 1] === FIELD.xRequestId) this.requestIdLine = fields.count - 1
      outcome = fields.parseLine(end)
    }
    if (outcome === SECTION_END) this.end = fields.next
    return fault
  }

  #parseRequestLine (end: number): number {
    const buf = this.fields.buf
    if (end - this.start >= 2 && buf[this.start] === CR && buf[this.start + 1] === LF && this.fields.next === this.start) {
      // RFC 9112 section 2.2: an empty line before the request line is ignored; one, so that nobody can send them for ever.
      this.start += 2
    }
    let pos = this.start
    if (pos >= end) return 0
    let byte = buf[pos] ?? 0
    while (TOKEN_CHAR[byte] === 1) {
      if (++pos >= end) return pos - this.start > MAX_METHOD_BYTES ? FAULT.bad_method : 0
      byte = buf[pos] ?? 0
    }
    if (byte === CR && pos === this.start && pos + 1 >= end) return 0
    if (byte !== SP || pos === this.start || pos - this.start > MAX_METHOD_BYTES) return FAULT.bad_method
    this.methodEnd = pos
    this.targetStart = pos + 1
    do {
      if (++pos >= end) return pos - this.targetStart > this.#limits.maxUriBytes ? FAULT.target_too_long : 0
      byte = buf[pos] ?? 0
    } while (TARGET_CHAR[byte] === 1)
    if (pos - this.targetStart > this.#limits.maxUriBytes) return FAULT.target_too_long
    if (byte !== SP || pos === this.targetStart) return byte === CR || byte === LF ? FAULT.bad_version : FAULT.bad_target
    this.targetEnd = pos
    return this.#parseVersion(pos + 1, end)
  }

  #parseVersion (pos: number, end: number): number {
    const buf = this.fields.buf
    if (end - pos < VERSION_LINE_BYTES) return fitsLineShape(buf, pos, end, VERSION_SHAPE) ? 0 : FAULT.bad_version
    // H T T P / 1 . 1 CR LF
    if (buf[pos] !== 0x48 || buf[pos + 1] !== 0x54 || buf[pos + 2] !== 0x54 || buf[pos + 3] !== 0x50 || buf[pos + 4] !== 0x2f ||
      buf[pos + 6] !== 0x2e) return FAULT.bad_version
    const major = (buf[pos + 5] ?? 0) - 0x30
    const minor = (buf[pos + 7] ?? 0) - 0x30
    if (major < 0 || major > 9 || minor < 0 || minor > 9) return FAULT.bad_version
    if (buf[pos + 8] !== CR || buf[pos + 9] !== LF) return buf[pos + 8] === LF ? FAULT.bad_line_end : FAULT.bad_version
    if (major !== 1) return FAULT.version_not_supported
    this.minor = minor === 0 ? 0 : 1
    if (minor === 0) this.protocol = 'HTTP/1.0'
    this.lineEnd = pos + VERSION_LINE_BYTES
    return this.#checkTarget()
  }

  /** RFC 9112 section 3.2: origin form, absolute form, and the asterisk of OPTIONS. */
  #checkTarget (): number {
    const buf = this.fields.buf
    const first = buf[this.targetStart]
    this.pathStart = this.targetStart
    if (first === SLASH) return this.methodIs('CONNECT') ? FAULT.connect_method : 1
    if (this.methodIs('CONNECT')) return FAULT.connect_method
    if (first === ASTERISK) return this.targetEnd - this.targetStart === 1 && this.methodIs('OPTIONS') ? 1 : FAULT.bad_target
    return this.#absoluteForm()
  }

  #absoluteForm (): number {
    const buf = this.fields.buf
    const start = this.targetStart
    let pos = start + schemeBytes(buf, start, this.targetEnd)
    if (pos === start) return FAULT.bad_target
    this.authorityStart = pos
    while (pos < this.targetEnd && buf[pos] !== SLASH && buf[pos] !== QUESTION) pos++
    this.authorityEnd = pos
    this.pathStart = pos
    return hostFault(buf, this.authorityStart, this.authorityEnd) < 0 ? FAULT.bad_target : 1
  }

  /** Takes note of a known field; returns the number of a fault or 0. */
  #field (id: number, line: number): number {
    const fields = this.fields
    switch (id) {
      case FIELD.host:
        if (this.hostLine >= 0) return FAULT.repeated_host
        this.hostLine = line
        return hostFault(fields.buf, fields.valueStart(line), fields.valueEnd(line))
      case FIELD.connection: return readConnection(this, line)
      case FIELD.contentLength: return readContentLength(this, line)
      case FIELD.transferEncoding: return readTransferEncoding(this, line)
      case FIELD.expect: return this.#expect(line)
      case FIELD.maxForwards: return readMaxForwards(this, line)
      case FIELD.te:
        fields.drop(line)
        if (/(^|,)[ \t]*trailers[ \t]*(,|$)/i.test(fields.value(line))) this.acceptsTrailers = true
        return 0
      case FIELD.upgrade:
        this.upgradeLine = line
        this.asksUpgrade = true
        fields.drop(line)
        return 0
      case FIELD.xRequestId:
        this.requestIdLine = line
        fields.drop(line)
        return 0
      case FIELD.xForwardedFor:
      case FIELD.xForwardedProto:
      case FIELD.xForwardedHost:
        fields.drop(line)
        return 0
      case FIELD.keepAlive:
      case FIELD.proxyConnection:
      case FIELD.http2Settings:
      case FIELD.lookalike:
        fields.drop(line)
        return 0
      case FIELD.reserved:
        if (fields.nameIs(line, VERSION_FIELD)) this.claimsVersion = true
        fields.drop(line)
        return 0
      case FIELD.cookie:
        if (claimsVersion(fields.buf, fields.valueStart(line), fields.valueEnd(line))) this.claimsVersion = this.versionCookies = true
        return 0
      case FIELD.originClaim:
        this.claimsOrigin = true
        return 0
      case FIELD.via:
        this.hasVia = true
        return 0
      case FIELD.credentials:
        if (usesLoginScheme(fields.buf, fields.valueStart(line), fields.valueEnd(line))) this.logsIn = true
        return 0
      default: return 0
    }
  }

  #expect (line: number): number {
    const { fields } = this
    const start = fields.valueStart(line)
    const end = fields.valueEnd(line)
    const found = expectsOnlyContinue(fields.buf, start, end)
    if (found < 0) return FAULT.unknown_expectation
    if (found > 0) this.expectsContinue = true
    // RFC 9110 section 10.1.1: a 1.0 client can't know what it asks for. Of others, one plain line goes on.
    if (this.minor === 1 && found > 0 && end - start === PLAIN_EXPECT_BYTES && !this.#keptExpect) this.#keptExpect = true
    else fields.drop(line)
    return 0
  }

  /** The expectation is passed on, but in no line that came. */
  get rewriteExpect (): boolean {
    return this.expectsContinue && this.minor === 1 && !this.#keptExpect
  }

  /** The rules that need the whole head. */
  #finish (): number {
    if (this.hostLine < 0 && this.minor === 1) return FAULT.missing_host
    if (this.chunked) {
      if (this.length >= 0) return FAULT.both_lengths
      if (this.minor === 0) return FAULT.transfer_encoding_in_http10
    }
    if ((this.connection & CONNECTION.nominates) !== 0) {
      const fault = this.fields.dropNominated(isProtectedInRequest)
      if (fault < 0) return fault
    }
    if (this.versionCookies) markVersionCookies(this.fields)
    // RFC 9112 section 3.2.2: the authority of an absolute form replaces Host.
    if (this.authorityEnd > this.authorityStart && this.hostLine >= 0) this.fields.dropLate(this.hostLine)
    return 1
  }

  /** How the body is framed: one of BODY. */
  framing (): number {
    if (this.chunked) return BODY.chunked
    return this.length > 0 ? BODY.length : BODY.none
  }

  /** RFC 9112 section 9.3: may the client's connection be kept? */
  keepsAlive (): boolean {
    if ((this.connection & CONNECTION.close) !== 0) return false
    return this.minor === 1 || (this.connection & CONNECTION.keepAlive) !== 0
  }

  /** Is the method this one? Methods are case-sensitive. */
  methodIs (method: string): boolean {
    if (this.methodEnd - this.start !== method.length) return false
    for (let index = 0; index < method.length; index++) {
      if (this.fields.buf[this.start + index] !== method.charCodeAt(index)) return false
    }
    return true
  }

  /** Is it a HEAD request, even if what follows the method is not valid? The answer to it has no content. */
  get beginsAsHead (): boolean {
    return this.fields.buf.toString('latin1', this.start, this.start + HEAD_METHOD.length) === HEAD_METHOD
  }

  method (): string {
    return this.fields.buf.toString('latin1', this.start, this.methodEnd)
  }

  /** The target as sent. */
  target (): string {
    return this.fields.buf.toString('latin1', this.targetStart, this.targetEnd)
  }

  /** The host and port as sent: of the absolute form if there is one (RFC 9112 section 3.2.2), else of Host. */
  authority (): string {
    if (this.authorityEnd > this.authorityStart) return this.fields.buf.toString('latin1', this.authorityStart, this.authorityEnd)
    return this.hostLine < 0 ? '' : this.fields.value(this.hostLine)
  }

  resource (): string {
    return this.fields.buf.toString('latin1', this.pathStart, this.targetEnd)
  }

  /** The offer goes on with the head when it is rewritten. */
  offers (allowed: ReadonlySet<string>): string {
    this.upgrade = offeredUpgrade(this, this.framing() !== BODY.none, allowed)
    return this.upgrade
  }

  viaNames (): Iterable<string> { return viaNames(this.fields) }

  eachField (visit: (name: string, value: string) => void): void {
    const { fields, hostLine } = this
    for (let line = 0; line < fields.count; line++) {
      if (line !== hostLine && fields.ids[line] !== FIELD.contentLength && !fields.isDropped(line)) {
        visit(fields.name(line), fields.value(line))
      }
    }
    if (this.versionCookies) this.eachVersionCookie(cookies => { visit('Cookie', cookies) })
  }

  /** What goes on of the lines of Cookie, one of which says which version the client wants. */
  eachVersionCookie (visit: (cookies: string) => void): void {
    const { fields } = this
    for (let line = 0; line < fields.count; line++) {
      const cookies = fields.ids[line] === FIELD.versionCookie ? otherCookies(fields, line) : ''
      if (cookies !== '') visit(cookies)
    }
  }

  host (): string { return hostOf(this.authority()) }

  path (): string {
    const end = this.pathEnd()
    return end === this.pathStart ? '/' : this.fields.buf.toString('latin1', this.pathStart, end)
  }

  query (): string {
    const end = this.pathEnd()
    return end >= this.targetEnd ? '' : this.fields.buf.toString('latin1', end + 1, this.targetEnd)
  }

  /** Where the path ends: before the query, or with the target. */
  pathEnd (): number {
    const buf = this.fields.buf
    let pos = this.pathStart
    while (pos < this.targetEnd && buf[pos] !== QUESTION) pos++
    return pos
  }

  header (lowerName: string): string | undefined {
    return this.fields.joined(lowerName)
  }
}
