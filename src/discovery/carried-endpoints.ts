/**
 * What a version has between two sources: after a change of its configuration it keeps the endpoints of the source before, until the new
 * one has read all that it needs. That may be never, if it may not read the pods. And what is wrong with a version, then and later.
 */
import type { VersionConfig } from '../config/schema.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import type { EndpointSource, SourceProblem } from './endpoint-source.ts'
import type { KnownEndpoints } from './usable-endpoints.ts'

/** What is known of endpoints that come from the source before. */
interface Carried {
  /** They are of the port and the Service that the new source follows: its slices say which of them are still there. */
  readonly sameService: boolean
  /** Wall-clock time at which they were last known to be current. */
  readonly lastSyncWallMs: number | undefined
}

/** A version, its source, and what has come of it. */
export interface SourcedVersion {
  readonly config: VersionConfig['endpoints']
  readonly source: EndpointSource
  /** Undefined before the first list. */
  known: KnownEndpoints | undefined
  /** The source has told something: what is known is not from the one before. */
  heard: boolean
  /** What the source before left, until this one has told something. */
  carried: Carried | undefined
  /** The source has had an endpoint that could be used. */
  everUsable: boolean
}

/** What a version leaves to its next source. Undefined when it has nothing. */
export function carriedFrom (before: SourcedVersion, next: VersionConfig['endpoints']): Carried | undefined {
  const { config, source, heard, carried, known } = before
  if (known === undefined) return undefined
  return {
    sameService: sameService(config, next) && (heard || carried?.sameService === true),
    lastSyncWallMs: heard ? source.status().lastSyncWallMs : carried?.lastSyncWallMs
  }
}

function sameService (left: VersionConfig['endpoints'], right: VersionConfig['endpoints']): boolean {
  return 'service' in left && 'service' in right &&
    left.service === right.service && left.namespace === right.namespace && left.port === right.port
}

/** Those of `known` that are in `possible`, as they are there. */
export function keepThese (known: readonly Endpoint[], possible: readonly Endpoint[]): readonly Endpoint[] {
  const there = new Map(possible.map(endpoint => [endpointKey(endpoint), endpoint]))
  return known.flatMap(endpoint => there.get(endpointKey(endpoint)) ?? [])
}

/** What keeps a version from having endpoints to use, as far as its source can tell. */
export function problemOf (version: SourcedVersion): SourceProblem | undefined {
  const { source, heard, known: endpoints, everUsable, carried } = version
  const known = endpoints?.size ?? 0
  // The everyday case costs no look at the status of the source.
  if (heard && known > 0) return source.overlap ?? (everUsable ? undefined : { kind: 'no-endpoints', detail: 'none of its endpoints has been ready yet' })
  const status = source.status()
  if (!heard) {
    const reason = status.lastError === undefined ? '' : `: ${status.lastError}`
    return { kind: 'unsynced', detail: `its endpoints could not be read yet${reason}${carriedText(known, carried)}` }
  }
  const { problem } = status
  if (problem !== undefined || everUsable) return problem
  return { kind: 'no-endpoints', detail: status.whyNone ?? 'its source has named none yet' }
}

function carriedText (known: number, carried: Carried | undefined): string {
  if (known > 0) return '; those of its source before are used'
  return carried === undefined ? '' : '; those of its source before have gone, and it has no other'
}
