/**
 * The header fields that a proxy has to look at, recognised from their bytes without making a string.
 */
import { LOWER } from './char-table.ts'

/** Numbers of the known fields; 0 is any other field. */
export const FIELD = {
  other: 0,
  host: 1,
  connection: 2,
  contentLength: 3,
  transferEncoding: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  upgrade: 8,
  expect: 9,
  xForwardedFor: 10,
  xForwardedProto: 11,
  xForwardedHost: 12,
  xRequestId: 13,
  date: 14,
  maxForwards: 15,
  trailer: 16,
  http2Settings: 17
} as const

interface KnownField { readonly id: number, readonly bytes: Uint8Array }

const NAMES: ReadonlyArray<readonly [string, number]> = [
  ['host', FIELD.host], ['connection', FIELD.connection], ['content-length', FIELD.contentLength],
  ['transfer-encoding', FIELD.transferEncoding], ['keep-alive', FIELD.keepAlive], ['proxy-connection', FIELD.proxyConnection],
  ['te', FIELD.te], ['upgrade', FIELD.upgrade], ['expect', FIELD.expect], ['x-forwarded-for', FIELD.xForwardedFor],
  ['x-forwarded-proto', FIELD.xForwardedProto], ['x-forwarded-host', FIELD.xForwardedHost], ['x-request-id', FIELD.xRequestId],
  ['date', FIELD.date], ['max-forwards', FIELD.maxForwards], ['trailer', FIELD.trailer], ['http2-settings', FIELD.http2Settings]
]

const LONGEST = Math.max(...NAMES.map(([name]) => name.length))

/** Known fields by the length of their name: almost every unknown field is told apart by its length or first letter. */
const BY_LENGTH: ReadonlyArray<readonly KnownField[]> = Array.from({ length: LONGEST + 1 }, (_, length) =>
  NAMES.filter(([name]) => name.length === length).map(([name, id]) => ({ id, bytes: Buffer.from(name, 'latin1') })))

/** The number of the field whose name is `buf[start, end)`, in any case. */
export function fieldId (buf: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length > LONGEST) return FIELD.other
  const candidates = BY_LENGTH[length]
  if (candidates === undefined) return FIELD.other
  for (let index = 0; index < candidates.length; index++) {
    const candidate = candidates[index]
    if (candidate !== undefined && equalsLower(buf, start, candidate.bytes)) return candidate.id
  }
  return FIELD.other
}

/** Are the bytes at `start`, in lower case, those of `lower`? The caller knows that there are enough of them. */
export function equalsLower (buf: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let index = 0; index < lower.length; index++) {
    if (LOWER[buf[start + index] ?? 0] !== lower[index]) return false
  }
  return true
}
