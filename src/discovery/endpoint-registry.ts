import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import { CidrSet } from '../core/cidr-set.ts'
import { OwnPorts } from '../core/own-ports.ts'
import { parseTarget } from '../core/socket-address.ts'
import { type Endpoint, type EndpointChange, isNoChange } from '../core/endpoint.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import type { KubeError } from '../kube/kube-api.ts'
import type { WatchRecovery } from '../kube/list-watch.ts'
import { boundedLookup, createNameLookup, type NameLookup } from './name-lookup.ts'
import {
  type EndpointSource, type EndpointSourceStatus, type SourceProblem, type SourceProblemKind, StaticSource
} from './endpoint-source.ts'
import { carriedFrom, keepThese, problemOf, type SourcedVersion } from './carried-endpoints.ts'
import { KnownEndpoints, usableEndpoints } from './usable-endpoints.ts'
import { NamedSource } from './named-source.ts'
import { type FollowedObjects, type KubeContext, KubeNamespace, podClaimOf, rivalsOf } from './kube-namespace.ts'
import type { IpFamilyChoice } from './checked-slice.ts'
import { ServiceSource } from './service-source.ts'

export interface EndpointRegistryOptions extends Omit<KubeContext, 'onFailure' | 'onRecovery'> {
  /** The namespace of Services that name none; undefined for that of the credentials. */
  readonly namespace?: string | undefined
  /** Addresses and CIDRs that may be dialled although they are refused otherwise. */
  readonly allowAddresses: readonly string[]
  /** Where Weir itself listens: endpoints there are left out. */
  readonly ownPorts?: OwnPorts
  /** How names are looked up; as the system does by default. */
  readonly lookUp?: NameLookup
  /** Which addresses of a dual-stack Service are used; `auto` by default. */
  readonly ipFamily?: IpFamilyChoice
  /** Told of all endpoints of a version: when the first are known, and when a source of another kind has its first list. */
  readonly onEndpoints: (route: string, version: string, endpoints: readonly Endpoint[]) => void
  /** Told of what is different since. */
  readonly onEndpointChange: (route: string, version: string, change: EndpointChange) => void
  /** Told once, when every version has had its first list. */
  readonly onSynced?: () => void
  /** Told of a version whose source has something wrong with it that was right before, and, with undefined, when nothing is any more. */
  readonly onProblem?: (route: string, version: string, problem: SourceProblem | undefined, before: SourceProblemKind | undefined) => void
  /** Told of every failure of a list+watch. */
  readonly onFailure: (failure: WatchFailure) => void
  /** Told when a list+watch that had failed follows its namespace again. */
  readonly onRecovery?: (objects: FollowedObjects, namespace: string | undefined, recovery: WatchRecovery) => void
}

/** A failure of the list+watch of a namespace, and what it means to those who follow it. */
export interface WatchFailure {
  readonly objects: FollowedObjects
  /** Undefined is the namespace of the credentials. */
  readonly namespace: string | undefined
  readonly error: KubeError
  readonly retryInMs: number
  /** Versions that have had no list yet, as `route/version`. */
  readonly waiting: readonly string[]
  /** Endpoints of the others, as last known. */
  readonly known: number
}

/** The endpoints of one version, as last known. */
export interface VersionEndpoints {
  readonly route: string
  readonly version: string
  /** Undefined before the first list. */
  readonly endpoints: readonly Endpoint[] | undefined
  /** What keeps it from having endpoints to use, as far as its source can tell. */
  readonly problem: SourceProblem | undefined
}

interface Entry extends SourcedVersion {
  readonly route: string
  readonly version: string
  /** The configuration of the source, as text, to see whether it changed. */
  readonly origin: string
  /** What its source shares with others; undefined for a source of its own. */
  readonly namespace: KubeNamespace | undefined
  /** It depends on what is known of pods. */
  readonly byPods: boolean
  /** The problem that was told last. */
  told: SourceProblemKind | undefined
}

/** What is different about the endpoints of one version. */
interface VersionChange {
  readonly route: string
  readonly version: string
  readonly change: EndpointChange
}

/** A configuration that is not in force yet. Its new sources have not been started. */
interface Plan {
  readonly entries: Map<string, Entry>
  readonly started: Entry[]
  readonly namespaces: Map<string | undefined, KubeNamespace>
}

/** What stats, logs and metrics call the namespace of the credentials. */
export const OWN_NAMESPACE = '(own)'

/**
 * The endpoints of every version of every route: starts, shares and stops their sources as the configuration changes.
 * It knows each version's endpoints as they were last, through every failure of their source.
 */
export class EndpointRegistry {
  readonly #options: EndpointRegistryOptions
  readonly #allowed: CidrSet
  readonly #ownPorts: OwnPorts
  readonly #lookUp: NameLookup
  readonly #stopping = new Set<Promise<void>>()
  /** The addresses of the names of the configuration, as they were known last. */
  readonly #remembered = new Map<string, readonly string[]>()
  #entries: ReadonlyMap<string, Entry> = new Map()
  #namespaces = new Map<string | undefined, KubeNamespace>()
  /** How many versions have had no list at all. A number, because it is asked for with each of thousands of first lists. */
  #waiting = 0
  #told = false
  /** What a notice changes, while it is worked out. */
  #gathered: VersionChange[] | undefined

  /** @throws RangeError for a malformed entry of allowAddresses */
  constructor (options: EndpointRegistryOptions) {
    this.#options = options
    this.#allowed = new CidrSet(options.allowAddresses)
    this.#ownPorts = options.ownPorts ?? new OwnPorts([])
    this.#lookUp = boundedLookup(options.lookUp ?? createNameLookup())
  }

  /**
   * Makes the sources of a configuration. A version whose endpoints come from where they came from goes on undisturbed. One that
   * comes from elsewhere then keeps its endpoints until the new source has its first list. `onEndpoints` may be called
   * while the change is settled.
   * @throws RangeError for a malformed static endpoint
   */
  prepare (routes: readonly RouteConfig[]): PreparedChange {
    const before = { entries: this.#entries, namespaces: this.#namespaces }
    const plan: Plan = { entries: new Map(), started: [], namespaces: new Map(this.#namespaces) }
    for (const route of routes) {
      for (const version of route.versions) this.#take(route, version, plan)
    }
    return {
      commit: () => {
        // As it is known now: it may have changed since the plan was made.
        for (const entry of plan.started) {
          const earlier = before.entries.get(keyOf(entry.route, entry.version))
          if (earlier !== undefined) Object.assign(entry, { known: earlier.known, carried: carriedFrom(earlier, entry.config) })
        }
        this.#use(plan.entries, plan.namespaces)
      },
      settle: () => { this.#exchangeSources(plan.started, before.entries) },
      discard: () => { this.#use(before.entries, before.namespaces) }
    }
  }

  #use (entries: ReadonlyMap<string, Entry>, namespaces: Map<string | undefined, KubeNamespace>): void {
    this.#entries = entries
    this.#namespaces = namespaces
    this.#waiting = 0
    for (const { known } of entries.values()) if (known === undefined) this.#waiting++
  }

  #exchangeSources (started: readonly Entry[], before: ReadonlyMap<string, Entry>): void {
    for (const entry of started) {
      entry.source.start(
        endpoints => { this.#receiveAll(entry, endpoints) },
        change => { this.#receiveChange(entry, change) },
        entry.carried?.sameService === true ? endpoints => { this.#receivePossible(entry, endpoints) } : undefined
      )
    }
    // After the start of the new ones, so that a namespace which both use is not given up in between.
    for (const entry of before.values()) {
      if (this.#entries.get(keyOf(entry.route, entry.version))?.source !== entry.source) entry.source.stop()
    }
    for (const { pods } of this.#namespaces.values()) pods.settle()
    this.#dropUnusedNamespaces()
    this.#forgetUnusedNames()
    this.#tellSynced()
  }

  /** Every version with its endpoints as last known, in the order of the configuration. */
  all (): readonly VersionEndpoints[] {
    return [...this.#entries.values()].map(entry => {
      const { route, version, known } = entry
      return { route, version, endpoints: known?.list(), problem: problemOf(entry) }
    })
  }

  /** The endpoints of a version as last known: empty before the first list and for a version that is not configured. */
  endpointsOf (route: string, version: string): readonly Endpoint[] {
    return this.#entries.get(keyOf(route, version))?.known?.list() ?? []
  }

  /** Undefined for a version that is not configured. */
  statusOf (route: string, version: string): EndpointSourceStatus | undefined {
    const entry = this.#entries.get(keyOf(route, version))
    const status = entry?.source.status()
    if (status === undefined || status.synced || entry?.carried === undefined) return status
    return { ...status, lastSyncWallMs: entry.carried.lastSyncWallMs }
  }

  /** What keeps a version from having endpoints to use, as far as its source can tell. */
  problemOf (route: string, version: string): SourceProblem | undefined {
    const entry = this.#entries.get(keyOf(route, version))
    return entry === undefined ? undefined : problemOf(entry)
  }

  /** Every version has had a first list, be it from its present source or the one before. */
  isSynced (): boolean {
    return this.#waiting === 0
  }

  /** How many versions have had no list at all. */
  waiting (): number {
    return this.#waiting
  }

  /** Stops every source. Resolves when no connection is left. */
  async stop (): Promise<void> {
    for (const { source } of this.#entries.values()) source.stop()
    this.#dropUnusedNamespaces()
    await Promise.all(this.#stopping)
  }

  #take (route: RouteConfig, version: VersionConfig, plan: Plan): void {
    const key = keyOf(route.name, version.name)
    const rivals = rivalsOf(route, version, this.#options.namespace)
    const origin = JSON.stringify([version.endpoints, rivals])
    const known = this.#entries.get(key)
    if (known?.origin === origin) {
      plan.entries.set(key, known)
      return
    }
    const entry: Entry = {
      route: route.name,
      version: version.name,
      origin,
      config: version.endpoints,
      ...this.#sourceOf(version, rivals, plan),
      known: undefined,
      heard: false,
      carried: undefined,
      everUsable: false,
      told: undefined
    }
    plan.entries.set(key, entry)
    plan.started.push(entry)
  }

  #sourceOf (
    { endpoints }: VersionConfig, rivals: ReturnType<typeof rivalsOf>, plan: Plan
  ): Pick<Entry, 'source' | 'namespace' | 'byPods'> {
    const { ipFamily = 'auto', place } = this.#options
    if (!('service' in endpoints)) {
      return { source: this.#listed('static' in endpoints ? endpoints.static : [endpoints.dns]), namespace: undefined, byPods: false }
    }
    const { service, port } = endpoints
    const namespace = this.#namespaceOf(endpoints.namespace ?? this.#options.namespace, plan)
    const claim = podClaimOf(endpoints, rivals, () => this.#options.namespace ?? this.#options.api.ownNamespace)
    const selection = { port, allowed: this.#allowed, ownPorts: this.#ownPorts, ipFamily }
    const source = new ServiceSource({
      ...selection,
      namespace: namespace.slices,
      namespaceName: namespace.name,
      service,
      ...(claim === undefined ? {} : { byPods: { claim, pods: namespace.pods } }),
      ...(place === undefined ? {} : { place })
    })
    return { source, namespace, byPods: claim !== undefined }
  }

  /** A list without names has nothing that could change. */
  #listed (texts: readonly string[]): EndpointSource {
    const { clock, random } = this.#options
    if (!texts.some(text => parseTarget(text).isName)) return new StaticSource(texts, clock.wallMs())
    return new NamedSource(texts, {
      lookUp: this.#lookUp, clock, random, allowed: this.#allowed, remembered: this.#remembered, ownPorts: this.#ownPorts
    })
  }

  #namespaceOf (name: string | undefined, { namespaces }: Plan): KubeNamespace {
    const known = namespaces.get(name)
    if (known !== undefined) return known
    const namespace: KubeNamespace = new KubeNamespace(name, {
      ...this.#options,
      together: work => { this.#together(work) },
      onFailure: (objects, _name, error, retryInMs) => { this.#tellFailure(namespace, { objects, namespace: name, error, retryInMs }) }
    })
    namespaces.set(name, namespace)
    return namespace
  }

  /**
   * Tells what one notice means for several versions at once: first what comes to each, then what leaves it. So an endpoint that
   * moves is a member of some version all the time, and stays what it was: no slow start, and its failures are remembered.
   */
  #together (work: () => void): void {
    const { together } = this.#options
    const tell = (): void => {
      const gathered: VersionChange[] = this.#gathered = []
      try {
        work()
      } finally {
        this.#gathered = undefined
        this.#tellGathered(gathered)
      }
    }
    if (together === undefined) tell()
    else together(tell)
  }

  #tellGathered (gathered: readonly VersionChange[]): void {
    const tell = ({ route, version, change }: VersionChange): void => {
      if (!isNoChange(change)) this.#options.onEndpointChange(route, version, change)
    }
    if (gathered.length === 1) return gathered.forEach(tell)
    for (const each of gathered) tell({ ...each, change: { set: each.change.set, gone: [] } })
    for (const each of gathered) tell({ ...each, change: { set: [], gone: each.change.gone } })
  }

  #tellFailure (namespace: KubeNamespace, failure: Omit<WatchFailure, 'waiting' | 'known'>): void {
    const concerned = (entry: Entry): boolean => entry.namespace === namespace && (failure.objects !== 'Pods' || entry.byPods)
    const following = [...this.#entries.values()].filter(concerned)
    this.#options.onFailure({
      ...failure,
      waiting: following.filter(({ known }) => known === undefined).map(({ route, version }) => `${route}/${version}`),
      known: following.reduce((sum, { known }) => sum + (known?.size ?? 0), 0)
    })
  }

  #receiveAll (entry: Entry, endpoints: readonly Endpoint[]): void {
    const { route, version, heard } = entry
    const isFirst = entry.known === undefined
    if (isFirst && this.#entries.get(keyOf(route, version)) === entry) this.#waiting--
    entry.known ??= new KnownEndpoints()
    const change = entry.known.replace(endpoints)
    // What a source says first is said whole: nothing that was known of another can stay behind.
    if (isFirst || (!heard && !isNoChange(change))) this.#options.onEndpoints(route, version, endpoints)
    else this.#tellChange(entry, change)
    entry.heard = true
    entry.carried = undefined
    this.#note(entry, endpoints)
    this.#tellSynced()
  }

  /** Which endpoints of the source before are still there. No other joins: it may be one that the version is not meant to have. */
  #receivePossible (entry: Entry, possible: readonly Endpoint[]): void {
    if (entry.known === undefined) return
    const change = entry.known.replace(keepThese(entry.known.list(), possible))
    if (isNoChange(change)) return
    this.#tellChange(entry, change)
    if (entry.known.size === 0) this.#note(entry, [])
  }

  #receiveChange (entry: Entry, change: EndpointChange): void {
    if (entry.known === undefined) return
    this.#tellChange(entry, entry.known.apply(change))
    this.#note(entry, change.set)
  }

  #tellChange ({ route, version }: Entry, change: EndpointChange): void {
    if (isNoChange(change)) return
    if (this.#gathered === undefined) this.#options.onEndpointChange(route, version, change)
    else this.#gathered.push({ route, version, change })
  }

  #note (entry: Entry, seen: readonly Endpoint[]): void {
    entry.everUsable ||= usableEndpoints(seen).length > 0
    const problem = problemOf(entry)
    const before = entry.told
    if (problem?.kind === before) return
    entry.told = problem?.kind
    this.#options.onProblem?.(entry.route, entry.version, problem, before)
  }

  #tellSynced (): void {
    if (this.#told || !this.isSynced()) return
    this.#told = true
    this.#options.onSynced?.()
  }

  #forgetUnusedNames (): void {
    const used = new Set([...this.#entries.values()].flatMap(({ source }) => source instanceof NamedSource ? source.names : []))
    for (const name of this.#remembered.keys()) if (!used.has(name)) this.#remembered.delete(name)
  }

  #dropUnusedNamespaces (): void {
    for (const [name, namespace] of this.#namespaces) {
      if (namespace.isUsed) continue
      this.#namespaces.delete(name)
      const stopping = namespace.stop().finally(() => { this.#stopping.delete(stopping) })
      this.#stopping.add(stopping)
    }
  }
}

/** Names hold no space (see the schema). */
function keyOf (route: string, version: string): string {
  return `${route} ${version}`
}
