/**
 * What a worker is told of its routes: which requests each takes, for which versions, and how it treats them. Weights and endpoints come in
 * messages of their own.
 */
import type { IssuedCookieSpec, PlacementSpec } from './placement-spec.ts'
import type { MessageChanges, RouteActions } from './route-actions.ts'
import type { MirrorSpec } from './mirror-spec.ts'
import type { RoutePolicy } from './route-policy.ts'

/** Which requests a route takes; all conditions have to hold. */
export interface RouteMatch {
  /** Names, or `*.example.com` for what lies below it. */
  readonly hosts?: readonly string[]
  /** The beginning of the path, whole segments of it. */
  readonly path?: string
  /** The whole path. */
  readonly exact?: string
  readonly methods?: readonly string[]
  /** Without a value, the field or parameter has to be there. */
  readonly headers?: readonly NamedValue[]
  readonly query?: readonly NamedValue[]
}

interface NamedValue {
  readonly name: string
  readonly value?: string
}

/** What a client is recognised by, and how far it stays where it is. */
export interface Affinity {
  readonly by: 'client-ip' | 'header' | 'cookie' | 'none'
  readonly header?: string
  readonly cookie?: string
  readonly level: 'version' | 'endpoint'
  /** Mixed into every draw; the name of the route without it. */
  readonly salt?: string
  /** The cookie that Weir gives to clients; with `by: cookie`. */
  readonly issue?: IssuedCookieSpec
}

/** How an endpoint of a version is chosen. */
export type BalancingName = 'least-request' | 'round-robin' | 'rendezvous'

/** Certificates of authorities. One object for each file: many versions may name it, and a message carries it once. */
export interface Authorities {
  /** SHA-256 of `pem`. */
  readonly digest: string
  readonly pem: string
}

/** TLS to the endpoints of a version. */
export interface UpstreamTls {
  /** Who signs the certificates of the endpoints; those that Node ships with by default. */
  readonly ca?: Authorities
  /** The name sent by SNI and looked for in the certificate; without it the certificate has to name the endpoint's IP address. */
  readonly serverName?: string
  /** Is a certificate that does not verify refused? */
  readonly verify: boolean
}

/** One version as a worker needs it. */
export interface VersionSpec {
  readonly name: string
  /** The slot of the shared counters: the same number in every worker. */
  readonly slot: number
  /** How its endpoints are reached; plain TCP without it. */
  readonly tls?: UpstreamTls
  /** What it changes in messages, behind what its route does. */
  readonly actions?: MessageChanges
  /** The size of a request's body, besides what the route says. */
  readonly maxBodyBytes?: number
}

/** One route as a worker needs it. Weights and endpoints come in messages of their own. */
export interface RouteSpec {
  readonly name: string
  readonly match: RouteMatch
  readonly affinity: Affinity
  readonly balancing: BalancingName
  readonly policy: RoutePolicy
  /** Null when nothing but the split chooses. */
  readonly placement: PlacementSpec | null
  /** Which requests are copied to a version; null without. */
  readonly mirror: MirrorSpec | null
  readonly versions: readonly VersionSpec[]
  /** What it does to messages besides passing them on. */
  readonly actions?: RouteActions
  /** The slot of the shared counters for what it answers before it chooses a version; for a route that may. */
  readonly entrySlot?: number
  /** Of its rate limit: memory that all workers share. */
  readonly rateTable?: SharedArrayBuffer
}

/**
 * The bounds of a weight that is not 0, in the file as in the API. Beyond them the draw would lose precision.
 */
export const MAX_WEIGHT = 1_000_000
export const MIN_WEIGHT = 0.000_001
