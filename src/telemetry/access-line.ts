/**
 * What the access log says of one request. Texts that do not apply are empty, numbers that do not apply are -1; both are
 * written as null. One object may be filled again for every request: the log keeps nothing of it.
 */
export interface AccessEntry {
  /** When the header of the request was whole, in milliseconds since the Unix epoch. */
  readonly wallMs: number
  /** Empty when no route matched. */
  readonly route: string
  /** Empty when no version was chosen. */
  readonly version: string
  /** The endpoint's key, such as `10.0.0.1:80`; empty when none was tried. */
  readonly endpoint: string
  readonly method: string
  readonly host: string
  /** The path without the query, which may carry secrets. */
  readonly path: string
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly protocol: string
  /** The status sent, or 499 when the client had gone. */
  readonly status: number
  /** A code of PROXY_ERRORS; empty when nothing failed. */
  readonly error: string
  /** What exactly was wrong, such as the fault that the parser found. */
  readonly fault: string
  /** What the client was recognised by: `client-ip`, `header`, `cookie` or `random`. */
  readonly stickyKey: string
  /** The hash of the sticky key, eight hexadecimal digits; empty when the version was drawn at random. */
  readonly keyHash: string
  /** The epoch of the weights that the version was drawn by. */
  readonly epoch: number
  /** Every request has one: that of a trusted proxy, or Weir's own. */
  readonly requestId: string
  readonly clientIp: string
  /** Body bytes from the client. */
  readonly bytesIn: number
  /** Body bytes to the client. */
  readonly bytesOut: number
  readonly durationMs: number
  /** Time to open the connection to the endpoint; -1 on a kept-alive one. */
  readonly connectMs: number
  /** Time from the request's start to the first byte of the endpoint's response. */
  readonly firstByteMs: number
  /** Attempts made, the first included. */
  readonly attempts: number
  /** The last attempt went out on a kept-alive connection. */
  readonly reused: boolean
  /** Why attempts before the last one failed, in order: `connect`, `reset` or a status, with commas between. */
  readonly retried: string
  /** The version that was chosen and had no endpoint, when another one was asked in its place. */
  readonly fallbackFrom: string
  /** The version that was chosen and failed, when another one has answered in its place. */
  readonly failedOverFrom: string
  /** What chose the version in place of the split: `override`, `list`, `match` or `never`. */
  readonly placement: string
  /** The list or version by which it did. */
  readonly placedBy: string
}

/** The longest text of a field, in characters; the rest is cut. Together they bound the length of a line. */
const LIMIT = { name: 64, short: 32, requestId: 128, fault: 256, host: 255, path: 1024 } as const

/**
 * No line is longer, however hostile the request: each character of a field is escaped to 6 bytes at most.
 * @internal a property test holds lines to it
 */
export const MAX_LINE_BYTES = 6 * (9 * LIMIT.name + 5 * LIMIT.short + LIMIT.requestId + LIMIT.fault + LIMIT.host + LIMIT.path) + 1024

/** Writes an entry as one line of ASCII JSON with its line feed. */
export class AccessLineFormat {
  /** The times of a busy worker share their second. */
  #second = -1
  #secondText = ''

  line (entry: AccessEntry): string {
    return `{"time":"${this.#time(entry.wallMs)}"` +
      `,"route":${text(entry.route, LIMIT.name)},"version":${text(entry.version, LIMIT.name)},"endpoint":${text(entry.endpoint, LIMIT.name)}` +
      `,"method":${text(entry.method, LIMIT.short)},"host":${text(entry.host, LIMIT.host)},"path":${text(entry.path, LIMIT.path)}` +
      `,"protocol":${text(entry.protocol, LIMIT.short)},"status":${integer(entry.status)}` +
      `,"error":${text(entry.error, LIMIT.name)},"fault":${text(entry.fault, LIMIT.fault)}` +
      `,"stickyKey":${text(entry.stickyKey, LIMIT.short)},"keyHash":${text(entry.keyHash, LIMIT.short)},"epoch":${integer(entry.epoch)},"requestId":${text(entry.requestId, LIMIT.requestId)}` +
      `,"clientIp":${text(entry.clientIp, LIMIT.name)}` +
      `,"bytesIn":${integer(entry.bytesIn)},"bytesOut":${integer(entry.bytesOut)}` +
      `,"durationMs":${milliseconds(entry.durationMs)},"connectMs":${milliseconds(entry.connectMs)},"firstByteMs":${milliseconds(entry.firstByteMs)}` +
      `,"attempts":${integer(entry.attempts)},"reused":${entry.reused ? 'true' : 'false'}` +
      `,"retried":${text(entry.retried, LIMIT.name)},"fallbackFrom":${text(entry.fallbackFrom, LIMIT.name)}` +
      `,"failedOverFrom":${text(entry.failedOverFrom, LIMIT.name)}` +
      `,"placement":${text(entry.placement, LIMIT.short)},"placedBy":${text(entry.placedBy, LIMIT.name)}${isCut(entry) ? ',"cut":true' : ''}}\n`
  }

  #time (wallMs: number): string {
    const second = Math.floor(wallMs / 1000)
    if (second !== this.#second) {
      // The largest time of ECMAScript is 8.64e15 ms; a clock that says otherwise must not throw here.
      const date = new Date(Math.abs(second) <= 8.64e12 ? second * 1000 : 0)
      this.#second = second
      this.#secondText = date.toISOString().slice(0, -4)
    }
    return `${this.#secondText}${String(Math.floor(wallMs - second * 1000)).padStart(3, '0')}Z`
  }
}

function text (value: string, limit: number): string {
  if (value === '') return 'null'
  return jsonText(value.length > limit ? value.slice(0, limit) : value)
}

function integer (value: number): string {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER ? String(Math.floor(value)) : 'null'
}

/** Three decimals: microseconds. */
function milliseconds (value: number): string {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1000 ? String(Math.round(value * 1000) / 1000) : 'null'
}

/** Was a text longer than its limit? Names of routes, versions and endpoints cannot be. */
function isCut (entry: AccessEntry): boolean {
  return entry.path.length > LIMIT.path || entry.host.length > LIMIT.host || entry.requestId.length > LIMIT.requestId ||
    entry.fault.length > LIMIT.fault || entry.method.length > LIMIT.short
}

/** Anything but printable ASCII without the quotation mark and the backslash. */
const NEEDS_ESCAPE = /[^ !#-[\]-~]/

const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x08: '\\b', 0x09: '\\t', 0x0a: '\\n', 0x0c: '\\f', 0x0d: '\\r', 0x22: '\\"', 0x5c: '\\\\'
}

const REPLACEMENT_CHARACTER = 0xfffd

/**
 * A text as a JSON string (RFC 8259), quotation marks included, in ASCII only: whatever bytes a client sent, the result is
 * valid in every encoding, on one line, and harmless to a terminal. Lone surrogates become U+FFFD, since many readers
 * refuse them even when escaped.
 */
export function jsonText (text: string): string {
  return NEEDS_ESCAPE.test(text) ? escaped(text) : `"${text}"`
}

function escaped (text: string): string {
  let result = '"'
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c) result += character
    else if (code > 0xffff) result += unicodeEscape(character.charCodeAt(0)) + unicodeEscape(character.charCodeAt(1))
    else if (code >= 0xd800 && code <= 0xdfff) result += unicodeEscape(REPLACEMENT_CHARACTER)
    else result += SHORT_ESCAPES[code] ?? unicodeEscape(code)
  }
  return result + '"'
}

function unicodeEscape (code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
