/**
 * Fields as lines, `name: value` and CR LF each (RFC 9110 section 5, RFC 9112 section 5): how Weir keeps fields that it adds, and trailers.
 * A version of HTTP that writes fields otherwise reads them out of it.
 */
export type FieldBlock = Buffer

/** The fields of a block in order, a character for each byte. */
export function fieldsOf (block: FieldBlock): ReadonlyArray<readonly [name: string, value: string]> {
  return block.toString('latin1').split('\r\n').filter(line => line !== '').map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}
