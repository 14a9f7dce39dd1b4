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
  readonly #context: DownstreamContext
  readonly #untilMs: number
  #over = false

  constructor (context: DownstreamContext, transport: net.Socket, client: ClientFacts, events: HandshakeEvents) {
    this.#context = context
    this.transport = transport
    this.client = client
    this.events = events
    const { firstByte, tlsHandshake } = context.settings.timeoutsMs
    const nowMs = context.clock.nowMs()
    this.#untilMs = nowMs + tlsHandshake
    this.deadlineMs = nowMs + Math.min(firstByte, tlsHandshake)
    context.deadlines.add(this)
    // After 'error' comes 'close'.
    transport.on('error', () => {})
    transport.once('close', () => { if (this.end()) events.failed() })
  }

  /** The handshake is over, in one way or the other. @returns was it not before? */
  end (): boolean {
    if (this.#over) return false
    this.#over = true
    this.#context.deadlines.remove(this)
    return true
  }

  onDeadline (): void {
    const silent = this.transport.bytesRead === 0
    if (!silent && this.#context.clock.nowMs() < this.#untilMs) {
      this.deadlineMs = this.#untilMs
      return
    }
    count(this.#context.page, silent ? CLOSED.first_byte_timeout : CLOSED.tls_handshake, 1)
    this.transport.destroy()
  }

  drain (): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#context.clock.nowMs() + DRAIN_HANDSHAKE_MS)
  }
}
