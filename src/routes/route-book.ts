/**
 * The routes in force, for all who ask by name: the admin API, explanations, drains, metrics.
 */
import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import type { VersionRef } from '../core/version-map.ts'

interface Page {
  /** In the order of their sources. */
  readonly routes: readonly RouteConfig[]
  readonly byName: ReadonlyMap<string, RouteConfig>
}

export class RouteBook {
  #page: Page

  constructor (routes: readonly RouteConfig[] = []) {
    this.#page = pageOf(routes)
  }

  /** All of them, in the order of the configuration. The list is another one when anything in it is. */
  all (): readonly RouteConfig[] {
    return this.#page.routes
  }

  route (name: string): RouteConfig | undefined {
    return this.#page.byName.get(name)
  }

  version (route: string, version: string): VersionConfig | undefined {
    return this.route(route)?.versions.find(({ name }) => name === version)
  }

  /** Every version of every route. */
  versions (): readonly VersionRef[] {
    return this.#page.routes.flatMap(route => route.versions.map(({ name }) => ({ route: route.name, version: name })))
  }

  /** Other routes, all of them. */
  prepare (routes: readonly RouteConfig[]): PreparedChange {
    const before = this.#page
    const page = pageOf(routes)
    return {
      commit: () => { this.#page = page },
      settle: () => {},
      discard: () => { this.#page = before }
    }
  }
}

function pageOf (routes: readonly RouteConfig[]): Page {
  return { routes, byName: new Map(routes.map(route => [route.name, route])) }
}
