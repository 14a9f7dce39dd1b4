/**
 * What the admin API asks the workers about requests, and what they answer.
 */

import type { PlacementKind } from './placement-spec.ts'

/** What a request is made up of when it did not come from a client. */
export interface PlainRequestParts {
  readonly method?: string
  /** Without port. */
  readonly host?: string
  readonly path?: string
  /** Without `?`. */
  readonly query?: string
  /** Names in any case; values as people write them, which clients send in UTF-8. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What one version scored for one key. */
export interface VersionScore {
  readonly version: string
  readonly weight: number
  /** -ln(u) / weight: the smallest wins. `undefined` when the weight is 0. */
  readonly score: number | undefined
}

/** What the client of a request was recognised by; `random` when it was not, `none` when nobody has asked: no version was to be chosen. */
export type StickyKeyKind = 'client-ip' | 'header' | 'cookie' | 'random' | 'none'

/** A request that somebody asks about. */
export interface ChoiceQuestion {
  /** The route that is explained, even when another one would take the request. */
  readonly route: string
  /** The address of the client, after trusted proxies. */
  readonly ip: string
  readonly request: PlainRequestParts
}

/** One version as the worker has it. */
export interface VersionFacts extends VersionScore {
  /** Endpoints that requests may go to now, of those that the source allows. */
  readonly used: number
  readonly members: number
  /** So few are available that all are used. */
  readonly panic: boolean
  /** Endpoints that are left out, and what they are left out for; at most MAX_LEFT_OUT. */
  readonly leftOut: readonly string[]
}

/**
 * `attempt`: the request goes to an endpoint of the version. `waits`: it is held until there is one. `undecided`: it is drawn at random
 * between versions. `overloaded` and the others are what the client gets instead.
 */
type ChoiceOutcome = 'attempt' | 'waits' | 'undecided' | 'overloaded' | 'no_endpoint' | 'circuit_open' | 'hold_full' | TurnedAway

/** What one rule of a route's placement made of a request. */
export interface RuleTrace {
  readonly kind: PlacementKind
  /** The name of the list; else empty. */
  readonly name: string
  /** The version that it is about; empty when it names none. */
  readonly version: string
  readonly chosen: boolean
  /** Why it did not choose, or what it saw. */
  readonly why: string
}

/** What filters make of a request: those that may answer it before it has a version, or those of the version that it goes to. */
export interface ActionTrace {
  readonly kind: 'clients' | 'rateLimit' | 'requestRedirect' | 'urlRewrite' | 'requestHeaders' | 'responseHeaders' | 'maxBodyBytes'
  /** The version; empty for what stands before all of them. */
  readonly version: string
  /** What becomes of the request by it; null when it goes on. */
  readonly outcome: TurnedAway | null
  /** What it does, or why it does nothing. */
  readonly why: string
}

/** A worker's answer before it chooses a version: 403, 429, a redirect, or 400 where no Location can be made. */
export type TurnedAway = 'denied' | 'limited' | 'redirected' | 'homeless'

/** What a worker would do. */
export interface Choice {
  /** What filters would do, in their order. */
  readonly actions: readonly ActionTrace[]
  /** What chose the version before the split; empty when that decides. */
  readonly placement: PlacementKind
  /** The rules that were asked, in this order: the last one chose, if any did. */
  readonly rules: readonly RuleTrace[]
  /** The epoch of the weights that it applies. */
  readonly epoch: number
  readonly keyKind: StickyKeyKind
  /** A signed 32-bit integer; null for a random draw. */
  readonly keyHash: number | null
  /** In the order of the route's versions. */
  readonly versions: readonly VersionFacts[]
  /** The version of the split; null when every weight is 0, or it is drawn at random. */
  readonly chosen: string | null
  /** The version that would serve, or be waited for. */
  readonly version: string | null
  /** The endpoint of the first attempt, where it is certain. */
  readonly endpoint: string | null
  readonly outcome: ChoiceOutcome
  /** The version that helps out when the last attempt fails. */
  readonly failoverTo: string | null
}

export interface ChoiceAnswer {
  /** The route that would take the request; null when none would. */
  readonly matchedRoute: string | null
  /** Null when the worker has no such route. */
  readonly choice: Choice | null
}

/** What is known of a request besides numbers, when it was not served in the plain way. */
export interface Incident {
  readonly error: string
  readonly fault: string
  readonly retried: string
  readonly fallbackFrom: string
  readonly failedOverFrom: string
  /** What chose the version in place of the split. */
  readonly placement: PlacementKind
  /** The list or version by which it did. */
  readonly placedBy: string
}

/** A request that is over. Texts that do not apply are empty. */
export interface RecentRequest extends Incident {
  /** When its head was whole, on the worker's monotonic clock. */
  readonly startMs: number
  readonly durationMs: number
  readonly status: number
  readonly attempts: number
  readonly route: string
  /** The version that answered, or was asked last. */
  readonly version: string
  readonly endpoint: string
  readonly keyKind: StickyKeyKind
  /** A signed 32-bit integer. */
  readonly keyHash: number
  readonly epoch: number
}

/** What a worker remembers. */
export interface RecallAnswer {
  /** How many requests the worker remembers. */
  readonly remembered: number
  /** When the oldest of them began, in milliseconds since the Unix epoch; null without any. */
  readonly oldestWallMs: number | null
  /** Null when it does not remember the one that was asked about. */
  readonly request: RecalledRequest | null
}

export interface RecalledRequest extends Omit<RecentRequest, 'startMs'> {
  /** In milliseconds since the Unix epoch. */
  readonly wallMs: number
  /** What the worker would do with the same key now; null when the route has gone. */
  readonly now: Choice | null
}
