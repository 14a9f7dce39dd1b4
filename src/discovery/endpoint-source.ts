/**
 * Where the endpoints of one version come from, as a port.
 */
import { type Endpoint, type EndpointChange, endpointKey } from '../core/endpoint.ts'
import { parseHostPort } from '../core/socket-address.ts'
import type { Unwatched } from '../kube/list-watch.ts'
import type { NearFacts } from './near-endpoints.ts'

/** Gets all endpoints of the version, in a fixed order, each time they may have changed. The first call means: synced. */
export type EndpointListener = (endpoints: readonly Endpoint[]) => void

/** A source tells of so many addresses that it does not dial, at most. */
export const MAX_IGNORED = 100

/** An address that was found but will not be dialled. */
export interface IgnoredAddress {
  readonly address: string
  readonly reason: string
}

/**
 * - `unsynced`: the source has not been read yet
 * - `no-slices`: no EndpointSlice names the Service
 * - `no-port`: its slices do not name the port
 * - `no-endpoints`: no endpoint that could be used was ever there
 * - `pods-of-two`: some of its pods are selected by a version that comes first as well, which has them
 */
export type SourceProblemKind = 'unsynced' | 'no-slices' | 'no-port' | 'no-endpoints' | 'pods-of-two'

export interface SourceProblem {
  readonly kind: SourceProblemKind
  /** One sentence, with the remedy where there is one. */
  readonly detail: string
}

/** What became of the endpoints of a Service of which a version has some pods only. */
export interface PodStatus {
  /** As kubectl writes it; undefined for the version that has what no other one selects. */
  readonly selector: string | undefined
  /** Endpoints that name no pod: no selector has them. */
  readonly withoutPod: number
  /** Endpoints whose pods have other labels, or are not known (yet). */
  readonly other: number
  /** Endpoints that two versions select: as many as this one has lost to one that comes first. */
  readonly lost: number
}

/** What the admin API tells of a source. */
export interface EndpointSourceStatus {
  readonly kind: 'static' | 'dns' | 'kubernetes'
  /** The first list has been had. */
  readonly synced: boolean
  /** Wall-clock time at which the endpoints were last known to be current; undefined before the first list. */
  readonly lastSyncWallMs: number | undefined
  /** How often a failure made the source start again. */
  readonly restarts: number
  /** What keeps the source from being current, if anything does. */
  readonly lastError: string | undefined
  /** The time in which nothing tells of changes, though there was a list; undefined while something does. Of Kubernetes only. */
  readonly unwatched?: Unwatched | undefined
  /** At most MAX_IGNORED of them. */
  readonly ignored: readonly IgnoredAddress[]
  /** What the configuration asks for is not there. */
  readonly problem?: SourceProblem | undefined
  /** Why it knows no endpoint, if it knows none; one sentence. */
  readonly whyNone?: string | undefined
  /** What else is worth knowing, though nothing is wrong with this version; one sentence. */
  readonly remark?: string | undefined
  /** Undefined for a source that does not look at pods. */
  readonly pods?: PodStatus | undefined
  /** Which endpoints are preferred for the place where Weir runs; undefined where all places are equal. */
  readonly near?: NearFacts | undefined
}

export interface EndpointSource {
  /**
   * Starts to tell, maybe before this returns. To be called once.
   * @param onAll told of all endpoints, first of all
   * @param onChange told of what is different since, by sources that know
   * @param onPossible told, before the first call of `onAll`, of all endpoints that may be the version's, by sources that know
   */
  start (onAll: EndpointListener, onChange: (change: EndpointChange) => void, onPossible?: EndpointListener): void
  /** Stops; the listener is not called again. */
  stop (): void
  status (): EndpointSourceStatus
  /** Something that is wrong also while there are endpoints. Costs little. */
  readonly overlap?: SourceProblem | undefined
}

/** Endpoints that the configuration lists. They are ready from the start and never change. */
export class StaticSource implements EndpointSource {
  readonly #endpoints: readonly Endpoint[]
  readonly #sinceWallMs: number

  /**
   * @param addresses `address:port` each; one that is listed twice counts once
   * @param sinceWallMs the time of the configuration, for the status
   * @throws RangeError for an entry that is not an IP address and a port
   */
  constructor (addresses: readonly string[], sinceWallMs: number) {
    const endpoints = addresses.map(text => ({ ...parseHostPort(text), ready: true, serving: true, terminating: false }))
    this.#endpoints = [...new Map(endpoints.map(endpoint => [endpointKey(endpoint), endpoint])).values()]
    this.#sinceWallMs = sinceWallMs
  }

  start (listener: EndpointListener): void {
    listener(this.#endpoints)
  }

  stop (): void {}

  status (): EndpointSourceStatus {
    return {
      kind: 'static',
      synced: true,
      lastSyncWallMs: this.#sinceWallMs,
      restarts: 0,
      lastError: undefined,
      ignored: [],
      whyNone: 'the list of its endpoints is empty'
    }
  }
}
