/** One version of one route. */
export interface VersionRef {
  readonly route: string
  readonly version: string
}

/** A map whose key is a route and a version. Entries are visited in the order of routes, then of versions. */
export class VersionMap<Value> {
  readonly #routes = new Map<string, Map<string, Value>>()

  get (route: string, version: string): Value | undefined {
    return this.#routes.get(route)?.get(version)
  }

  set (route: string, version: string, value: Value): void {
    const versions = this.#routes.get(route)
    if (versions === undefined) this.#routes.set(route, new Map([[version, value]]))
    else versions.set(version, value)
  }

  /** The value of a version; made and kept when there is none. */
  getOrCreate (route: string, version: string, create: () => Value): Value {
    const known = this.get(route, version)
    if (known !== undefined) return known
    const value = create()
    this.set(route, version, value)
    return value
  }

  delete (route: string, version: string): void {
    const versions = this.#routes.get(route)
    if (versions === undefined) return
    versions.delete(version)
    if (versions.size === 0) this.#routes.delete(route)
  }

  /** Forgets the versions that are not among these. */
  retain (routes: ReadonlyArray<{ readonly name: string, readonly versions: ReadonlyArray<{ readonly name: string }> }>): void {
    const present = new Map(routes.map(({ name, versions }) => [name, new Set(versions.map(version => version.name))]))
    for (const [{ route, version }] of [...this.entries()]) if (present.get(route)?.has(version) !== true) this.delete(route, version)
  }

  * entries (): Generator<readonly [VersionRef, Value]> {
    for (const [route, versions] of this.#routes) {
      for (const [version, value] of versions) yield [{ route, version }, value]
    }
  }

  /** The versions of one route. */
  versionsOf (route: string): ReadonlyMap<string, Value> {
    return this.#routes.get(route) ?? new Map<string, Value>()
  }

  routes (): Iterable<string> {
    return this.#routes.keys()
  }
}
