/**
 * What an upstream connection tells a tunnel, after the endpoint has switched protocols on it.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'

export interface TunnelSink {
  /** Bytes for the client, in `buf[start, end)`, which is the connection's: hold up its reading until a pending write is done. */
  onTunnelBytes (buf: Buffer, start: number, end: number): void
  /** The endpoint will send no more. */
  onTunnelEnd (): void
  /** What was written has been taken by the kernel, after a write that was not at once. */
  onUpstreamDrain (): void
  /** Weir ends the tunnel. */
  abort (code: ProxyErrorCode, fault: string): void
  /** The connection is gone before the tunnel was closed. */
  onUpstreamFailed (code: ProxyErrorCode, fault: string): void
}
