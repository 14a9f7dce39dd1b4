/**
 * No bytes make a parser throw, and every refusal has a name and an error code.
 */
import fc from 'fast-check'
import { ChunkedDecoder } from '../../src/http1/chunked-decoder.ts'
import { connectionOptions } from '../../src/http1/connection-options.ts'
import { contentLength } from '../../src/http1/message-length.ts'
import { hostFault } from '../../src/http1/request-head-fields.ts'
import { faultCode, faultText } from '../../src/http1/parse-fault.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { ResponseHead } from '../../src/http1/response-head.ts'
import { anyRequestBytes, anyResponseBytes } from '../helpers/http1-grammar.ts'
import { latin1 } from '../helpers/http1-message.ts'
import { WIDE_LIMITS } from '../helpers/weir-http1-reader.ts'
import { defineCheck } from './fuzz-check.ts'
import type { FuzzCheck } from './fuzz-check.ts'

const anyBytes = fc.oneof(anyRequestBytes, anyResponseBytes, fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)))

/** An outcome is 1, 0 or a fault of the table: faultCode and faultText throw for any other number. */
function checkOutcome (outcome: number): void {
  if (outcome >= 0) {
    if (outcome > 1) throw new Error(`outcome ${outcome}`)
  } else if (faultCode(outcome) === undefined || faultText(outcome) === '') {
    throw new Error(`outcome ${outcome} says nothing`)
  }
}

/** Reads bytes as everything they could be; all objects are used again and again, as on a connection. */
function reader (): (bytes: Buffer) => void {
  const request = new RequestHead(WIDE_LIMITS)
  const response = new ResponseHead(WIDE_LIMITS)
  const decoder = new ChunkedDecoder()
  return bytes => {
    const end = bytes.length
    request.reset(bytes, 0)
    checkOutcome(request.parse(end))
    // Whoever logs a refused request may ask for these in any state.
    for (const text of [request.method(), request.target(), request.authority(), request.host(), request.path(), request.query()]) latin1(text)
    checkOutcome(response.parse(bytes, 0, end))
    decoder.reset()
    const decoded = decoder.decode(Buffer.from(bytes), 0, end)
    if (decoded > end || decoder.consumed > end) throw new Error('more was decoded than there is')
    if (decoded < 0) checkOutcome(decoded)
    for (const outcome of [hostFault(bytes, 0, end), Math.min(0, connectionOptions(bytes, 0, end)), Math.min(0, contentLength(bytes, 0, end))]) checkOutcome(outcome)
  }
}

export const robustnessChecks: readonly FuzzCheck[] = [
  defineCheck('no bytes make a parser throw', 4_000, anyBytes, reader())
]
