/**
 * Fields as lines, `name: value` and CR LF each (RFC 9110 section 5, RFC 9112 section 5): how Weir keeps fields that it adds, and trailers.
 * A version of HTTP that writes fields otherwise reads them out of it.
 */
export type FieldBlock = Buffer
