/**
 * The copy of a request as it is sent: made from the bytes that the real one was sent with.
 */
import type { MirrorSpec } from '../contract/mirror-spec.ts'
import { foldedName } from '../core/folded-name.ts'

/** By it an endpoint knows that nobody waits for its answer. Weir alone writes it. */
const SHADOW_FIELD = 'X-Weir-Shadow'

/** Framing is the copy's own, and it neither switches protocols nor waits for a 100. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'connection', 'content-length', 'expect', 'http2-settings', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'x-weir-shadow'
])

/** What an example says of a request. */
export interface RequestLine {
  readonly method: string
  /** Without the query. */
  readonly path: string
}

/** What a copy does not have: names as origins fold them. */
export function fieldsLeftOut ({ cookies, authorization, removeHeaders }: MirrorSpec): ReadonlySet<string> {
  const credentials = [...(cookies ? [] : ['cookie']), ...(authorization ? [] : ['authorization'])]
  return new Set([...OWN_FIELDS, ...removeHeaders.map(foldedName), ...credentials])
}

export interface CopiedRequest {
  readonly bytes: Buffer
  /** Of these, the bytes of the head. */
  readonly headLength: number
}

/**
 * @param head of the real request as it was sent, in the notation of HTTP/1.1
 * @param body unframed
 */
export function copiedRequest (head: Buffer, body: readonly Buffer[], leftOut: ReadonlySet<string>): CopiedRequest {
  const lines = head.toString('latin1').split('\r\n').filter(line => line !== '')
  const bodyBytes = body.reduce((sum, piece) => sum + piece.length, 0)
  const isFramed = bodyBytes > 0 || lines.some(line => /^(content-length|transfer-encoding):/i.test(line))
  const kept = lines.filter((line, index) => index === 0 || !leftOut.has(foldedName(line.slice(0, line.indexOf(':')))))
  const text = [...kept, `${SHADOW_FIELD}: 1`, ...(isFramed ? [`Content-Length: ${bodyBytes}`] : [])].join('\r\n')
  const headBytes = Buffer.from(`${text}\r\n\r\n`, 'latin1')
  return { bytes: Buffer.concat([headBytes, ...body]), headLength: headBytes.length }
}

export function requestLine (head: Buffer): RequestLine {
  const [line = ''] = head.toString('latin1', 0, Math.min(head.length, 4_096)).split('\r\n', 1)
  const [method = '', target = ''] = line.split(' ')
  const [path = ''] = target.split('?', 1)
  return { method, path }
}
