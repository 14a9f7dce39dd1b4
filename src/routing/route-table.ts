import type { RouteMatch } from '../contract/route-spec.ts'
import { oneHostSpelling } from '../core/host-spelling.ts'
import { PathTable, type RouteEntry } from './path-table.ts'
import type { RequestView } from '../http/request-view.ts'
import { RouteConditions } from './route-conditions.ts'

const DOT = 0x2e
const BRACKET = 0x5b

/** A route to compile: what it matches, and what the table answers for it. */
export interface RouteDefinition<T extends object> {
  readonly match: RouteMatch
  readonly payload: T
}

/**
 * All routes, compiled: which one takes a request. Immutable.
 *
 * The most specific route that matches wins. First the host decides: the exact name, then the longest wildcard, then any
 * host; then the path, as PathTable says. A route that matches the host but fails in path or conditions leaves the request
 * to the next less specific host.
 *
 * Paths, query and hosts are compared as sent but for the case of hosts, one dot at their end and the spelling of IPv6; nothing is
 * decoded or normalised: see docs/splitting.md.
 *
 * The cost is one look-up by host and those of one PathTable, whatever the number of routes.
 */
export class RouteTable<T extends object> {
  readonly #hosts = new Map<string, PathTable<T>>()
  /** By what follows the asterisk, such as `.example.com`. */
  readonly #wildcards = new Map<string, PathTable<T>>()
  /** The lengths of the wildcards' suffixes, the longest first: hosts are cut only there, however many dots they have. */
  readonly #wildcardLengths: readonly number[]
  readonly #anyHost: PathTable<T>

  /** @param routes in the order of the configuration, which decides between equals */
  constructor (routes: readonly RouteDefinition<T>[]) {
    const byHost = new Map<string, RouteEntry<T>[]>()
    for (const { match, payload } of routes) {
      const entry: RouteEntry<T> = {
        payload,
        exact: match.exact,
        prefix: withoutLastSlash(match.path ?? '/'),
        conditions: new RouteConditions(match)
      }
      for (const host of new Set((match.hosts ?? ['*']).map(host => oneHostSpelling(host.toLowerCase())))) {
        const entries = byHost.get(host)
        if (entries === undefined) byHost.set(host, [entry])
        else entries.push(entry)
      }
    }
    for (const [host, entries] of byHost) {
      if (host.startsWith('*.')) this.#wildcards.set(host.slice(1), new PathTable(entries))
      else if (host !== '*') this.#hosts.set(host, new PathTable(entries))
    }
    const lengths = Array.from(this.#wildcards.keys(), suffix => suffix.length)
    this.#wildcardLengths = [...new Set(lengths)].sort((left, right) => right - left)
    this.#anyHost = new PathTable(byHost.get('*') ?? [])
  }

  /** The payload of the route that takes the request; `undefined` when none does. */
  match (view: RequestView): T | undefined {
    // Without host conditions the host is not even asked for: it would make a string of it for nothing.
    if (this.#hosts.size > 0 || this.#wildcardLengths.length > 0) {
      const byHost = this.#matchHost(view, view.host())
      if (byHost !== undefined) return byHost
    }
    return this.#anyHost.match(view)
  }

  #matchHost (view: RequestView, sentHost: string): T | undefined {
    // `example.com.` is the same name, written from the root (RFC 1034 section 3.1).
    const host = sentHost.charCodeAt(sentHost.length - 1) === DOT ? sentHost.slice(0, -1) : sentHost
    const exact = this.#hosts.get(host.charCodeAt(0) === BRACKET ? oneHostSpelling(host) : host)?.match(view)
    if (exact !== undefined) return exact
    const lengths = this.#wildcardLengths
    for (let index = 0; index < lengths.length; index++) {
      const length = lengths[index] ?? 0
      const start = host.length - length
      if (start <= 0 || host.charCodeAt(start) !== DOT) continue
      const matched = this.#wildcards.get(host.slice(start))?.match(view)
      if (matched !== undefined) return matched
    }
    return undefined
  }
}

/** `/api/` stands for the same prefix as `/api`, and `/` for every path, `*` of OPTIONS included. */
function withoutLastSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
