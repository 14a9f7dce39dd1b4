/**
 * The transports of a worker: one for all versions that reach their endpoints in the same way.
 */
import type { SecureContext } from 'node:tls'
import type { WorkerIo } from '../net/worker-io.ts'
import type * as TlsModule from './tls-transport.ts'
import type { CalledEndpoint, Dialer, DialTarget, Transport } from './transport.ts'
import type { UpstreamTls } from '../contract/route-spec.ts'
import { isLocalShortage } from '../net/open-files.ts'
import { TcpStream } from '../net/tcp-stream.ts'
import { Http1Calls } from './http1-calls.ts'
import type { UpstreamContext } from './upstream-context.ts'

/** TCP without anything above it. */
export class PlainTransport implements Transport {
  readonly identity = ''
  readonly #context: UpstreamContext

  constructor (context: UpstreamContext) {
    this.#context = context
  }

  callsTo (endpoint: CalledEndpoint): Http1Calls {
    return new Http1Calls(endpoint, this.dialerTo(endpoint), this.#context)
  }

  dialerTo ({ address, port }: DialTarget): Dialer {
    const target = { address, port, io: this.#context.io.tcp }
    return {
      dial: (handler, buffer, onConnect) => TcpStream.connect(target, handler, buffer, onConnect),
      failed: reason => isLocalShortage(reason) ? 'connections_exhausted' : 'upstream_connect_failed'
    }
  }
}

/** What the transports of a worker share. */
interface TransportContext extends UpstreamContext {
  readonly io: WorkerIo
}

export class TransportBook {
  readonly #context: TransportContext
  readonly #plain: Transport
  /** Loaded when a version needs it: a worker without TLS does without 2 MiB. */
  #module: typeof TlsModule | undefined
  /** By identity. */
  #known = new Map<string, Transport>()
  #before = new Map<string, Transport>()
  /** By the digest of the authorities; '' for those that Node ships with. Parsing them is slow and they are large. */
  #contexts = new Map<string, SecureContext>()
  #contextsBefore = new Map<string, SecureContext>()

  constructor (context: TransportContext) {
    this.#context = context
    this.#plain = new PlainTransport(context)
  }

  /** May `of` be asked for TLS? */
  get loaded (): boolean { return this.#module !== undefined }

  /** Loads what TLS needs, and decides how it is used. */
  async load (): Promise<void> {
    await this.#context.io.decideTls()
    this.#module = await import('./tls-transport.ts')
  }

  /** Begins a new set of transports: what is not asked for until the next call is forgotten then. */
  renew (): void {
    this.#before = this.#known
    this.#contextsBefore = this.#contexts
    this.#known = new Map()
    this.#contexts = new Map()
  }

  /**
   * The way to the endpoints of a version.
   * @param tls undefined for plain TCP
   * @throws Error when TLS is asked for and not loaded
   */
  of (tls: UpstreamTls | undefined): Transport {
    if (tls === undefined) return this.#plain
    if (this.#module === undefined) throw new Error('TLS is not loaded')
    const { tlsIdentity, TlsTransport } = this.#module
    const identity = tlsIdentity(tls)
    const context = this.#contextOf(tls, this.#module)
    const transport = this.#known.get(identity) ?? this.#before.get(identity) ?? new TlsTransport(tls, context, this.#context)
    this.#known.set(identity, transport)
    return transport
  }

  #contextOf ({ ca }: UpstreamTls, { createClientContext }: typeof TlsModule): SecureContext {
    const key = ca?.digest ?? ''
    const context = this.#contexts.get(key) ?? this.#contextsBefore.get(key) ?? createClientContext(ca)
    this.#contexts.set(key, context)
    return context
  }
}
