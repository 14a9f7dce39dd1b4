/**
 * A request as an exchange gets it, in whatever version of HTTP it has come, and as routing sees it.
 */

import type { FieldEdits } from './field-edits.ts'

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

/** What placement may ask of a request. */
export interface PlacementView extends RequestView {
  /** It says which version it wants, by `X-Weir-Version` or the cookie `weir-version`: whether that counts is another question. */
  readonly claimsVersion: boolean
}

/**
 * Fields as lines, `name: value` and CR LF each (RFC 9110 section 5, RFC 9112 section 5): how Weir keeps fields that it adds, and trailers.
 * A version of HTTP that writes fields otherwise reads them out of it.
 */
export type FieldBlock = Buffer

/** The head. It is valid during the call that brings it. */
export interface HttpRequest extends PlacementView {
  /** `HTTP/1.1`. */
  readonly protocol: string
  /** The bytes of the body, as the head tells; -1 when it does not. */
  readonly length: number
  /** The client waits for a 100 before it sends the body, or goes without (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean
  /** Max-Forwards of an OPTIONS or TRACE (RFC 9110 section 7.6.2); -1 without one. */
  readonly maxForwards: number
  /** Some of its credentials log in the connection that carries them. */
  readonly logsIn: boolean
  /** It asks for another protocol; which of them are an offer says `offers`. */
  readonly asksUpgrade: boolean
  /** What `offers` has said: the endpoint is offered that. Empty before. */
  readonly upgrade: string
  /** Somebody has passed it on before. */
  readonly hasVia: boolean
  /** Is the method this one? Methods are case-sensitive. */
  methodIs (method: string): boolean
  /** Host and port as sent; empty without any. */
  authority (): string
  /** Path and query as sent. Empty when the target is a host alone; `*` for the asterisk form. */
  resource (): string
  /**
   * Of the protocols that the client offers those that are allowed, as a value of Upgrade; empty when there are none.
   * @param allowed names in lower case
   */
  offers (allowed: ReadonlySet<string>): string
  /** The names of those who have passed it on, as Via has them (RFC 9110 section 7.6.3). */
  viaNames (): Iterable<string>
  /** The fields that go on from end to end (RFC 9110 section 7.6.1), without Host, framing, and what only a proxy may say. */
  eachField (visit: (name: string, value: string) => void): void
}

/** What a request gets besides its own fields. Valid until the next request of the client. */
export interface RequestEdits {
  /** Via, X-Forwarded-For and -Proto as a field block, and the name of X-Request-Id with its colon and space. */
  readonly prefix: FieldBlock
  /** The value of X-Request-Id. */
  readonly requestId: Buffer
  /** The value of X-Forwarded-Host; undefined means that of Host. */
  readonly forwardedHost: Buffer | undefined
  /** The value of Host for a request that has none (HTTP/1.0); never the endpoint's address, which origins put into redirects. */
  readonly defaultHost: string
  /** What the request says of where it has come from is not believed, and does not go on. */
  readonly dropClaims: boolean
  /** What its route and version change besides; null for nothing. Whoever sends the request says so. */
  fields: FieldEdits | null
}

/**
 * A piece of a body, unframed, in `buf[start, end)`. PIECE_ROOM bytes before it and behind it are free, for framing. The buffer is lent
 * until its reader says that it has been taken.
 */
export interface BodyPiece {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly last: boolean
  /** The trailers, with the last piece. */
  readonly trailers: FieldBlock | undefined
}

/**
 * A request as far as it has been sent, kept so that it can be sent again or wait for an endpoint. It lies in the notation of HTTP/1.1,
 * in whatever version it has come and will go: who waits has no endpoint yet, and so no protocol. An exchange passes it on unread.
 */
export interface KeptRequest {
  readonly out: Buffer
  /** The bytes of `out` that are the request's. */
  readonly outLength: number
  /** Of these, the bytes of the head. */
  readonly headLength: number
  /** Its body is in chunks. */
  readonly chunked: boolean
}

/** More bytes than the framing around a piece takes, trailers not counted. */
export const PIECE_ROOM = 16
