import { DownstreamHttp1 } from '../../src/downstream/downstream-http1.ts'
import { Forwarding } from '../../src/downstream/forwarding.ts'
import type { ProxyBench } from './data-plane.ts'
import { StalledStream } from './stalled-stream.ts'

/** A client connection whose kernel is in the hands of the test. */
export interface StalledClient {
  readonly stream: StalledStream
  readonly connection: DownstreamHttp1
}

export function stalledClient (bench: ProxyBench): StalledClient {
  const stream = new StalledStream(bench.plane.sharedBuffer)
  const { plane } = bench
  const peer = { address: '127.0.0.1', secure: false, certificateSubject: undefined, port: 80 }
  const connection = new DownstreamHttp1(plane, new Forwarding(peer, plane.trustedProxies, plane.loops.name), bench.admit())
  stream.attach(connection)
  connection.start(stream)
  return { stream, connection }
}
