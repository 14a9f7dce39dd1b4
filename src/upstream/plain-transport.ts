import { isLocalShortage } from '../net/local-shortage.ts'
import { TcpStream } from '../net/tcp-stream.ts'
import type { StreamIo } from '../net/worker-io.ts'
import { Http1Calls } from './http1-calls.ts'
import type { CalledEndpoint, Dialer, DialTarget, Transport } from './transport.ts'
import type { UpstreamContext } from './upstream-context.ts'

/** TCP without anything above it. */
export class PlainTransport implements Transport {
  readonly identity = ''
  readonly #io: StreamIo

  constructor (io: StreamIo) {
    this.#io = io
  }

  callsTo (endpoint: CalledEndpoint, context: UpstreamContext): Http1Calls {
    return new Http1Calls(endpoint, this.dialerTo(endpoint), context)
  }

  dialerTo ({ address, port }: DialTarget): Dialer {
    const target = { address, port, io: this.#io.tcp }
    return {
      dial: (handler, buffer, onConnect) => TcpStream.connect(target, handler, buffer, onConnect),
      failed: reason => isLocalShortage(reason) ? 'connections_exhausted' : 'upstream_connect_failed'
    }
  }
}
