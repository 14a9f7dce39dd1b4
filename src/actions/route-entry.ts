/**
 * What stands before a route: whose requests it takes, how many of one client, and whether it serves them or sends them elsewhere. In this
 * order: who is denied has no share in a rate, and a redirect takes a token as any other answer. Hot for routes that have it.
 */
import type { RateLimitSpec, RequestRedirect, RouteActions } from '../contract/route-actions.ts'
import { CidrSet } from '../core/cidr-set.ts'
import type { Clock } from '../core/clock.ts'
import type { HttpRequest } from '../http/http-request.ts'
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
  take (request: HttpRequest, clientIp: string, wallMs: number): number {
    const limiter = this.#limiter
    const key = this.#key
    if (this.#resolver !== null) {
      this.#resolver.resolve(request, clientIp, key)
      if (key.kind !== 'client-ip') return limiter.take(key.hash, wallMs)
    }
    // With the seed: what somebody sends in a field that he chooses is his own, an address is everybody's to compute with.
    return limiter.take(this.#ipKey.hash(clientIp, limiter.seed), wallMs)
  }
}

/** What stands before a route with these actions; null when nothing does. */
export function compileEntry (actions: RouteActions | undefined, material: EntryMaterial): RouteEntry | null {
  if (actions === undefined) return null
  const { clients, rateLimit, requestRedirect } = actions
  return clients === null && rateLimit === null && requestRedirect === null ? null : new RouteEntry(actions, material)
}
