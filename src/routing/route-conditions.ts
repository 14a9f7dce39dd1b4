import type { RouteMatch } from '../contract/route-spec.ts'
import { wireText } from '../http1/wire-text.ts'
import type { RequestView } from '../http/request-view.ts'

const AMPERSAND = 0x26
const EQUALS = 0x3d

interface FieldCondition {
  readonly name: string
  /** A character for each byte; `undefined` asks only that the field is there. */
  readonly value: string | undefined
}

/** What a route's match asks besides host and path. */
export class RouteConditions {
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
