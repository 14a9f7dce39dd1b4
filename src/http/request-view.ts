/**
 * What routing may ask of a request. The HTTP/1 head parser implements it over bytes; tests implement it over plain values.
 */
export interface RequestView {
  /** The method as sent. */
  method (): string
  /** The host without port, in lower case; empty when the request has none. IPv6 literals keep their brackets. */
  host (): string
  /** The path as sent: from the first `/` of the target to `?` or the end. `*` for the asterisk form. */
  path (): string
  /** The query as sent, without `?`; empty when there is none. */
  query (): string
  /** The value of a field, a character for each byte; several lines are joined as the field's rule says. `lowerName` is in lower case. */
  header (lowerName: string): string | undefined
}
