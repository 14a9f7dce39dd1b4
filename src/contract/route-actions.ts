/**
 * What a route and its versions do to requests and responses besides passing them on, as plain data. Names and semantics are those of the
 * filters of Gateway API (HTTPRouteFilter), so that an HTTPRoute can be read into them.
 */

/** A field and its value, as UTF-8. */
interface NamedLine {
  readonly name: string
  readonly value: string
}

/** RequestHeaderModifier and ResponseHeaderModifier. Names are compared without case; one has one action. */
export interface FieldChanges {
  /** Each replaces all lines of its name. */
  readonly set: readonly NamedLine[]
  /** Each is one more line, behind those of its name. */
  readonly add: readonly NamedLine[]
  readonly remove: readonly string[]
}

/** HTTPPathModifier: the query stays as it is. */
export type PathChange =
  | { readonly type: 'ReplaceFullPath', readonly path: string }
  /** @property prefix what the route matches, which gives way; whole segments, a last slash does not count */
  | { readonly type: 'ReplacePrefixMatch', readonly prefix: string, readonly path: string }

/** HTTPURLRewriteFilter. */
interface UrlRewrite {
  /** What Host says then; null = as it came. */
  readonly hostname: string | null
  readonly path: PathChange | null
}

/** HTTPRequestRedirectFilter. Null = as the request has it. */
export interface RequestRedirect {
  readonly scheme: 'http' | 'https' | null
  readonly hostname: string | null
  readonly path: PathChange | null
  readonly port: number | null
  readonly statusCode: 301 | 302 | 303 | 307 | 308
}

/** Whose requests are taken: addresses and CIDRs. `deny` counts before `allow`; an empty `allow` is everybody. */
interface ClientNetworks {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** So many requests of one client in so long; a bucket of `burst` tokens that fills evenly. */
export interface RateLimitSpec {
  readonly requests: number
  readonly perMs: number
  readonly burst: number
  /** What a client is told by. Who does not have the header or cookie is told by the address. */
  readonly by: 'client-ip' | 'header' | 'cookie'
  /** The name of the header or cookie; empty for the address. */
  readonly field: string
  /** The clients that are remembered at a time. */
  readonly maxClients: number
}

/** What a route does for all of its versions, and what a version does behind that. */
export interface MessageChanges {
  readonly requestHeaders: FieldChanges | null
  readonly responseHeaders: FieldChanges | null
  readonly urlRewrite: UrlRewrite | null
}

/** All of a route. */
export interface RouteActions extends MessageChanges {
  readonly clients: ClientNetworks | null
  readonly rateLimit: RateLimitSpec | null
  readonly requestRedirect: RequestRedirect | null
}
