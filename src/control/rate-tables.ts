/**
 * The tables of rate limits, one for each route that has one: memory that all workers share. A table lives as long as its limit: what
 * clients have used up outlasts reloads that do not change it.
 */
import { createRateTable } from '../actions/rate-limiter.ts'
import type { RouteSpec } from '../contract/route-spec.ts'

interface KnownTable {
  /** The limit that it counts for, as text. */
  readonly limit: string
  readonly table: SharedArrayBuffer
}

export class RateTables {
  readonly #random: () => number
  #tables: ReadonlyMap<string, KnownTable> = new Map()

  /** @param random 32 random bits, signed */
  constructor (random: () => number) {
    this.#random = random
  }

  /** The routes with their tables. Those of other routes are forgotten. */
  attach (specs: readonly RouteSpec[]): readonly RouteSpec[] {
    const tables = new Map<string, KnownTable>()
    const attached = specs.map(spec => {
      const rateLimit = spec.actions?.rateLimit ?? null
      if (rateLimit === null) return spec
      const limit = JSON.stringify(rateLimit)
      const before = this.#tables.get(spec.name)
      const known = before?.limit === limit ? before : { limit, table: createRateTable(rateLimit.maxClients, this.#random()) }
      tables.set(spec.name, known)
      return { ...spec, rateTable: known.table }
    })
    this.#tables = tables
    return attached
  }
}
