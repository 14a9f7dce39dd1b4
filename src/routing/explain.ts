import type { RequestView } from './request-view.ts'
import type { RouteTable } from './route-table.ts'
import type { Split, VersionScore } from './split.ts'
import { StickyKey, type StickyKeyKind, type StickyKeyResolver } from './sticky-key.ts'

/** What an explanation has to know of a route. */
export interface ExplainableRoute {
  readonly name: string
  readonly stickyKey: StickyKeyResolver
  readonly split: Split
  /** One byte for each version of the split, by position: 0 when it has no endpoint for new requests. */
  readonly available: Uint8Array
  readonly whenEmpty: 'fallback' | 'hold' | 'fail'
}

export interface ExplainedVersion extends VersionScore {
  readonly available: boolean
}

/** Which version answers a request, and why. */
export interface Explanation {
  /** `undefined` when no route matches: the request gets 404. */
  readonly route: string | undefined
  /** `undefined` when no version can be named: no route, no weight, no endpoint, or drawn at random for each request. */
  readonly version: string | undefined
  readonly keyKind: StickyKeyKind | undefined
  /** The hash of the sticky key, eight hexadecimal digits. Not reported for random draws. */
  readonly keyHash: string | undefined
  /** In the order of the route's versions. */
  readonly versions: readonly ExplainedVersion[]
  /** One sentence for people. */
  readonly reason: string
}

/**
 * Explains what would happen to a request now. Draws with the same code as a request does.
 * @param clientIp the address of the client, as resolveClientIp gives it
 */
export function explain<T extends ExplainableRoute> (table: RouteTable<T>, view: RequestView, clientIp: string): Explanation {
  const route = table.match(view)
  if (route === undefined) {
    const reason = 'no route matches host, path, method, headers and query of the request'
    return { route: undefined, version: undefined, keyKind: undefined, keyHash: undefined, versions: [], reason }
  }
  const key = new StickyKey()
  route.stickyKey.resolve(view, clientIp, key)
  const versions = route.split.scores(key.hash).map((score, index) => ({ ...score, available: (route.available[index] ?? 0) !== 0 }))
  if (key.kind === 'random') {
    const withoutScores = versions.map(version => ({ ...version, score: undefined }))
    const reason = 'the route has no affinity: every request is drawn at random by the weights'
    return { route: route.name, version: undefined, keyKind: key.kind, keyHash: undefined, versions: withoutScores, reason }
  }
  const outcome = explainChoice(route, key)
  const keyHash = (key.hash >>> 0).toString(16).padStart(8, '0')
  return { route: route.name, version: outcome.version, keyKind: key.kind, keyHash, versions, reason: outcome.reason }
}

function explainChoice (route: ExplainableRoute, key: StickyKey): { readonly version: string | undefined, readonly reason: string } {
  const { split, available } = route
  const chosen = split.choose(key.hash)
  if (chosen === -1) return { version: undefined, reason: 'every version of the route has weight 0: the request gets 503' }
  const chosenName = split.versions[chosen] ?? ''
  if ((available[chosen] ?? 0) !== 0) {
    return { version: chosenName, reason: `"${chosenName}" has the lowest score for the client's ${key.kind}` }
  }
  const empty = `"${chosenName}" has the lowest score for the client's ${key.kind} but has no endpoint`
  if (route.whenEmpty === 'hold') return { version: undefined, reason: `${empty}, and the route says to hold: the request waits for an endpoint` }
  if (route.whenEmpty === 'fail') return { version: undefined, reason: `${empty}, and the route says to fail: the request gets 503` }
  const next = split.chooseAvailable(key.hash, available)
  if (next === -1) return { version: undefined, reason: `${empty}, and no other version with a weight has one: the request gets 503` }
  const nextName = split.versions[next] ?? ''
  return { version: nextName, reason: `${empty}; "${nextName}" has the next score and serves until "${chosenName}" is back` }
}
