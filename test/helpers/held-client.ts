import { DownstreamHttp1 } from '../../src/downstream/downstream-http1.ts'
import { Forwarding } from '../../src/downstream/forwarding.ts'
import type { ProxyBench } from './data-plane.ts'
import { HeldStream } from './held-stream.ts'

/** A client connection whose kernel is in the hands of the test. */
export interface HeldClient {
  readonly stream: HeldStream
  readonly connection: DownstreamHttp1
}

export function heldClient (bench: ProxyBench): HeldClient {
  const stream = new HeldStream(bench.plane.sharedBuffer)
  const connection = new DownstreamHttp1(bench.plane, new Forwarding({ address: '127.0.0.1', secure: false, certificateSubject: undefined }, bench.plane.trustedProxies, bench.plane.loops.name), bench.admit())
  stream.attach(connection)
  connection.start(stream)
  return { stream, connection }
}
