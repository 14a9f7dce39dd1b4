import type { AccessEntry } from './access-entry.ts'
import { jsonText } from './json-text.ts'

/** The longest text of a field, in characters; the rest is cut. Together they bound the length of a line. */
const LIMIT = { name: 64, short: 32, requestId: 128, fault: 256, host: 255, path: 1024 } as const

/**
 * No line is longer, however hostile the request: each character of a field is escaped to 6 bytes at most.
 * @internal a property test holds lines to it
 */
export const MAX_LINE_BYTES = 6 * (8 * LIMIT.name + 4 * LIMIT.short + LIMIT.requestId + LIMIT.fault + LIMIT.host + LIMIT.path) + 1024

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
      `,"failedOverFrom":${text(entry.failedOverFrom, LIMIT.name)}${isCut(entry) ? ',"cut":true' : ''}}\n`
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
