/**
 * A client and an endpoint without sockets and without HTTP/1: the smallest implementations of the two ports of an exchange. The test is
 * the network between them.
 */
import { ClientLogins } from '../../src/upstream/client-logins.ts'
import { EndpointPools } from '../../src/upstream/endpoint-pools.ts'
import {
  type CallEvents, type EndpointCalls, LOGIN, type RequestTerms, type TunnelEvents, type UpstreamCall
} from '../../src/upstream/upstream-call.ts'
import type { CalledEndpoint, Transport } from '../../src/upstream/transport.ts'
import { Exchange } from '../../src/exchange/exchange.ts'
import type { AcceptedSwitch, ClientTunnel, Downstream } from '../../src/exchange/downstream.ts'
import type { ExchangeContext } from '../../src/exchange/exchange-context.ts'
import type { RequestOrigin } from '../../src/exchange/request-facts.ts'
import type { ProxyErrorCode } from '../../src/core/proxy-error.ts'
import { type BodyPiece, type FieldBlock, type HttpRequest, type KeptRequest, PIECE_ROOM, type RequestEdits } from '../../src/http/http-request.ts'
import type { HttpResponse, ResponseFields } from '../../src/http/http-response.ts'
import type { OwnAnswer } from '../../src/http/own-answer.ts'
import { FakeClock } from './fake-clock.ts'
import type { RouteConfig } from '../../src/config/schema.ts'
import type { AfterReads } from '../../src/upstream/upstream-context.ts'
import { MemoryContext } from './memory-context.ts'
import { testPolicy } from './route-defaults.ts'
import { RouteRuntime, VersionRuntime } from '../../src/exchange/route-runtime.ts'
import { ClientSketch } from '../../src/exchange/client-sketch.ts'
import { HoldQueue } from '../../src/exchange/hold-queue.ts'
import { RetryBudget } from '../../src/health/retry-budget.ts'
import { RouteTable } from '../../src/routing/route-table.ts'
import { Split } from '../../src/routing/split.ts'
import { compileStickyKey } from '../../src/routing/sticky-key.ts'
import { createBalancer } from '../../src/balancing/balancer.ts'
import { VersionPool } from '../../src/upstream/version-pool.ts'
import { SLOT_LENGTH } from '../../src/telemetry/counter-layout.ts'

type Fields = Readonly<Record<string, string>>

/** A head of no version of HTTP. */
export class MemoryRequest implements HttpRequest {
  readonly protocol = 'HTTP/memory'
  readonly length: number
  readonly expectsContinue: boolean
  readonly maxForwards = -1
  readonly logsIn = false
  readonly asksUpgrade: boolean
  readonly hasVia = false
  readonly claimsVersion: boolean
  upgrade = ''
  readonly #method: string
  readonly #path: string
  readonly #fields: Fields

  constructor (method: string, path: string, fields: Fields = {}) {
    this.#method = method
    this.#path = path
    this.#fields = fields
    this.length = Number(fields['content-length'] ?? (method === 'POST' ? -1 : 0))
    this.expectsContinue = fields['expect'] === '100-continue'
    this.asksUpgrade = fields['upgrade'] !== undefined
    this.claimsVersion = fields['x-weir-version'] !== undefined
  }

  method (): string { return this.#method }
  methodIs (method: string): boolean { return method === this.#method }
  authority (): string { return 'memory.test' }
  host (): string { return 'memory.test' }
  path (): string { return this.#path }
  query (): string { return '' }
  resource (): string { return this.#path }
  header (lowerName: string): string | undefined { return this.#fields[lowerName] }
  offers (allowed: ReadonlySet<string>): string {
    const asked = this.#fields['upgrade'] ?? ''
    this.upgrade = allowed.has(asked) ? asked : ''
    return this.upgrade
  }

  viaNames (): Iterable<string> { return [] }
  eachField (visit: (name: string, value: string) => void): void {
    for (const [name, value] of Object.entries(this.#fields)) if (name !== 'content-length' && name !== 'upgrade') visit(name, value)
  }
}

class MemoryResponse implements HttpResponse {
  readonly status: number
  readonly length: number
  readonly #fields: Fields

  constructor (status: number, fields: Fields = {}) {
    this.status = status
    this.length = Number(fields['content-length'] ?? -1)
    this.#fields = fields
  }

  eachField (visit: (name: string, value: string) => void): void {
    for (const [name, value] of Object.entries(this.#fields)) if (name !== 'content-length') visit(name, value)
  }
}

/** A piece with the room around it that the ports promise. */
export function memoryPiece (text: string, last: boolean, trailers?: string): BodyPiece {
  const buf = Buffer.alloc(text.length + 2 * PIECE_ROOM, '!')
  buf.write(text, PIECE_ROOM, 'latin1')
  return {
    buf,
    start: PIECE_ROOM,
    end: PIECE_ROOM + text.length,
    last,
    trailers: trailers === undefined ? undefined : Buffer.from(trailers, 'latin1')
  }
}

const ORIGIN: RequestOrigin = {
  isSecure: false,
  identify (_request, _trusted, identity) {
    identity.clientIp = '192.0.2.9'
    identity.requestId = ''
  },
  wayIn: () => ({ scheme: 'http', port: 80 }),
  edits: (_request, _identity, requestId, defaultHost): RequestEdits => ({
    prefix: Buffer.from('Via: memory weir\r\nX-Request-Id: '),
    requestId,
    forwardedHost: undefined,
    defaultHost,
    dropClaims: true,
    fields: null
  })
}

/** One stream of a client connection, with what it was told. */
export class MemoryDownstream implements Downstream {
  readonly log: string[] = []
  readonly takesInterim = true
  /** Does the client take what it is sent? */
  taking = true
  paused = false
  owed = 0
  tunnel: ClientTunnel | null = null
  readonly exchange: Exchange

  constructor (context: ExchangeContext, logins: ClientLogins) {
    this.exchange = new Exchange(context, this, { origin: ORIGIN, logins, redirectPort: undefined })
  }

  /** Takes everything. */
  drain (): void {
    this.taking = true
    this.tunnel?.onClientDrain()
    this.exchange.downstreamDrained()
  }

  interim (head: HttpResponse): boolean { return this.#told(`interim ${head.status}`) }

  head (head: HttpResponse, fields: ResponseFields, mayStay: boolean): void {
    const names: string[] = []
    head.eachField((name, value) => { if (!fields.replaces(name)) names.push(`${name}=${value}`) })
    this.#told(`head ${head.status} ${names.join(' ')}${mayStay ? '' : ' last'}`.trimEnd())
  }

  body (buf: Buffer, start: number, end: number): boolean { return this.#told(`body ${buf.toString('latin1', start, end)}`) }

  end (buf: Buffer, start: number, end: number, trailers: FieldBlock | undefined): boolean {
    const fields = trailers === undefined ? [] : fieldsOf(trailers).map(([name, value]) => `${name}=${value}`)
    return this.#told(['end', buf.toString('latin1', start, end), ...fields].filter(part => part !== '').join(' '))
  }

  answer ({ status, body }: OwnAnswer): number {
    this.#told(`answer ${status}`)
    return body.length
  }

  switchTo (head: HttpResponse, { protocol }: AcceptedSwitch, tunnel: ClientTunnel): void {
    this.tunnel = tunnel
    this.#told(`switch ${head.status} ${protocol}`)
  }

  tunnelBytes (bytes: Buffer): boolean { return this.#told(`tunnel ${bytes.toString('latin1')}`) }
  endTunnel (): void { this.#told('tunnel end') }
  closeTunnel (): void { this.#told('tunnel closed') }
  pause (): void { this.paused = true }
  resume (): void { this.paused = false }
  owe (bytes: number): void { this.owed += bytes }
  abort (code: ProxyErrorCode): void { this.#told(`abort ${code}`) }
  ended (mayStay: boolean): void { this.#told(mayStay ? 'ended' : 'ended, last') }

  #told (what: string): boolean {
    this.log.push(what)
    return this.taking
  }
}

/** One attempt, with what the endpoint got of it. */
export class MemoryCall implements UpstreamCall {
  readonly log: string[] = []
  connecting = true
  connectMs = -1
  reused = false
  sent = false
  sawBytes = false
  ended = false
  whole = true
  writePending = false
  readonly login = LOGIN.none
  readonly memoryBytes = 0
  kept: KeptRequest = { out: Buffer.alloc(0), outLength: 0, headLength: 0, chunked: false }
  /** Does the endpoint take what it is sent? */
  taking = true
  events: CallEvents | null = null
  terms: RequestTerms | null = null
  tunnelEvents: TunnelEvents | null = null
  readonly key: string
  readonly #keep: ExchangeContext['keepRequest']

  constructor (key: string, keep: ExchangeContext['keepRequest']) {
    this.key = key
    this.#keep = keep
  }

  assign (events: CallEvents, terms: RequestTerms): void {
    this.events = events
    this.terms = terms
  }

  begin (request: HttpRequest, edits: RequestEdits, piece: BodyPiece): KeptRequest {
    this.kept = this.#keep(request, edits, piece)
    this.log.push(`begin ${request.method()} ${request.path()} ${text(piece)}`.trimEnd())
    return this.kept
  }

  repeat (kept: KeptRequest): void {
    this.kept = kept
    this.log.push('repeat')
  }

  send (): boolean {
    this.sent = true
    this.log.push('send')
    return this.taking
  }

  sendSoon (): void { this.send() }

  body (piece: BodyPiece, keepBytes: number): boolean {
    this.whole &&= keepBytes > 0
    this.log.push(`body ${text(piece)}`.trimEnd())
    return this.taking
  }

  pause (): void { this.log.push('pause') }
  resume (): void { this.log.push('resume') }

  release (complete: boolean, taken: boolean): number {
    this.events = null
    this.log.push(complete ? 'release' : 'release, not whole')
    return taken ? 0 : 100
  }

  cancel (): void {
    if (this.events === null && this.tunnelEvents === null) return
    this.events = this.tunnelEvents = null
    this.log.push('cancel')
  }

  write (bytes: Buffer): boolean {
    this.log.push(`tunnel ${bytes.toString('latin1')}`)
    return this.taking
  }

  end (): void { this.log.push('tunnel end') }
  reset (): void { this.log.push('reset') }
  finish (): void { this.log.push('finish') }
  endTunnelAfter (): void {}

  /** The connection is open. */
  open (): void {
    this.connecting = false
    this.connectMs = 1
    this.events?.onCallReady()
  }

  interim (status: number): void {
    this.sawBytes = true
    this.events?.onInterim(new MemoryResponse(status))
  }

  head (status: number, fields: Fields = {}): void {
    this.sawBytes = true
    this.events?.onHead(new MemoryResponse(status, fields))
  }

  piece (body: string): void {
    const { buf, start, end } = memoryPiece(body, false)
    this.events?.onBody(buf, start, end)
  }

  last (body: string, trailers?: string): void {
    const piece = memoryPiece(body, true, trailers)
    this.events?.onEnd(piece.buf, piece.start, piece.end, piece.trailers)
  }

  answer (status: number, body: string): void {
    this.head(status)
    this.last(body)
  }

  switchTo (protocol: string): void {
    this.tunnelEvents = this.events?.onSwitch(new MemoryResponse(101), protocol) ?? null
    this.events = null
  }

  fail (code: ProxyErrorCode): void {
    const { events, tunnelEvents } = this
    this.events = this.tunnelEvents = null
    if (events !== null) events.onFailed(code, 'memory')
    else tunnelEvents?.onFailed(code, 'memory')
  }

  drain (): void {
    this.taking = true
    if (this.events !== null) this.events.onCallDrain()
    else this.tunnelEvents?.onCallDrain()
  }
}

function text ({ buf, start, end, last, trailers }: BodyPiece): string {
  const fields = trailers === undefined ? '' : ` ${fieldsOf(trailers).map(([name, value]) => `${name}=${value}`).join(' ')}`
  return `${buf.toString('latin1', start, end)}${last ? '.' : ''}${fields}`
}

/** What peers need of what exchanges share: they put a route of their own into it. */
interface MemoryPeersContext extends ExchangeContext, AfterReads {
  routes: ReadonlyMap<string, RouteRuntime>
  table: RouteTable<RouteRuntime>
}

/** A route with two endpoints that are reached by no protocol, and clients that speak none. */
export class MemoryPeers {
  readonly clock: FakeClock
  readonly context: MemoryPeersContext
  /** In the order in which they were made. */
  readonly calls: MemoryCall[] = []
  readonly pools: EndpointPools
  readonly counters = new Float64Array(SLOT_LENGTH)
  readonly #downstreams: MemoryDownstream[] = []

  /** @param context whose routes are replaced by this one; it has no sockets and no codec by default */
  constructor (policy: Partial<RouteConfig> = {}, endpoints = 2, context?: MemoryPeersContext) {
    this.clock = new FakeClock()
    this.context = context ?? new MemoryContext(this.clock)
    const { calls, context: shared } = this
    this.pools = new EndpointPools(shared)
    const transport: Transport = {
      identity: 'memory',
      callsTo: ({ key }: CalledEndpoint): EndpointCalls => ({
        hasIdle: false,
        takeIdle: () => null,
        open () {
          const call = new MemoryCall(key, (...request) => shared.keepRequest(...request))
          calls.push(call)
          return call
        },
        retire () {}
      })
    }
    const spec = testPolicy(policy)
    const pool = new VersionPool(this.pools, createBalancer('round-robin', 'version', () => 0), {
      transport, health: spec.health, circuitBreaker: spec.circuitBreaker, random: () => 0, nowMs: () => shared.recentMs, onHealthEvent () {}
    })
    pool.update(Array.from({ length: endpoints }, (_, index) => ({
      address: '192.0.2.1', port: index + 1, ready: true, serving: true, terminating: false
    })))
    const version = new VersionRuntime('v1', 0, pool, this.counters)
    const route = new RouteRuntime(
      'memory',
      { stickyKey: compileStickyKey({ by: 'none', level: 'version' }, () => 0), policy: spec, failover: null },
      { versions: [version], split: new Split('memory', ['v1'], [1]), epoch: 1 },
      { hold: new HoldQueue(spec.hold, callback => { shared.afterReads(callback) }), budget: new RetryBudget(spec.retries.budget), tunnels: new Set(), watch: null, clients: new ClientSketch(['v1'], 64) }
    )
    shared.routes = new Map([['memory', route]])
    shared.table = new RouteTable([{ match: {}, payload: route }])
  }

  /** Streams of one client connection. */
  streams (count: number): readonly MemoryDownstream[] {
    const logins = new ClientLogins(() => {}, this.context.page)
    const streams = Array.from({ length: count }, () => new MemoryDownstream(this.context, logins))
    this.#downstreams.push(...streams)
    return streams
  }

  get stream (): MemoryDownstream {
    const [stream] = this.streams(1)
    if (stream === undefined) throw new Error('there is none')
    return stream
  }

  call (index: number): MemoryCall {
    const call = this.calls[index]
    if (call === undefined) throw new Error(`there is no call ${index}`)
    return call
  }

  /** Moves the time on and calls what is due. */
  advance (ms: number): void {
    this.clock.advance(ms)
    this.context.deadlines.sweep(this.context.readClock())
  }

  /** What is in use now; all are 0 when every exchange is over. */
  left (): Readonly<Record<string, number>> {
    for (const { exchange } of this.#downstreams) if (!exchange.active) exchange.retire()
    const { inFlight, deadlines, budget } = this.context
    return { inFlight, deadlines: deadlines.size, buffered: budget.used }
  }
}

/** The fields of a block in order, a character for each byte. */
function fieldsOf (block: FieldBlock): ReadonlyArray<readonly [name: string, value: string]> {
  return block.toString('latin1').split('\r\n').filter(line => line !== '').map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}
