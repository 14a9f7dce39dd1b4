/**
 * The client's side of an exchange, whatever the protocol: the port through which the exchange answers.
 */
/** Who takes over a client connection that has been upgraded. */
export interface ClientSide {
  /**
   * Bytes from the client.
   * @returns has the kernel taken them, so that their buffer is free?
   */
  onClientBytes (bytes: Buffer): boolean
  /** The client will send no more. */
  onClientEnd (): void
  /** The client has taken what was written to it. */
  onClientDrain (): void
  /** The deadline set by waitFor has passed. */
  onDeadline (): void
}

export interface Downstream {
  /**
   * Writes bytes of the response as they go on the wire.
   * @returns false when they must stay untouched until the exchange is told of the drain
   */
  write (bytes: Buffer): boolean
  /** So many bytes of memory are kept until the client has taken what was written to it. */
  owe (bytes: number): void
  /** Stops and resumes the request's body. */
  pauseBody (): void
  resumeBody (): void
  /** Sets the deadline of what the exchange waits for, in milliseconds from now. */
  waitFor (timeoutMs: number): void
  /**
   * The response has been written.
   * @param keep another request may follow on the connection
   */
  exchangeEnded (keep: boolean): void
  /** Ends the client's connection if no request has begun to come; what was written goes out first. */
  endIdle (): void
  /** A tunnel begins: what the client sends from now on, and has sent behind its request, belongs to it. */
  startTunnel (tunnel: ClientSide): void
  /** Nothing more will be written through the tunnel; the client may still send. */
  endTunnel (): void
  /**
   * The response can't be completed: the client has to see that.
   * @param reset nothing but a reset shows it, because the end of the body would be the end of the connection
   */
  abort (reset: boolean): void
}
