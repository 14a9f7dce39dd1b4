import { isLocalShortage } from '../core/local-shortage.ts'
import { TcpStream } from '../core/tcp-stream.ts'
import type { StreamIo } from '../core/worker-io.ts'
import type { Dialer, DialTarget, Transport } from './transport.ts'

/** TCP without anything above it. */
export class PlainTransport implements Transport {
  readonly identity = ''
  readonly #io: StreamIo

  constructor (io: StreamIo) {
    this.#io = io
  }

  dialerTo ({ address, port }: DialTarget): Dialer {
    const target = { address, port, io: this.#io.tcp }
    return {
      dial: (handler, buffer, onConnect) => TcpStream.connect(target, handler, buffer, onConnect),
      failed: reason => isLocalShortage(reason) ? 'connections_exhausted' : 'upstream_connect_failed'
    }
  }
}
