/**
 * What a client connection is given: what all of a worker share, what its listener does, and what is known of its client.
 */
import type { ExchangeContext } from '../exchange/exchange-context.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { BufferPool } from '../net/buffer-pool.ts'
import type { ReadBuffer } from '../net/byte-stream.ts'
import type { TurnQueue } from '../net/turns.ts'
import type { WorkerIo } from '../net/worker-io.ts'
import type { AfterReads } from '../upstream/upstream-context.ts'
import type { ListenerSpec } from '../contract/listener-spec.ts'
import { CidrSet } from '../core/cidr-set.ts'

/** What all client connections of a worker share. */
export interface DownstreamContext extends ExchangeContext, AfterReads {
  readonly io: WorkerIo
  /** Clients that have sent more than one turn serves. */
  readonly turns: TurnQueue
  /** For bodies of requests, and what clients send through tunnels. */
  readonly bodyBuffers: BufferPool
  /** The same, when they come in small pieces. */
  readonly smallBuffers: BufferPool
  /** Where client connections read when no body is on its way. */
  readonly sharedBuffer: ReadBuffer
  /** Parsed heads are consumed at once, so one object serves all connections. */
  readonly requestHead: RequestHead
  /** Tells of a defect of Weir itself: the request that met it fails, and the others go on. */
  readonly reportDefect: (error: unknown) => void
  /** Descriptors that the connections of this worker may have; what is beyond them is for the rest of Weir. */
  readonly maxDescriptors: number
  /** The worker is on its way out: connections are not kept. */
  readonly draining: boolean
}

/**
 * What is known of a client from its connection alone.
 */
export interface ClientFacts {
  /** The address of the peer, or the one that a trusted load balancer has named in its PROXY header. */
  readonly address: string
  /** The connection is a TLS connection. */
  readonly secure: boolean
  /** The subject of the client's verified certificate, ready for a header field; undefined without one. */
  readonly certificateSubject: string | undefined
  /** The port of the listener. */
  readonly port: number
}

/**
 * What a listener does with the connections that it accepts.
 */

export interface ListenerSettings {
  readonly name: string
  /** Its place in the configuration, from 0. */
  readonly index: number
  /** The peers that begin with a PROXY header. */
  readonly proxyPeers: CidrSet
  /** The port to which requests are redirected under https; undefined when they are served. */
  readonly redirectPort: number | undefined
}

/** The settings of a listener, from its configuration. */
export function listenerSettings (
  config: Pick<ListenerSpec, 'name' | 'proxyProtocol' | 'redirectToHttps'>, index: number
): ListenerSettings {
  return {
    name: config.name,
    index,
    proxyPeers: new CidrSet(config.proxyProtocol?.from ?? []),
    redirectPort: config.redirectToHttps?.port
  }
}
