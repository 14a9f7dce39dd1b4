/**
 * What Weir adds to the head of a response, and how much that can be: buffers have room for it before each head.
 */
import { REQUEST_ID_NAME, VERSION_NAME } from '../http/response-fields.ts'
import { CHUNK_HEADROOM } from './chunk-framing.ts'

/** The longest id of a request that is believed, and the longest name of a version, as src/config/patterns.ts has it. */
const MAX_REQUEST_ID_BYTES = 128
const MAX_VERSION_NAME_BYTES = 63

/** Each line at its longest. Of the two framings a response gets one. */
const LONGEST_LINES = [
  'Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n',
  `Content-Length: ${Number.MAX_SAFE_INTEGER}\r\n`,
  'Connection: keep-alive\r\n',
  `${REQUEST_ID_NAME}: ${'x'.repeat(MAX_REQUEST_ID_BYTES)}\r\n`,
  `${VERSION_NAME}: ${'x'.repeat(MAX_VERSION_NAME_BYTES)}\r\n`
]

/** The most that is added to a head. */
export const MAX_ADDED_BYTES = LONGEST_LINES.join('').length

/** A space that the status line may lack. */
const MISSING_SPACE = 1
const ALIGNMENT = 64

/** Room that has to be free before the head of a response: for what is added to it, and the size of a chunk behind it. */
export const RESPONSE_HEADROOM = Math.ceil((MAX_ADDED_BYTES + MISSING_SPACE + CHUNK_HEADROOM) / ALIGNMENT) * ALIGNMENT
