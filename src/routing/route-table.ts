/**
 * Which route a request belongs to: by host, then path, then the other conditions. Hot.
 */
import type { RouteMatch } from '../contract/route-spec.ts'
import { oneHostName, oneHostSpelling } from '../core/socket-address.ts'
import type { RequestView } from '../http/http-request.ts'
import { wireText } from './plain-request.ts'

const AMPERSAND = 0x26
const EQUALS = 0x3d

interface FieldCondition {
  readonly name: string
  /** A character for each byte; `undefined` asks only that the field is there. */
  readonly value: string | undefined
}

/** What a route's match asks besides host and path. */
class RouteConditions {
  /** How many conditions there are, a list of methods being one: the more of them, the more specific the match. */
  readonly count: number
  readonly #methods: readonly string[]
  readonly #headers: readonly FieldCondition[]
  readonly #query: readonly FieldCondition[]

  constructor (match: RouteMatch) {
    this.#methods = [...match.methods ?? []]
    this.#headers = (match.headers ?? []).map(({ name, value }) => ({
      name: name.toLowerCase(), value: value === undefined ? undefined : wireText(value)
    }))
    this.#query = (match.query ?? []).map(({ name, value }) => ({ name, value }))
    this.count = (this.#methods.length > 0 ? 1 : 0) + this.#headers.length + this.#query.length
  }

  /** Indexed loops over short lists: no iterator, no closure, and nothing of the view is read that is not asked for. */
  matches (view: RequestView): boolean {
    if (this.count === 0) return true
    if (this.#methods.length > 0 && !this.#methods.includes(view.method())) return false
    for (let index = 0; index < this.#headers.length; index++) {
      const condition = this.#headers[index]
      if (condition === undefined) continue
      const value = view.header(condition.name)
      if (value === undefined || (condition.value !== undefined && value !== condition.value)) return false
    }
    if (this.#query.length === 0) return true
    const query = view.query()
    for (let index = 0; index < this.#query.length; index++) {
      const condition = this.#query[index]
      if (condition !== undefined && !queryMatches(query, condition)) return false
    }
    return true
  }
}

/** The first parameter of that name decides. Compared as sent: nothing is decoded. */
function queryMatches (query: string, condition: FieldCondition): boolean {
  const { name, value } = condition
  let found = query.indexOf(name)
  while (found !== -1) {
    const end = found + name.length
    const starts = found === 0 || query.charCodeAt(found - 1) === AMPERSAND
    if (starts && (end === query.length || query.charCodeAt(end) === AMPERSAND)) return value === undefined || value === ''
    if (starts && query.charCodeAt(end) === EQUALS) {
      if (value === undefined) return true
      const after = end + 1 + value.length
      return query.startsWith(value, end + 1) && (after === query.length || query.charCodeAt(after) === AMPERSAND)
    }
    found = query.indexOf(name, end)
  }
  return false
}

const SLASH = 0x2f

/** One route as the tables hold it. */
interface RouteEntry<T extends object> {
  readonly payload: T
  /** The exact path, if the route asks for one. */
  readonly exact: string | undefined
  /** The prefix without its last slash; empty for every path. */
  readonly prefix: string
  readonly conditions: RouteConditions
}

/**
 * The routes of one host pattern, by path: exact, then the longest prefix, then the most conditions, then the order given.
 *
 * The cost depends on how many different lengths the prefixes have and on how many routes share the path that matches, not
 * on the number of routes. A path is cut only where a prefix of that length could end, so a path of slashes costs no more
 * than one look-up for each length.
 */
class PathTable<T extends object> {
  /** The answer to every request, when there is nothing to look at. */
  readonly #always: T | undefined
  readonly #exact = new Map<string, RouteEntry<T>[]>()
  readonly #prefixes = new Map<string, RouteEntry<T>[]>()
  /** The lengths of the prefixes, the longest first. */
  readonly #prefixLengths: readonly number[]
  /** The routes for every path. */
  readonly #everyPath: RouteEntry<T>[] = []

  constructor (entries: readonly RouteEntry<T>[]) {
    for (const entry of entries) {
      if (entry.exact !== undefined) append(this.#exact, entry.exact, entry)
      else if (entry.prefix === '') this.#everyPath.push(entry)
      else append(this.#prefixes, entry.prefix, entry)
    }
    // Array.prototype.sort is stable: routes with as many conditions stay in the order given.
    for (const list of [...this.#exact.values(), ...this.#prefixes.values(), this.#everyPath]) {
      list.sort((left, right) => right.conditions.count - left.conditions.count)
    }
    const lengths = Array.from(this.#prefixes.keys(), prefix => prefix.length)
    this.#prefixLengths = [...new Set(lengths)].sort((left, right) => right - left)
    const first = this.#everyPath[0]
    const readsPath = this.#exact.size > 0 || this.#prefixes.size > 0
    this.#always = !readsPath && first?.conditions.count === 0 ? first.payload : undefined
  }

  match (view: RequestView): T | undefined {
    // The common table: one route for all of a host. Asking for the path would make a string of it for nothing.
    if (this.#always !== undefined) return this.#always
    if (this.#exact.size > 0 || this.#prefixLengths.length > 0) {
      const byPath = this.#matchPath(view, view.path())
      if (byPath !== undefined) return byPath
    }
    return firstMatch(this.#everyPath, view)
  }

  #matchPath (view: RequestView, path: string): T | undefined {
    if (this.#exact.size > 0) {
      const exact = firstMatch(this.#exact.get(path), view)
      if (exact !== undefined) return exact
    }
    const lengths = this.#prefixLengths
    for (let index = 0; index < lengths.length; index++) {
      const length = lengths[index] ?? 0
      if (length > path.length || (length < path.length && path.charCodeAt(length) !== SLASH)) continue
      const matched = firstMatch(this.#prefixes.get(path.slice(0, length)), view)
      if (matched !== undefined) return matched
    }
    return undefined
  }
}

function firstMatch<T extends object> (entries: readonly RouteEntry<T>[] | undefined, view: RequestView): T | undefined {
  if (entries === undefined) return undefined
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]
    if (entry?.conditions.matches(view) === true) return entry.payload
  }
  return undefined
}

function append<T extends object> (lists: Map<string, RouteEntry<T>[]>, key: string, entry: RouteEntry<T>): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [entry])
  else list.push(entry)
}

const DOT = 0x2e

/** A route to compile: what it matches, and what the table answers for it. */
interface RouteDefinition<T extends object> {
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
    const host = oneHostName(sentHost)
    const exact = this.#hosts.get(host)?.match(view)
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
