import type { RequestView } from '../http/request-view.ts'
import type { RouteConditions } from './route-conditions.ts'

const SLASH = 0x2f

/** One route as the tables hold it. */
export interface RouteEntry<T extends object> {
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
export class PathTable<T extends object> {
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
