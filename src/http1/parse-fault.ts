/**
 * Why a message was refused: one table for requests, responses and bodies. Parsers return the negative number of a fault,
 * so that the path of a good message makes no object.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'

interface FaultRow {
  /** What the access log and the error body say. */
  readonly text: string
  /** The error of a request with this fault. A response with any fault is `upstream_malformed`. */
  readonly code: ProxyErrorCode
}

const FAULTS = {
  bad_method: { text: 'the method is not a token', code: 'malformed_request' },
  bad_target: { text: 'the request target is not valid', code: 'malformed_request' },
  target_too_long: { text: 'the request target is too long', code: 'uri_too_long' },
  bad_version: { text: 'the HTTP version is not valid', code: 'malformed_request' },
  version_not_supported: { text: 'the HTTP version is not supported', code: 'version_not_supported' },
  bad_line_end: { text: 'a line does not end in CR LF', code: 'malformed_request' },
  bad_field_name: { text: 'a field name is not a token followed by a colon', code: 'malformed_request' },
  bad_field_value: { text: 'a field value holds a control character', code: 'malformed_request' },
  folded_field: { text: 'a field line is folded', code: 'malformed_request' },
  too_many_fields: { text: 'the header has too many fields', code: 'head_too_large' },
  head_too_large: { text: 'the header is too large', code: 'head_too_large' },
  missing_host: { text: 'there is no Host field', code: 'malformed_request' },
  repeated_host: { text: 'there is more than one Host field', code: 'malformed_request' },
  bad_host: { text: 'the value of Host is not a host', code: 'malformed_request' },
  bad_content_length: { text: 'the value of Content-Length is not a number', code: 'malformed_request' },
  repeated_content_length: { text: 'there is more than one Content-Length', code: 'malformed_request' },
  both_lengths: { text: 'there are both Content-Length and Transfer-Encoding', code: 'malformed_request' },
  repeated_transfer_encoding: { text: 'there is more than one Transfer-Encoding', code: 'malformed_request' },
  bad_transfer_encoding: { text: 'the transfer coding is not chunked', code: 'transfer_coding_not_supported' },
  transfer_encoding_in_http10: { text: 'an HTTP/1.0 message has a Transfer-Encoding', code: 'malformed_request' },
  bad_connection: { text: 'the value of Connection is not a list of tokens', code: 'malformed_request' },
  bad_max_forwards: { text: 'the value of Max-Forwards is not one number', code: 'malformed_request' },
  connect_method: { text: 'the method is CONNECT', code: 'method_not_supported' },
  unknown_expectation: { text: 'the expectation is not 100-continue', code: 'expectation_failed' },
  bad_chunk_size: { text: 'a chunk size is not a hexadecimal number', code: 'malformed_body' },
  bad_chunk_extension: { text: 'a chunk extension is not valid', code: 'malformed_body' },
  chunk_extension_too_long: { text: 'the chunk extensions are too long', code: 'malformed_body' },
  bad_chunk_end: { text: 'the data of a chunk is not followed by CR LF', code: 'malformed_body' },
  bad_trailer: { text: 'a trailer line is not valid', code: 'malformed_body' },
  trailers_too_large: { text: 'the trailer section is too large', code: 'head_too_large' },
  bad_status_line: { text: 'the status line is not valid', code: 'upstream_malformed' },
  unrequested_upgrade: { text: 'a 101 was not asked for', code: 'upstream_malformed' },
  too_many_interim: { text: 'there are too many 1xx responses', code: 'upstream_malformed' }
} as const satisfies Record<string, FaultRow>

export type ParseFault = keyof typeof FAULTS

const FAULT_NAMES = Object.keys(FAULTS) as readonly ParseFault[]

/** The negative number of each fault. */
export const FAULT = Object.fromEntries(FAULT_NAMES.map((name, index) => [name, -1 - index])) as Readonly<Record<ParseFault, number>>

/** The name of a fault's number. */
export function faultName (fault: number): ParseFault {
  const name = FAULT_NAMES[-1 - fault]
  if (name === undefined) throw new RangeError(`${fault} is not the number of a fault`)
  return name
}

/** The error code of a request with this fault. */
export function faultCode (fault: number): ProxyErrorCode {
  return FAULTS[faultName(fault)].code
}

/** A fault in words. */
export function faultText (fault: number): string {
  return FAULTS[faultName(fault)].text
}
