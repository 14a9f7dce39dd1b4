/**
 * The port to a client: the way of one exchange's answer, whatever version of HTTP the client speaks. The connection behind it may carry
 * several exchanges at a time.
 *
 * An exchange says in this order: any number of interim heads; then a head, body pieces and an end, or an answer of Weir's own, or a
 * switch; and `ended`. Instead of what is missing it may say `abort`.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { FieldEdits } from '../http/field-edits.ts'
import type { FieldBlock } from '../http/http-request.ts'
import type { HttpResponse, ResponseFields } from '../http/http-response.ts'
import type { OwnAnswer } from '../http/own-answer.ts'

export interface Downstream {
  /** The client knows of interim responses. */
  readonly takesInterim: boolean
  /** @returns has it been taken? Otherwise the exchange is told of the drain. So with everything that is sent. */
  interim (head: HttpResponse): boolean
  /**
   * The head of the final response; `body` or `end` follows in the same turn. Valid during the call only, but for its bytes, which lie
   * before that piece.
   * @param fields what it gets besides
   * @param mayStay another request may follow on the client's connection, as far as the exchange knows
   */
  head (head: HttpResponse, fields: ResponseFields, mayStay: boolean): void
  /** A piece of the body, unframed, in `buf[start, end)`, with room around it as CallEvents says. It is lent until it has been taken. */
  body (buf: Buffer, start: number, end: number): boolean
  /** The last piece, empty perhaps, and the trailers. */
  end (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): boolean
  /** @returns the bytes of its body */
  answer (answer: OwnAnswer, fields: ResponseFields, mayStay: boolean): number
  /** So many bytes of memory are kept, besides those of this connection, until the client has taken what was sent. */
  owe (bytes: number): void
  /** The endpoint has switched to another protocol: what the client sends from now on, and has sent behind its request, is the tunnel's. */
  switchTo (head: HttpResponse, accepted: AcceptedSwitch, tunnel: ClientTunnel): void
  /** Bytes of a tunnel. */
  tunnelBytes (bytes: Buffer): boolean
  /** Nothing more will be written through the tunnel; the client may still send. */
  endTunnel (): void
  /** The tunnel is over, and nobody owes the client anything. */
  closeTunnel (): void
  /** Stops and resumes what the client sends: the body of its request, or its side of a tunnel. */
  pause (): void
  resume (): void
  /**
   * What has begun can't be completed, and the client has to see that.
   * @param code why
   */
  abort (code: ProxyErrorCode): void
  /**
   * The exchange is over.
   * @param mayStay another request may follow on the connection, as far as the exchange knows
   */
  ended (mayStay: boolean): void
}

/** To what an endpoint has switched. */
export interface AcceptedSwitch {
  readonly protocol: string
  /** What is changed in the head; null for nothing. */
  readonly edits: FieldEdits | null
}

/** What a client's connection tells a tunnel. */
export interface ClientTunnel {
  /** @returns have the bytes been taken, so that their buffer is free? */
  onClientBytes (bytes: Buffer): boolean
  /** The client will send no more. */
  onClientEnd (): void
  /** The client has taken what was written to it. */
  onClientDrain (): void
}
