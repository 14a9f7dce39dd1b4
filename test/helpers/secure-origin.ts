import type { TlsOptions } from 'node:tls'
import type { Test } from 'tap'
import type { ProxyBench } from './data-plane.ts'
import { RawOrigin, type OriginHandler } from './raw-origin.ts'
import type { UpstreamTls } from '../../src/contract/route-spec.ts'

/** Both sides of the connections to an origin. */
export interface SecureOriginOptions {
  /** What the origin listens with. */
  readonly origin: TlsOptions
  /** What the version says of it. */
  readonly tls: UpstreamTls
  readonly handler?: OriginHandler
}

/** An origin that speaks TLS as the only endpoint of a route's only version, `v1`. */
export async function secureOrigin (t: Test, bench: ProxyBench, { origin: options, tls, handler }: SecureOriginOptions): Promise<RawOrigin> {
  const origin = await RawOrigin.startSecure(options, handler)
  t.teardown(async () => { await origin.close() })
  await secureRoute(bench, tls, origin.port)
  return origin
}

/** A route whose only version `v1` reaches its only endpoint by TLS. */
export async function secureRoute (bench: ProxyBench, tls: UpstreamTls, port: number): Promise<void> {
  await bench.routes.transports.load()
  bench.route([{ weights: { v1: 1 }, tls: { v1: tls } }])
  bench.endpoints('v1', [port])
}
