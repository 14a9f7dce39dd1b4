/**
 * The port to an endpoint: one attempt at one request, in whatever protocol the endpoint speaks.
 *
 * A call is taken from its endpoint, told of its events by `assign`, and given the request by `begin` or, when it has been sent before, by
 * `repeat`. It ends with `release` behind a whole answer, with `cancel`, or by itself, with onFailed. An object may serve one call after
 * the other.
 */
import type { BodyPiece, FieldBlock, HttpRequest, KeptRequest, RequestEdits } from '../http/http-request.ts'
import type { HttpResponse } from '../http/http-response.ts'
import type { ProxyErrorCode } from '../core/proxy-error.ts'

/** What a call has to know of the request, over all attempts the same. */
export interface RequestTerms {
  /** RFC 9110 section 9.2.2. */
  readonly idempotent: boolean
  /** It is a HEAD: its response has no body. */
  readonly toHead: boolean
  /** The protocols that the endpoint may switch to: the value of Upgrade; empty without one. */
  readonly offered: string
  /** Its credentials log in the connection that carries them. */
  readonly logsIn: boolean
}

/**
 * What a call tells of itself, in this order: ready, any number of interim heads, head, body pieces, end; or a switch instead of the
 * head; or failed at any point. After end, switch or failed nothing more comes. Heads and buffers are valid during the call only, but for
 * what `body` and `end` say.
 */
export interface CallEvents {
  /** The connection is open: the request may be sent. */
  onCallReady (): void
  /** A 1xx other than 101. */
  onInterim (head: HttpResponse): void
  /**
   * The endpoint has switched to `protocol`, one of those offered (RFC 9110 section 7.8).
   * @returns who takes over
   */
  onSwitch (head: HttpResponse, protocol: string): TunnelEvents | null
  /** The head of the final response; onBody or onEnd follows in the same turn. */
  onHead (head: HttpResponse): void
  /**
   * A piece of the body, unframed, in `buf[start, end)`; the room around it is free, behind a head of HTTP/1 as much as rewriting that one
   * takes, otherwise PIECE_ROOM. The buffer is lent: pause the call until a pending write is done.
   */
  onBody (buf: Buffer, start: number, end: number): void
  /** The last piece, empty perhaps, with the trailers. Who can't be done with it during the call says so at `release`. */
  onEnd (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): void
  /** What was sent has been taken, after a `send` or `body` that was not at once. */
  onCallDrain (): void
  /** The call has failed and is over. `fault` says what exactly. */
  onFailed (code: ProxyErrorCode, fault: string): void
}

/** What a call tells of a tunnel, after a switch. */
export interface TunnelEvents {
  /** Bytes for the client, in `buf[start, end)`, which is lent: pause the call until a pending write is done. */
  onTunnelBytes (buf: Buffer, start: number, end: number): void
  /** The endpoint will send no more. */
  onTunnelEnd (): void
  /** What was written has been taken, after a write that was not at once. */
  onCallDrain (): void
  /** Weir ends the tunnel. */
  abort (code: ProxyErrorCode, fault: string): void
  /** The connection is gone before the tunnel was closed. */
  onFailed (code: ProxyErrorCode, fault: string): void
}

export interface UpstreamCall {
  /** The connection is being opened: the request is sent when it is ready. */
  readonly connecting: boolean
  /** How long that took; -1 until it is open. */
  readonly connectMs: number
  /** Other requests have been answered on the same connection. */
  readonly reused: boolean
  /** Something of the request has been handed to the system. */
  readonly sent: boolean
  /** Something of an answer has come. */
  readonly sawBytes: boolean
  /** The endpoint has ended the connection in peace. */
  readonly ended: boolean
  /** All that was sent so far is kept, and can be sent again. */
  readonly whole: boolean
  /** Something of the request waits to be taken. */
  readonly writePending: boolean
  /** Whether somebody may be logged in on the connection: one of LOGIN. */
  readonly login: number
  /** What is kept for the call, in bytes. */
  readonly memoryBytes: number
  /** The request as far as it is kept. */
  readonly kept: KeptRequest
  assign (events: CallEvents, terms: RequestTerms): void
  /** Takes the request, but does not send it yet. `request` and `piece` are valid during the call only. @returns where it lies */
  begin (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest
  /** Takes a request that was kept, for another attempt. */
  repeat (kept: KeptRequest): void
  /** Sends what was begun. @returns has it been taken? Otherwise onCallDrain tells. */
  send (): boolean
  /** The same, when everything that has come in by now is handled; onCallDrain tells. */
  sendSoon (): void
  /**
   * Sends another piece of the body.
   * @param keepBytes the request is kept up to so many bytes
   * @returns has it been taken, so that its buffer is free?
   */
  body (piece: BodyPiece, keepBytes: number): boolean
  /** Stops and resumes the answer. */
  pause (): void
  resume (): void
  /**
   * The answer is whole.
   * @param complete so is the request: the connection may serve another one
   * @param taken the last piece's buffer is free
   * @returns the bytes of memory that are left to a pending write of that piece
   */
  release (complete: boolean, taken: boolean): number
  /** Ends the call at once; no event follows. */
  cancel (): void
  /** Of a tunnel. @returns have the bytes been taken, so that their buffer is free? */
  write (bytes: Buffer): boolean
  /** Nothing more will be written through the tunnel; the endpoint may still send. */
  end (): void
  /** Ends the tunnel so that the endpoint can't take what it has got for complete. */
  reset (): void
  /** The tunnel has ended from both sides. */
  finish (): void
  /** The endpoint of the tunnel is not used any more: it has so long to end, from when that was said first. */
  endTunnelAfter (graceMs: number): void
}

/** The calls to one endpoint, by one protocol. */
export interface EndpointCalls {
  /** A call needs no new connection. */
  readonly hasIdle: boolean
  /** A call on a connection that is there, or null. */
  takeIdle (): UpstreamCall | null
  /** A call on a connection of its own. @param timeoutMs for opening it; what holds for all routes by default */
  open (timeoutMs?: number): UpstreamCall
  /** Nobody names the endpoint any more: idle connections end now, those in use after their answer, tunnels after a while. */
  retire (): void
}

/**
 * What is known of a login on a connection to an endpoint, by schemes that log in the connection: NTLM, Negotiate. Such a connection is
 * never pooled.
 */
export const LOGIN = {
  none: 0,
  /** The endpoint has asked for one. */
  offered: 1,
  /** A client has sent credentials: the connection may be logged in, or be on the way to it. */
  sent: 2
} as const
