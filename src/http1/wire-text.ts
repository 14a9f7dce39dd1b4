/**
 * A text as it looks when its UTF-8 bytes are read from a connection: one character for each byte, as all field values are read here. So
 * what people write in UTF-8 (a configuration, a query of the admin API) is compared with the same bytes that clients send.
 */
export function wireText (text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
