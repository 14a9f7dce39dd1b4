/**
 * Who gets which version whatever the split says: overrides, lists and matches, as a worker is told of them.
 */

/** What a text has to be, as it is sent. A `regex` has the syntax of RE2 and is searched for anywhere in the text. */
export type TextTest =
  | { readonly kind: 'exact' | 'prefix' | 'regex', readonly value: string }
  | { readonly kind: 'present' }

/** A field, cookie or parameter by its name. */
export interface NamedTest {
  readonly name: string
  readonly test: TextTest
}

/** What is asked of a request; all of it has to hold. */
export interface RequestTest {
  readonly headers: readonly NamedTest[]
  readonly cookies: readonly NamedTest[]
  readonly query: readonly NamedTest[]
  /** Without the query. */
  readonly path?: TextTest
  /** In lower case, without port and a dot at its end, IPv6 literals as in RFC 5952. */
  readonly host?: TextTest
  /** Empty for every method. */
  readonly methods: readonly string[]
}

/** One of these has to hold. @public */
export type VersionMatch = readonly RequestTest[]

/** As in ingress-nginx: the value `always` chooses the version, `never` keeps the request from it, and any other says nothing. */
export interface AlwaysNever {
  readonly by: 'header' | 'cookie'
  readonly name: string
}

export interface VersionMatchSpec {
  readonly version: string
  readonly match: VersionMatch
  readonly alwaysNever: readonly AlwaysNever[]
}

export interface ListSpec {
  readonly name: string
  /** What its members get. */
  readonly version: string
  readonly by: 'header' | 'cookie' | 'client-ip'
  /** The name of the header or cookie; empty with `client-ip`. */
  readonly field: string
}

/** A key by which something is signed. */
export interface SigningKey {
  /** Follows from the secret; see signingKey(). */
  readonly id: string
  readonly secret: Uint8Array
}

export interface OverrideSpec {
  /** The name by which the route is signed for. */
  readonly route: string
  readonly keys: readonly SigningKey[]
  /** Addresses and CIDRs whose plain version names count. */
  readonly trustedNetworks: readonly string[]
}

/** What chooses a version before the split does: an override, then the lists, then the matches, each in this order. */
export interface PlacementSpec {
  readonly overrides: OverrideSpec | null
  readonly lists: readonly ListSpec[]
  readonly matches: readonly VersionMatchSpec[]
}

/** The cookie that Weir gives to a client so that it stays where its first answer came from. */
export interface IssuedCookieSpec {
  readonly name: string
  readonly path: string
  readonly sameSite: 'Lax' | 'Strict' | 'None'
  /** `auto`: with requests that came by TLS. */
  readonly secure: 'auto' | 'always' | 'never'
  /** 0 = for the session of the browser. */
  readonly maxAgeSeconds: number
  readonly httpOnly: boolean
  /** The first signs, all are accepted. */
  readonly keys: readonly SigningKey[]
}

/** What of it chose the version of a request; empty when the split did. */
export type PlacementKind = 'override' | 'list' | 'match' | 'never' | ''
