import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import { CidrSet } from '../core/cidr-set.ts'
import type { Endpoint } from '../core/endpoint.ts'
import type { ListWatchStats } from '../kube/list-watch.ts'
import type { EndpointSource, EndpointSourceStatus } from './endpoint-source.ts'
import { NamespaceSlices, type SlicesContext } from './namespace-slices.ts'
import type { IpFamilyChoice } from './one-per-pod.ts'
import { SlicesSource } from './slices-source.ts'
import { StaticSource } from './static-source.ts'

export interface EndpointRegistryOptions extends SlicesContext {
  /** The namespace of Services that name none; undefined for that of the credentials. */
  readonly namespace?: string | undefined
  /** Addresses and CIDRs that may be dialled although they are refused otherwise. */
  readonly allowAddresses: readonly string[]
  /** Which addresses of a dual-stack Service are used; `auto` by default. */
  readonly ipFamily?: IpFamilyChoice
  /** Told of all endpoints of a version whenever they differ from those told before. */
  readonly onEndpoints: (route: string, version: string, endpoints: readonly Endpoint[]) => void
  /** Told once, when every version has had its first list. */
  readonly onSynced?: () => void
}

/** The endpoints of one version, as last known. */
export interface VersionEndpoints {
  readonly route: string
  readonly version: string
  /** Undefined before the first list. */
  readonly endpoints: readonly Endpoint[] | undefined
}

export interface EndpointRegistryStats {
  /** One for each namespace that is watched. */
  readonly namespaces: readonly (ListWatchStats & { readonly namespace: string })[]
}

interface Entry {
  readonly route: string
  readonly version: string
  /** The configuration of the source, as text, to see whether it changed. */
  readonly origin: string
  readonly source: EndpointSource
  endpoints: readonly Endpoint[] | undefined
}

/** What stats and logs call the namespace of the credentials. */
const OWN_NAMESPACE = '(own)'

/**
 * The endpoints of every version of every route: starts, shares and stops their sources as the configuration changes.
 * It knows each version's endpoints as they were last, through every failure of their source.
 */
export class EndpointRegistry {
  readonly #options: EndpointRegistryOptions
  readonly #allowed: CidrSet
  readonly #namespaces = new Map<string | undefined, NamespaceSlices>()
  readonly #stopping = new Set<Promise<void>>()
  #entries = new Map<string, Entry>()
  #told = false

  /** @throws RangeError for a malformed entry of allowAddresses */
  constructor (options: EndpointRegistryOptions) {
    this.#options = options
    this.#allowed = new CidrSet(options.allowAddresses)
  }

  /**
   * Takes over a configuration. A version whose endpoints come from where they came from goes on undisturbed. One that
   * comes from elsewhere now keeps its endpoints until the new source has its first list. `onEndpoints` may be called
   * before this returns.
   * @throws RangeError for a malformed static endpoint; then nothing has changed
   */
  update (routes: readonly RouteConfig[]): void {
    const before = this.#entries
    const started: Entry[] = []
    this.#entries = new Map()
    try {
      for (const route of routes) {
        for (const version of route.versions) this.#take(route.name, version, { before, started })
      }
    } catch (error) {
      this.#entries = before
      this.#dropUnusedNamespaces()
      throw error
    }
    for (const entry of started) entry.source.start((endpoints) => { this.#receive(entry, endpoints) })
    // After the start of the new ones, so that a namespace which both use is not given up in between.
    for (const entry of before.values()) {
      if (this.#entries.get(keyOf(entry.route, entry.version))?.source !== entry.source) entry.source.stop()
    }
    this.#dropUnusedNamespaces()
    this.#tellSynced()
  }

  /** Every version with its endpoints as last known, in the order of the configuration. */
  all (): readonly VersionEndpoints[] {
    return [...this.#entries.values()].map(({ route, version, endpoints }) => ({ route, version, endpoints }))
  }

  /** The endpoints of a version as last known: empty before the first list and for a version that is not configured. */
  endpointsOf (route: string, version: string): readonly Endpoint[] {
    return this.#entries.get(keyOf(route, version))?.endpoints ?? []
  }

  /** Undefined for a version that is not configured. */
  statusOf (route: string, version: string): EndpointSourceStatus | undefined {
    return this.#entries.get(keyOf(route, version))?.source.status()
  }

  /** Every version has had a first list, be it from its present source or the one before. */
  isSynced (): boolean {
    return [...this.#entries.values()].every(({ endpoints }) => endpoints !== undefined)
  }

  stats (): EndpointRegistryStats {
    return {
      namespaces: [...this.#namespaces].map(([namespace, slices]) => ({ namespace: namespace ?? OWN_NAMESPACE, ...slices.stats() }))
    }
  }

  /** Stops every source. Resolves when no connection is left. */
  async stop (): Promise<void> {
    for (const { source } of this.#entries.values()) source.stop()
    this.#dropUnusedNamespaces()
    await Promise.all(this.#stopping)
  }

  #take (route: string, version: VersionConfig, update: { readonly before: ReadonlyMap<string, Entry>, readonly started: Entry[] }): void {
    const key = keyOf(route, version.name)
    const origin = JSON.stringify(version.endpoints)
    const known = update.before.get(key)
    if (known?.origin === origin) {
      this.#entries.set(key, known)
      return
    }
    const entry: Entry = { route, version: version.name, origin, source: this.#sourceOf(version), endpoints: known?.endpoints }
    this.#entries.set(key, entry)
    update.started.push(entry)
  }

  #sourceOf ({ endpoints }: VersionConfig): EndpointSource {
    if ('static' in endpoints) return new StaticSource(endpoints.static, this.#options.clock.wallMs())
    const namespace = this.#namespaceOf(endpoints.namespace ?? this.#options.namespace)
    return new SlicesSource({ namespace, service: endpoints.service, port: endpoints.port, allowed: this.#allowed, ipFamily: this.#options.ipFamily ?? 'auto' })
  }

  #namespaceOf (namespace: string | undefined): NamespaceSlices {
    const slices = this.#namespaces.get(namespace) ?? new NamespaceSlices(namespace, this.#options)
    this.#namespaces.set(namespace, slices)
    return slices
  }

  #receive (entry: Entry, endpoints: readonly Endpoint[]): void {
    if (entry.endpoints === undefined || !sameEndpoints(entry.endpoints, endpoints)) {
      entry.endpoints = endpoints
      this.#options.onEndpoints(entry.route, entry.version, endpoints)
    }
    this.#tellSynced()
  }

  #tellSynced (): void {
    if (this.#told || !this.isSynced()) return
    this.#told = true
    this.#options.onSynced?.()
  }

  #dropUnusedNamespaces (): void {
    for (const [namespace, slices] of this.#namespaces) {
      if (slices.isUsed) continue
      this.#namespaces.delete(namespace)
      const stopping = slices.stop().finally(() => { this.#stopping.delete(stopping) })
      this.#stopping.add(stopping)
    }
  }
}

/** Names hold no space (see the schema). */
function keyOf (route: string, version: string): string {
  return `${route} ${version}`
}

function sameEndpoints (left: readonly Endpoint[], right: readonly Endpoint[]): boolean {
  return left.length === right.length && left.every((endpoint, index) => sameEndpoint(endpoint, right[index]))
}

function sameEndpoint (left: Endpoint, right: Endpoint | undefined): boolean {
  return left.address === right?.address && left.port === right.port && left.ready === right.ready &&
    left.serving === right.serving && left.terminating === right.terminating
}
