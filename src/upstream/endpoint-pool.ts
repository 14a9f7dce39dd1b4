/**
 * One endpoint as a worker uses it: how it does, what it has in flight, and the calls to it. It lives as long as any version of any route
 * names the address and reaches it in the same way, whatever is reloaded meanwhile.
 */
import type { Candidate } from '../balancing/balancer.ts'
import { endpointKey } from '../core/endpoint.ts'
import { hashString } from '../core/hash.ts'
import { EndpointHealth } from '../health/endpoint-health.ts'
import type { DialTarget, Transport } from './transport.ts'
import type { EndpointCalls } from './upstream-call.ts'
import type { UpstreamContext } from './upstream-context.ts'

export class EndpointPool implements Candidate {
  /** `address:port`, as in logs. Endpoints that are reached in different ways may have the same. */
  readonly key: string
  readonly transport: Transport
  readonly address: string
  readonly port: number
  readonly hash: number
  inFlight = 0
  /** Of these, requests that came while it was on trial. */
  trials = 0
  /** Connections open or being opened, and those being opened. */
  open = 0
  connecting = 0
  /** What this worker knows of the endpoint's health; it survives reloads and updates of the endpoints. */
  readonly health: EndpointHealth
  available = true
  readonly calls: EndpointCalls

  constructor (target: DialTarget, transport: Transport, context: UpstreamContext) {
    const key = endpointKey(target)
    this.key = key
    this.transport = transport
    this.address = target.address
    this.port = target.port
    this.hash = hashString(key)
    this.health = new EndpointHealth(key)
    this.calls = transport.callsTo(this, context)
  }
}
