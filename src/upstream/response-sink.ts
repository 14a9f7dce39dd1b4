/**
 * What an upstream connection tells the exchange that uses it. The calls come in this order: ready, any number of interim
 * heads, head, body pieces of which the last one says so; or failed at any point. After the last piece or failed nothing more comes.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { TunnelSink } from './tunnel-sink.ts'

/** What a connection has to know of the request, over all attempts the same. */
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

export interface ResponseSink {
  /** The connection is open: the request may be written. */
  onUpstreamReady (): void
  /** A 1xx other than 101. `head` and its bytes are valid during the call only. */
  onInterimHead (head: ResponseHead): void
  /**
   * The endpoint has switched to `protocol`, one of those offered (RFC 9110 section 7.8). `head` is valid during the call only.
   * @returns who takes over: nothing more comes to this sink
   */
  onUpgrade (head: ResponseHead, protocol: string): TunnelSink | null
  /** The head of the final response; an onResponseBody follows in the same turn. `framing` is one of BODY. */
  onResponseHead (head: ResponseHead, framing: number): void
  /**
   * A piece of the body, unframed, in `buf[start, end)`; RESPONSE_HEADROOM bytes before and READ_TAILROOM bytes after it
   * are free. The buffer is the connection's: hold up its reading (or give it another one) until a pending write is done.
   */
  onResponseBody (buf: Buffer, start: number, end: number, last: boolean): void
  /** The request has been taken by the kernel, after a write that was not at once. */
  onUpstreamDrain (): void
  /** The exchange with the endpoint has failed; the connection is gone. `fault` says what exactly. */
  onUpstreamFailed (code: ProxyErrorCode, fault: string): void
}
