/**
 * One handshake of a client: it ends with a secure connection, or in time.
 */
import type net from 'node:net'
import type { ByteStream, ByteStreamHandler } from '../net/byte-stream.ts'
import type { Deadlined } from '../net/deadlines.ts'
import { CLOSED } from '../telemetry/counter-layout.ts'
import type { ClientFacts } from './client-facts.ts'
import type { DownstreamContext } from './downstream-context.ts'
import { count } from '../exchange/finish.ts'

/** While the worker drains, handshakes that are under way may go on for so long. */
const DRAIN_HANDSHAKE_MS = 500

/** Who waits for the handshake. One of the two is called, once. */
export interface HandshakeEvents {
  /** The connection is secure. `open` makes it a stream; it has to be called at once. */
  secured (client: ClientFacts, open: (handler: ByteStreamHandler) => ByteStream): void
  /** The connection is gone. */
  failed (): void
}

export class TlsHandshake implements Deadlined {
  deadlineMs: number
  deadlineIndex = -1
  readonly transport: net.Socket
  /** What is known of the client without TLS. */
  readonly client: ClientFacts
  readonly events: HandshakeEvents
  readonly #plane: DownstreamContext
  readonly #untilMs: number
  #over = false

  constructor (plane: DownstreamContext, transport: net.Socket, client: ClientFacts, events: HandshakeEvents) {
    this.#plane = plane
    this.transport = transport
    this.client = client
    this.events = events
    const { firstByte, tlsHandshake } = plane.settings.timeoutsMs
    const nowMs = plane.clock.nowMs()
    this.#untilMs = nowMs + tlsHandshake
    this.deadlineMs = nowMs + Math.min(firstByte, tlsHandshake)
    plane.deadlines.add(this)
    // After 'error' comes 'close'.
    transport.on('error', () => {})
    transport.once('close', () => { if (this.end()) events.failed() })
  }

  /** The handshake is over, in one way or the other. @returns was it not before? */
  end (): boolean {
    if (this.#over) return false
    this.#over = true
    this.#plane.deadlines.remove(this)
    return true
  }

  onDeadline (): void {
    const silent = this.transport.bytesRead === 0
    if (!silent && this.#plane.clock.nowMs() < this.#untilMs) {
      this.deadlineMs = this.#untilMs
      return
    }
    count(this.#plane.page, silent ? CLOSED.first_byte_timeout : CLOSED.tls_handshake, 1)
    this.transport.destroy()
  }

  drain (): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#plane.clock.nowMs() + DRAIN_HANDSHAKE_MS)
  }
}
