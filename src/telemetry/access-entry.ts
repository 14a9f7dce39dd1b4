/**
 * What the access log says of one request. Texts that do not apply are empty, numbers that do not apply are -1; both are
 * written as null. One object may be filled again for every request: the log keeps nothing of it.
 */
export interface AccessEntry {
  /** When the header of the request was whole, in milliseconds since the Unix epoch. */
  readonly wallMs: number
  /** Empty when no route matched. */
  readonly route: string
  /** Empty when no version was chosen. */
  readonly version: string
  /** The endpoint's key, such as `10.0.0.1:80`; empty when none was tried. */
  readonly endpoint: string
  readonly method: string
  readonly host: string
  /** The path without the query, which may carry secrets. */
  readonly path: string
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly protocol: string
  /** The status sent, or 499 when the client had gone. */
  readonly status: number
  /** A code of PROXY_ERRORS; empty when nothing failed. */
  readonly error: string
  /** What exactly was wrong, such as the fault that the parser found. */
  readonly fault: string
  /** What the client was recognised by: `client-ip`, `header`, `cookie` or `random`. */
  readonly stickyKey: string
  /** The hash of the sticky key, eight hexadecimal digits; empty when the version was drawn at random. */
  readonly keyHash: string
  /** The epoch of the weights that the version was drawn by. */
  readonly epoch: number
  /** Every request has one: that of a trusted proxy, or Weir's own. */
  readonly requestId: string
  readonly clientIp: string
  /** Body bytes from the client. */
  readonly bytesIn: number
  /** Body bytes to the client. */
  readonly bytesOut: number
  readonly durationMs: number
  /** Time to open the connection to the endpoint; -1 on a kept-alive one. */
  readonly connectMs: number
  /** Time from the request's start to the first byte of the endpoint's response. */
  readonly firstByteMs: number
  /** Attempts made, the first included. */
  readonly attempts: number
  /** The last attempt went out on a kept-alive connection. */
  readonly reused: boolean
  /** Why attempts before the last one failed, in order: `connect`, `reset` or a status, with commas between. */
  readonly retried: string
  /** The version that was chosen and had no endpoint, when another one was asked in its place. */
  readonly fallbackFrom: string
  /** The version that was chosen and failed, when another one has answered in its place. */
  readonly failedOverFrom: string
}
