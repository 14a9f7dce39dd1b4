/**
 * What stands before a route: whose requests it takes, how many of one client, and whether it serves them or sends them elsewhere. In this
 * order: who is denied has no share in a rate, and a redirect takes a token as any other answer. Hot for routes that have it.
 */
import type { RateLimitSpec, RequestRedirect, RouteActions } from '../contract/route-actions.ts'
import { CidrSet } from '../core/cidr-set.ts'
import type { Clock } from '../core/clock.ts'
import type { ActionTrace } from '../contract/questions.ts'
import type { HttpRequest, RequestView } from '../http/http-request.ts'
import { IpKey } from '../routing/ip-key.ts'
import { TURNED_AWAY } from '../telemetry/counter-layout.ts'
import { compileStickyKey, StickyKey, type StickyKeyResolver } from '../routing/sticky-key.ts'
import { createRateTable, RateLimiter } from './rate-limiter.ts'
import { redirectTarget, type WayIn } from './redirect-target.ts'

/** Why a request goes no further. */
export type EntryRefusal =
  | { readonly kind: 'denied' }
  | { readonly kind: 'limited', readonly retryAfterS: number }
  | { readonly kind: 'redirected', readonly status: number, readonly location: string }
  /** It would be sent elsewhere, and does not say which host it wants. */
  | { readonly kind: 'homeless' }

/** Knows how requests have come. Asked for redirects alone. */
interface Arrivals {
  wayIn (request: HttpRequest): WayIn
}

/** What an entry works with, besides what the configuration says. */
export interface EntryMaterial {
  /** For a redirect of a request that names no host. */
  readonly defaultHost: string
  /** Of the rate limit, which all workers share; without one it has its own. */
  readonly table: SharedArrayBuffer | undefined
  /** What was turned away, see TURNED_AWAY. */
  readonly counts: Float64Array
}

const DENIED: EntryRefusal = { kind: 'denied' }
const HOMELESS: EntryRefusal = { kind: 'homeless' }
const MS_PER_S = 1_000
/** Nobody knows by which listener a request will come that somebody asks about. */
const UNKNOWN_WAY: WayIn = { scheme: 'http', port: 80 }

export class RouteEntry {
  readonly #denied: CidrSet
  /** Null when everybody is. */
  readonly #allowed: CidrSet | null
  readonly #rate: ClientRate | null
  readonly #redirect: RequestRedirect | null
  readonly #defaultHost: string
  readonly #counts: Float64Array

  constructor ({ clients, rateLimit, requestRedirect }: RouteActions, { defaultHost, table, counts }: EntryMaterial) {
    this.#denied = new CidrSet(clients?.deny ?? [])
    this.#allowed = clients === null || clients.allow.length === 0 ? null : new CidrSet(clients.allow)
    this.#rate = rateLimit === null ? null : new ClientRate(rateLimit, table)
    this.#redirect = requestRedirect
    this.#defaultHost = defaultHost
    this.#counts = counts
  }

  /** What it would make of a request, up to what answers it. Changes nothing. Cold. */
  foretell (asked: AskedRequest): readonly ActionTrace[] {
    const traces = [this.#networkTrace(asked), this.#rateTrace(asked), this.#redirectTrace(asked)].filter(trace => trace !== null)
    const last = traces.findIndex(({ outcome }) => outcome !== null)
    return last < 0 ? traces : traces.slice(0, last + 1)
  }

  #networkTrace ({ clientIp }: AskedRequest): ActionTrace | null {
    if (this.#allowed === null && this.#denied.isEmpty) return null
    const [outcome, why] = this.#denied.has(clientIp)
      ? ['denied', `\`deny\` has ${clientIp}`] as const
      : this.#allowed?.has(clientIp) === false
        ? ['denied', `\`allow\` does not have ${clientIp}`] as const
        : [null, `${clientIp} may use the route`] as const
    return { kind: 'clients', version: '', outcome, why }
  }

  #rateTrace (asked: AskedRequest): ActionTrace | null {
    if (this.#rate === null) return null
    const waitMs = this.#rate.foretell(asked)
    const [outcome, why] = waitMs > 0
      ? ['limited', `the client has used up its rate for ${Math.ceil(waitMs / MS_PER_S)} s more`] as const
      : [null, 'the client has not used up its rate'] as const
    return { kind: 'rateLimit', version: '', outcome, why }
  }

  #redirectTrace ({ view }: AskedRequest): ActionTrace | null {
    const redirect = this.#redirect
    if (redirect === null) return null
    const query = view.query()
    const request = {
      host: () => view.host(),
      path: () => view.path(),
      resource: () => query === '' ? view.path() : `${view.path()}?${query}`,
      methodIs: (method: string) => method === view.method()
    }
    const location = redirectTarget(redirect, request, UNKNOWN_WAY, this.#defaultHost)
    const byListener = redirect.scheme === null ? `, with the scheme${redirect.port === null ? ' and port' : ''} by which it comes` : ''
    const [outcome, why] = location === undefined
      ? ['homeless', 'it names no host, so no Location can be made'] as const
      : ['redirected', `it gets ${redirect.statusCode} with Location ${location}${byListener}`] as const
    return { kind: 'requestRedirect', version: '', outcome, why }
  }

  /** @returns null when the route serves the request */
  refuse (request: HttpRequest, clientIp: string, arrivals: Arrivals, clock: Pick<Clock, 'wallMs'>): EntryRefusal | null {
    const refusal = this.#refusalOf(request, clientIp, arrivals, clock)
    if (refusal === null) return null
    const at = TURNED_AWAY[refusal.kind]
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    return refusal
  }

  #refusalOf (request: HttpRequest, clientIp: string, arrivals: Arrivals, clock: Pick<Clock, 'wallMs'>): EntryRefusal | null {
    if (this.#denied.has(clientIp) || this.#allowed?.has(clientIp) === false) return DENIED
    const waitMs = this.#rate === null ? 0 : this.#rate.take(request, clientIp, clock.wallMs())
    if (waitMs > 0) return { kind: 'limited', retryAfterS: Math.ceil(waitMs / MS_PER_S) }
    const redirect = this.#redirect
    if (redirect === null) return null
    const location = redirectTarget(redirect, request, arrivals.wayIn(request), this.#defaultHost)
    return location === undefined ? HOMELESS : { kind: 'redirected', status: redirect.statusCode, location }
  }
}

/** What is known of a request that somebody asks about. */
export interface AskedRequest {
  readonly view: RequestView
  readonly clientIp: string
  readonly wallMs: number
}

/** A route's rate limit, by what its clients are told apart. */
class ClientRate {
  readonly #limiter: RateLimiter
  readonly #ipKey = new IpKey()
  readonly #key = new StickyKey()
  /** Null for the address. */
  readonly #resolver: StickyKeyResolver | null

  constructor (spec: RateLimitSpec, table: SharedArrayBuffer | undefined) {
    const { by, field } = spec
    this.#limiter = new RateLimiter(spec, table ?? createRateTable(spec.maxClients, 0))
    this.#resolver = by === 'client-ip' ? null : compileStickyKey({ by, [by]: field, level: 'version' }, () => 0)
  }

  /** @returns 0, or the milliseconds to wait */
  take (request: RequestView, clientIp: string, wallMs: number): number {
    return this.#limiter.take(this.#keyHash(request, clientIp), wallMs)
  }

  /** The same, and nothing is taken. */
  foretell ({ view, clientIp, wallMs }: AskedRequest): number {
    return this.#limiter.foretell(this.#keyHash(view, clientIp), wallMs)
  }

  #keyHash (request: RequestView, clientIp: string): number {
    const key = this.#key
    if (this.#resolver !== null) {
      this.#resolver.resolve(request, clientIp, key)
      if (key.kind !== 'client-ip') return key.hash
    }
    // With the seed: what somebody sends in a field that he chooses is his own, an address is everybody's to compute with.
    return this.#ipKey.hash(clientIp, this.#limiter.seed)
  }
}

/** What stands before a route with these actions; null when nothing does. */
export function compileEntry (actions: RouteActions | undefined, material: EntryMaterial): RouteEntry | null {
  if (actions === undefined) return null
  const { clients, rateLimit, requestRedirect } = actions
  return clients === null && rateLimit === null && requestRedirect === null ? null : new RouteEntry(actions, material)
}
