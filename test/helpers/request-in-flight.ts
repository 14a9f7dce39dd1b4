import type { ProxyBench } from './data-plane.ts'
import { get, type RawClient } from './raw-client.ts'
import type { OriginConnection, RawOrigin } from './raw-origin.ts'

/** Both sides of a request without an answer. */
export interface RequestInFlight {
  readonly origin: RawOrigin
  readonly client: RawClient
  /** Where the origin has got it. */
  readonly connection: OriginConnection
}

/** Sends a GET, and waits until the whole of it is with an origin, the only endpoint, that leaves answering to the test. */
export async function requestInFlight (bench: ProxyBench, request = get()): Promise<RequestInFlight> {
  const origin = await bench.origin()
  const client = await bench.client()
  client.expect('GET')
  client.send(request)
  const connection = await origin.connection()
  await connection.next()
  return { origin, client, connection }
}
