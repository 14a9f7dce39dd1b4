import { TcpStream } from '../core/tcp-stream.ts'
import type { Transport } from './transport.ts'

/** TCP without anything above it. */
export const plainTransport: Transport = {
  identity: '',
  dialerTo: target => ({
    dial: (handler, buffer, onConnect) => TcpStream.connect(target, handler, buffer, onConnect),
    failed: () => 'upstream_connect_failed'
  })
}
