/**
 * An upgraded connection (RFC 9110 section 7.8): bytes both ways, each direction held up while its reader takes no more and
 * ended when its sender ends. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { TunnelSink } from '../upstream/tunnel-sink.ts'
import type { UpstreamConnection } from '../upstream/upstream-connection.ts'
import type { DataPlane } from './data-plane.ts'
import type { ClientSide, Downstream } from './downstream.ts'
import { count } from './finish.ts'
import { OwedSince } from './owed-since.ts'
import type { RouteRuntime, VersionRuntime } from './route-runtime.ts'

/** The two connections that a tunnel joins. */
export interface TunnelEnds {
  readonly downstream: Downstream
  readonly connection: UpstreamConnection
}

/** The exchange that the tunnel has come from, which accounts for it. */
export interface TunnelOwner {
  readonly route: RouteRuntime | null
  readonly version: VersionRuntime | null
  tunnelClosed (tunnel: Tunnel, error: ProxyErrorCode | null, fault: string): void
}

export class Tunnel implements TunnelSink, ClientSide {
  /** Bytes from the client and to the client. */
  bytesIn = 0
  bytesOut = 0
  readonly #plane: DataPlane
  readonly #downstream: Downstream
  readonly #connection: UpstreamConnection
  readonly #owner: TunnelOwner
  /** Who has sent an end, which the other one has been given. */
  #clientEnded = false
  #endpointEnded = false
  /** Who is not read from, because the other one takes no more. */
  readonly #clientHeld = new OwedSince()
  readonly #endpointHeld = new OwedSince()
  #closed = false

  constructor (plane: DataPlane, ends: TunnelEnds, owner: TunnelOwner) {
    this.#plane = plane
    this.#downstream = ends.downstream
    this.#connection = ends.connection
    this.#owner = owner
    this.#countOpen(1)
    if (owner.version !== null) count(owner.version.counters, SLOT.tunnelsTotal, 1)
  }

  #countOpen (change: number): void {
    const { version } = this.#owner
    if (version !== null) count(version.counters, SLOT.tunnels, change)
  }

  /**
   * Bytes from the client.
   * @returns has the kernel taken them, so that their buffer is free?
   */
  onClientBytes (bytes: Buffer): boolean {
    this.bytesIn += bytes.length
    const taken = this.#connection.write(bytes)
    if (!taken) {
      this.#clientHeld.begin(this.#plane.recentMs)
      this.#downstream.pauseBody()
    }
    this.waitOn()
    return taken
  }

  /**
   * Sets the deadline anew. Silence is the way of a tunnel, but not while somebody owes something: an end, or to read.
   * Whoever does not read gets no more time by sending.
   */
  waitOn (): void {
    const { recentMs, settings } = this.#plane
    const { tunnelIdle, streamIdle } = (this.#owner.route?.policy ?? settings).timeoutsMs
    const owedMs = Math.max(this.#clientHeld.forMs(recentMs), this.#endpointHeld.forMs(recentMs))
    this.#downstream.waitFor(this.#owed ? Math.max(1, Math.min(tunnelIdle, streamIdle - owedMs)) : tunnelIdle)
  }

  get #owed (): boolean {
    return this.#clientEnded || this.#endpointEnded || this.#clientHeld.owed || this.#endpointHeld.owed
  }

  /** The client will send no more. */
  onClientEnd (): void {
    if (this.#closed) return
    this.#clientEnded = true
    this.#connection.end()
    this.#goOn()
  }

  /** The client has taken what was written to it. */
  onClientDrain (): void {
    this.#endpointHeld.end()
    this.#connection.resume()
    this.waitOn()
  }

  /** The client is gone without an end. */
  onClientGone (): void {
    if (this.#closed) return
    this.#connection.reset()
    this.#close('client_gone', '')
  }

  /**
   * Whoever still waits for bytes or for an end gets a reset: an end would say that there was no more to come. A reset can
   * destroy what is on its way, so whoever has been given everything gets none.
   */
  onDeadline (): void {
    if (this.#closed) return
    const owed = this.#owed
    if (owed && (this.#clientHeld.owed || !this.#clientEnded)) this.#connection.reset()
    else this.#connection.destroy()
    this.#downstream.abort(owed && (this.#endpointHeld.owed || !this.#endpointEnded))
    this.#close('tunnel_idle', owed ? 'timeouts.streamIdle' : 'timeouts.tunnelIdle')
  }

  onTunnelBytes (buf: Buffer, start: number, end: number): void {
    this.bytesOut += end - start
    if (!this.#downstream.write(buf.subarray(start, end))) {
      this.#endpointHeld.begin(this.#plane.recentMs)
      this.#connection.pause()
    }
    this.waitOn()
  }

  onTunnelEnd (): void {
    if (this.#closed) return
    this.#endpointEnded = true
    this.#downstream.endTunnel()
    this.#goOn()
  }

  onUpstreamDrain (): void {
    if (this.#clientHeld.owed) {
      this.#clientHeld.end()
      this.#downstream.resumeBody()
    }
    this.#goOn()
  }

  /** Closes when both have ended and the endpoint has taken everything. What the client has not, its own connection waits for. */
  #goOn (): void {
    if (this.#clientEnded && this.#endpointEnded && !this.#clientHeld.owed) this.#close(null, '')
    else this.waitOn()
  }

  onUpstreamFailed (code: ProxyErrorCode, fault: string): void {
    if (this.#closed) return
    this.#downstream.abort(true)
    this.#close(code, fault)
  }

  /**
   * Ends the tunnel because Weir can't go on, or is not to. In the second case each side gets an end, unless something is
   * still on its way to it, or from the endpoint: only a reset says that.
   */
  abort (code: ProxyErrorCode, fault: string): void {
    if (this.#closed) return
    const broken = code === 'internal_error'
    if (broken || this.#clientHeld.owed || this.#endpointHeld.owed) this.#connection.reset()
    else this.#connection.finish()
    if (broken || this.#endpointHeld.owed) this.#downstream.abort(true)
    this.#close(code, fault)
  }

  #close (error: ProxyErrorCode | null, fault: string): void {
    this.#closed = true
    this.#countOpen(-1)
    if (error === null) this.#connection.finish()
    this.#owner.tunnelClosed(this, error, fault)
  }
}
