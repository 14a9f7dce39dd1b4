/**
 * A request as an exchange gets it, in whatever version of HTTP it has come.
 */
import type { FieldBlock } from './field-block.ts'
import type { RequestView } from './request-view.ts'

/** The head. It is valid during the call that brings it. */
export interface HttpRequest extends RequestView {
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

/** More bytes than the framing around a piece takes, trailers not counted. */
export const PIECE_ROOM = 16
