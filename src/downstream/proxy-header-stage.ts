/**
 * The first stage of a connection from a load balancer that speaks the PROXY protocol: waits for the header and gives the
 * connection on, with the bytes behind the header still to be read.
 */
import type net from 'node:net'
import type { Deadlined } from '../net/deadlines.ts'
import type { CloseReason } from '../telemetry/counter-layout.ts'
import type { DownstreamContext } from './downstream-context.ts'
import { readProxyHeader } from './proxy-header.ts'

/** While the worker drains, a connection without its header stays open for so long: what is on its way is served. */
const DRAIN_HEADER_MS = 500

export interface ProxyHeaderEvents {
  /**
   * The header is complete. What follows it is what the socket reads next.
   * @param source the client's address; undefined when the header leaves it at the peer's own
   */
  onHeader (source: string | undefined): void
  /**
   * There will be no header; the connection is to be closed.
   * @param reason why Weir closes it; undefined when the peer has left without a word, or the worker drains
   */
  onFailed (reason: CloseReason | undefined): void
}

export class ProxyHeaderStage implements Deadlined {
  deadlineMs = 0
  deadlineIndex = -1
  readonly #context: DownstreamContext
  readonly #socket: net.Socket
  readonly #events: ProxyHeaderEvents
  /** A header that has not come whole: fewer than MAX_HEADER_BYTES. */
  #begun: Buffer | null = null

  /** @param socket paused and unread */
  constructor (context: DownstreamContext, socket: net.Socket, events: ProxyHeaderEvents) {
    this.#context = context
    this.#socket = socket
    this.#events = events
  }

  /** Begins to read. One of the events follows, once. */
  start (): void {
    const context = this.#context
    const socket = this.#socket
    this.deadlineMs = context.readClock() + context.settings.timeoutsMs.firstByte
    context.deadlines.add(this)
    socket.on('readable', this.#onReadable)
    socket.on('end', this.#onGone)
    socket.on('error', this.#onGone)
    socket.on('close', this.#onGone)
  }

  readonly #onReadable = (): void => {
    for (;;) {
      const piece: unknown = this.#socket.read()
      if (!Buffer.isBuffer(piece)) return
      if (this.#take(this.#begun === null ? piece : Buffer.concat([this.#begun, piece]))) return
    }
  }

  /** @returns true when the stage is over */
  #take (bytes: Buffer): boolean {
    const header = readProxyHeader(bytes)
    if (header.state === 'incomplete') {
      this.#begun = bytes
      return false
    }
    this.#leave()
    if (header.state === 'malformed') {
      this.#events.onFailed('proxy_header')
      return true
    }
    if (header.length < bytes.length) this.#socket.unshift(bytes.subarray(header.length))
    this.#events.onHeader(header.source)
    return true
  }

  /** The peer has ended the connection, in peace or not. */
  readonly #onGone = (): void => {
    this.#leave()
    this.#events.onFailed(this.#begun === null ? undefined : 'proxy_header')
  }

  onDeadline (): void {
    this.#leave()
    if (this.#context.draining) this.#events.onFailed(undefined)
    else this.#events.onFailed(this.#begun === null ? 'first_byte_timeout' : 'proxy_header')
  }

  drain (): void {
    this.deadlineMs = Math.min(this.deadlineMs, this.#context.readClock() + DRAIN_HEADER_MS)
  }

  /** Lets go of the socket. */
  #leave (): void {
    const socket = this.#socket
    this.deadlineMs = 0
    this.#context.deadlines.remove(this)
    socket.off('readable', this.#onReadable)
    socket.off('end', this.#onGone)
    socket.off('error', this.#onGone)
    socket.off('close', this.#onGone)
  }
}
