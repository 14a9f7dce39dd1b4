/**
 * All endpoints of a worker by address and transport. What is alive about an endpoint (connections, requests in flight, health) is kept
 * here and survives every swap of routes and every update of endpoints.
 */
import { endpointKey } from '../core/endpoint.ts'
import type { DialTarget, Transport } from './transport.ts'
import type { AfterReads } from './upstream-context.ts'
import type { Candidate } from '../balancing/balancer.ts'
import { hashString } from '../core/hash.ts'
import { EndpointHealth } from '../health/endpoint-health.ts'
import type { EndpointCalls } from './upstream-call.ts'

/**
 * One endpoint as a worker uses it: how it does, what it has in flight, and the calls to it. It lives as long as any version of any route
 * names the address and reaches it in the same way, whatever is reloaded meanwhile.
 */
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
  eligible = true
  readonly calls: EndpointCalls

  constructor (target: DialTarget, transport: Transport) {
    const key = endpointKey(target)
    this.key = key
    this.transport = transport
    this.address = target.address
    this.port = target.port
    this.hash = hashString(key)
    this.health = new EndpointHealth(key)
    this.calls = transport.callsTo(this)
  }
}

interface Entry {
  readonly pool: EndpointPool
  users: number
}

export class EndpointPools {
  /** Never are connections shared by versions that do not trust the same peers. */
  readonly #entries = new Map<string, Entry>()
  readonly #context: AfterReads

  constructor (context: AfterReads) {
    this.#context = context
  }

  /** The pool of an endpoint, for one more user. */
  acquire (endpoint: DialTarget, transport: Transport): EndpointPool {
    const key = entryKey(endpoint, transport)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { pool: new EndpointPool(endpoint, transport), users: 0 }
      this.#entries.set(key, entry)
    }
    entry.users++
    return entry.pool
  }

  /**
   * One user less; without any at the end of the turn the endpoint is retired and forgotten. A reload that moves it from one version
   * to another says so in two messages, and between them it is nobody's: it has not gone for that, with its tunnels and its health.
   */
  release (pool: EndpointPool): void {
    const key = entryKey(pool, pool.transport)
    const entry = this.#entries.get(key)
    if (entry?.pool !== pool || --entry.users > 0) return
    this.#context.afterReads(() => {
      if (entry.users > 0 || this.#entries.get(key) !== entry) return
      this.#entries.delete(key)
      pool.calls.retire()
    })
  }

  /** Ends all idle connections and keeps no more: the worker is going. */
  retireAll (): void {
    for (const { pool } of this.#entries.values()) pool.calls.retire()
  }
}

function entryKey (endpoint: DialTarget, { identity }: Transport): string {
  return `${endpointKey(endpoint)} ${identity}`
}
