/**
 * An upgraded connection (RFC 9110 section 7.8): bytes both ways, each direction held up while its reader takes no more and
 * ended when its sender ends. Hot.
 */
import type { ProxyErrorCode } from '../core/proxy-error.ts'
import type { EndpointPool } from '../upstream/endpoint-pools.ts'
import { SLOT } from '../telemetry/counter-layout.ts'
import type { TunnelEvents, UpstreamCall } from '../upstream/upstream-call.ts'
import type { ClientTunnel, Downstream } from './downstream.ts'
import type { ExchangeContext } from './exchange-context.ts'
import { count } from './finish.ts'
import { OwedSince } from './exchange-waits.ts'
import type { RequestFacts } from './request-facts.ts'
import type { RouteTunnel } from './route-runtime.ts'

/** The two sides that a tunnel joins. */
export interface TunnelEnds {
  readonly downstream: Downstream
  readonly call: UpstreamCall
  /** Whose call it is. */
  readonly endpoint: EndpointPool
}

/** The exchange that the tunnel has come from, which accounts for it. */
export interface TunnelOwner {
  readonly facts: RequestFacts
  /** Sets the deadline of the exchange, in milliseconds from now. */
  waitFor (timeoutMs: number): void
  tunnelClosed (tunnel: Tunnel, error: ProxyErrorCode | null, fault: string): void
}

export class Tunnel implements TunnelEvents, ClientTunnel, RouteTunnel {
  readonly endpoint: EndpointPool
  /** Bytes from the client and to the client. */
  bytesIn = 0
  bytesOut = 0
  readonly #context: ExchangeContext
  readonly #downstream: Downstream
  readonly #call: UpstreamCall
  readonly #owner: TunnelOwner
  /** Who has sent an end, which the other one has been given. */
  #clientEnded = false
  #endpointEnded = false
  /** Who is not read from, because the other one takes no more. */
  readonly #clientPaused = new OwedSince()
  readonly #endpointPaused = new OwedSince()
  #closed = false

  constructor (context: ExchangeContext, ends: TunnelEnds, owner: TunnelOwner) {
    this.#context = context
    this.#downstream = ends.downstream
    this.#call = ends.call
    this.endpoint = ends.endpoint
    this.#owner = owner
    this.#countOpen(1)
    const { route, version } = owner.facts
    if (version !== null) count(version.counters, SLOT.tunnelsTotal, 1)
    if (route === null) return
    route.tunnels.add(this)
    // It may have gone while the handshake was under way, and the route may have been compiled anew.
    if (context.routes.get(route.name)?.uses(this.endpoint) !== true) this.endSoon()
  }

  endSoon (): void { this.#call.endTunnelAfter(this.#context.settings.timeoutsMs.tunnelGrace) }

  #countOpen (change: number): void {
    const { version } = this.#owner.facts
    if (version !== null) count(version.counters, SLOT.tunnels, change)
  }

  /**
   * Bytes from the client.
   * @returns has the kernel taken them, so that their buffer is free?
   */
  onClientBytes (bytes: Buffer): boolean {
    this.bytesIn += bytes.length
    const taken = this.#call.write(bytes)
    if (!taken) {
      this.#clientPaused.begin(this.#context.recentMs)
      this.#downstream.pause()
    }
    this.waitOn()
    return taken
  }

  /**
   * Sets the deadline anew. Silence is the way of a tunnel, but not while somebody owes something: an end, or to read.
   * Whoever does not read gets no more time by sending.
   */
  waitOn (): void {
    const { recentMs, settings } = this.#context
    const { tunnelIdle, streamIdle } = (this.#owner.facts.route?.policy ?? settings).timeoutsMs
    const owedMs = Math.max(this.#clientPaused.forMs(recentMs), this.#endpointPaused.forMs(recentMs))
    this.#owner.waitFor(this.#owed ? Math.max(1, Math.min(tunnelIdle, streamIdle - owedMs)) : tunnelIdle)
  }

  get #owed (): boolean {
    return this.#clientEnded || this.#endpointEnded || this.#clientPaused.owed || this.#endpointPaused.owed
  }

  /** The client will send no more. */
  onClientEnd (): void {
    if (this.#closed) return
    this.#clientEnded = true
    this.#call.end()
    this.#goOn()
  }

  /** The client has taken what was written to it. */
  onClientDrain (): void {
    this.#endpointPaused.end()
    this.#call.resume()
    this.waitOn()
  }

  /** The client is gone without an end. */
  onClientGone (): void {
    if (this.#closed) return
    this.#call.reset()
    this.#close('client_gone', '')
  }

  /**
   * Whoever still waits for bytes or for an end gets a reset: an end would say that there was no more to come. A reset can
   * destroy what is on its way, so whoever has been given everything gets none.
   */
  onDeadline (): void {
    if (this.#closed) return
    const owed = this.#owed
    if (owed && (this.#clientPaused.owed || !this.#clientEnded)) this.#call.reset()
    else this.#call.cancel()
    if (owed && (this.#endpointPaused.owed || !this.#endpointEnded)) this.#downstream.abort('tunnel_idle')
    else this.#downstream.closeTunnel()
    this.#close('tunnel_idle', owed ? 'timeouts.streamIdle' : 'timeouts.tunnelIdle')
  }

  onTunnelBytes (buf: Buffer, start: number, end: number): void {
    this.bytesOut += end - start
    if (!this.#downstream.tunnelBytes(buf.subarray(start, end))) {
      this.#endpointPaused.begin(this.#context.recentMs)
      this.#call.pause()
    }
    this.waitOn()
  }

  onTunnelEnd (): void {
    if (this.#closed) return
    this.#endpointEnded = true
    this.#downstream.endTunnel()
    this.#goOn()
  }

  onCallDrain (): void {
    if (this.#clientPaused.owed) {
      this.#clientPaused.end()
      this.#downstream.resume()
    }
    this.#goOn()
  }

  /** Closes when both have ended and the endpoint has taken everything. What the client has not, its own connection waits for. */
  #goOn (): void {
    if (this.#clientEnded && this.#endpointEnded && !this.#clientPaused.owed) this.#close(null, '')
    else this.waitOn()
  }

  onFailed (code: ProxyErrorCode, fault: string): void {
    if (this.#closed) return
    this.#downstream.abort(code)
    this.#close(code, fault)
  }

  /**
   * Ends the tunnel because Weir can't go on, or is not to. In the second case each side gets an end, unless something is
   * still on its way to it, or from the endpoint: only a reset says that.
   */
  abort (code: ProxyErrorCode, fault: string): void {
    if (this.#closed) return
    const broken = code === 'internal_error'
    if (broken || this.#clientPaused.owed || this.#endpointPaused.owed) this.#call.reset()
    else this.#call.finish()
    if (broken || this.#endpointPaused.owed) this.#downstream.abort(code)
    this.#close(code, fault)
  }

  #close (error: ProxyErrorCode | null, fault: string): void {
    this.#closed = true
    this.#countOpen(-1)
    this.#owner.facts.route?.tunnels.delete(this)
    if (error === null) this.#call.finish()
    this.#owner.tunnelClosed(this, error, fault)
  }
}
