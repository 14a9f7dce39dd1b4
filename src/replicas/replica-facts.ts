/**
 * What a replica says of itself to another one, and how that is read: a peer has proven that it knows the secret, not that it is of
 * this version of Weir.
 */
import type { ToldEvidence } from '../rollout/evidence-ledger.ts'
import { asList, asObject, asText, type UntrustedObject } from '../core/untrusted.ts'
import { readToldEvidence, writeToldEvidence } from './told-evidence.ts'

/** How far a replica has come with the weights of one route. */
export interface RouteProgress {
  /** What it has read from the store. */
  readonly epoch: number
  /** The workers that apply that, or a later one. */
  readonly workers: number
  /** The latest epoch that all of its workers apply; -1 while one of them has applied none. */
  readonly all: number
}

/** A replica as a whole. */
export interface ReplicaFacts {
  /** Different for each process. */
  readonly id: string
  readonly name: string
  /** Of Weir. */
  readonly version: string
  /** ISO 8601, UTC, by its own clock. For people. */
  readonly startedAt: string
  readonly ready: boolean
  /** The workers that it should have. */
  readonly workers: number
}

/** What people call a replica and where it is; its address alone where it has never said its name. */
export function replicaLabel ({ name, address }: { readonly name?: string, readonly address: string }): string {
  return name === undefined ? address : `${name} (${address})`
}

/** What one replica has of one version. */
export interface VersionTally {
  readonly weight: number
  /** Requests that it has served since its workers started. */
  readonly requests: number
  /** Those of the last 30 seconds. */
  readonly recent: number
  readonly inFlight: number
  readonly tunnels: number
  readonly held: number
  /** What speaks against taking its endpoints away, in this replica; empty when nothing does. */
  readonly why: readonly string[]
}

/** What one replica has of one route. */
export interface RouteFacts extends RouteProgress {
  /** By name. Empty in the answer to who waits for an epoch. */
  readonly versions: ReadonlyMap<string, VersionTally>
  /** Their names, in the answer to who waits for an epoch. An older Weir does not tell them. */
  readonly names?: readonly string[]
}

/** An answer of GET /v1/replica. */
export interface ReplicaAnswer extends ReplicaFacts {
  /** Of all routes; empty when one was asked for. */
  readonly routes: ReadonlyMap<string, RouteProgress>
  /** The one that was asked for; undefined when the replica has no such route, or none was asked for. */
  readonly route: RouteFacts | undefined
  /** Of the rollout that was asked for; null when it does not run there. Absent when none was asked for, or by an older Weir. */
  readonly evidence?: ToldEvidence | null
}

const MAX_NAME = 253
const MAX_TEXT = 200
const MAX_REASONS = 16
const COUNTS = ['weight', 'requests', 'recent', 'inFlight', 'tunnels', 'held'] as const

/** As it is sent. */
export function writeReplicaAnswer ({ routes, route, evidence, ...facts }: ReplicaAnswer): object {
  return {
    ...facts,
    ...(evidence === undefined ? {} : { evidence: evidence === null ? null : writeToldEvidence(evidence) }),
    routes: Object.fromEntries([...routes].map(([name, { epoch, workers, all }]) => [name, [epoch, workers, all]])),
    route: route === undefined ? null : { ...route, versions: Object.fromEntries(route.versions) }
  }
}

/** Undefined for what no replica would say. Fields that a newer Weir adds are passed over. */
export function readReplicaAnswer (value: unknown): ReplicaAnswer | undefined {
  const answer = asObject(value)
  if (answer === undefined) return undefined
  const facts = readFacts(answer)
  const routes = mapOf(answer['routes'], readProgress)
  const route = answer['route'] === null ? null : readRoute(answer['route'])
  if (facts === undefined || routes === undefined || route === undefined) return undefined
  const known = { ...facts, routes, route: route ?? undefined }
  const { evidence } = answer
  if (evidence === undefined || evidence === null) return evidence === null ? { ...known, evidence } : known
  const told = readToldEvidence(evidence)
  return told === undefined ? undefined : { ...known, evidence: told }
}

function readFacts (answer: UntrustedObject): ReplicaFacts | undefined {
  const id = boundedText(answer['id'])
  const name = boundedText(answer['name'])
  const workers = answer['workers']
  if (id === undefined || name === undefined || !isCount(workers)) return undefined
  return {
    id,
    name,
    version: boundedText(answer['version']) ?? '',
    startedAt: boundedText(answer['startedAt']) ?? '',
    ready: answer['ready'] === true,
    workers
  }
}

function readProgress (value: unknown): RouteProgress | undefined {
  const [epoch, workers, all] = asList(value)
  if (!Number.isSafeInteger(epoch) || !isCount(workers) || !Number.isSafeInteger(all)) return undefined
  return { epoch: Number(epoch), workers, all: Number(all) }
}

function readRoute (value: unknown): RouteFacts | undefined {
  const route = asObject(value)
  const progress = readProgress([route?.['epoch'], route?.['workers'], route?.['all']])
  const versions = mapOf(route?.['versions'], readVersion)
  if (progress === undefined || versions === undefined) return undefined
  const names = asList(route?.['names']).flatMap(name => boundedText(name) ?? [])
  return { ...progress, versions, ...(names.length === 0 ? {} : { names }) }
}

/** A number that is missing is none: it would pass for nothing in flight. */
function readVersion (value: unknown): VersionTally | undefined {
  const version = asObject(value)
  if (version === undefined || !Array.isArray(version['why'])) return undefined
  const counts = COUNTS.map(name => version[name]).filter(isCount)
  const [weight = 0, requests = 0, recent = 0, inFlight = 0, tunnels = 0, held = 0] = counts
  if (counts.length < COUNTS.length) return undefined
  const why = version['why'].slice(0, MAX_REASONS).map(reason => (asText(reason) ?? '').slice(0, MAX_TEXT))
  return { weight, requests, recent, inFlight, tunnels, held, why }
}

/** Undefined when one of the entries can't be read. */
function mapOf<Value> (value: unknown, read: (value: unknown) => Value | undefined): ReadonlyMap<string, Value> | undefined {
  const object = asObject(value)
  if (object === undefined) return undefined
  const found = new Map<string, Value>()
  for (const [key, entry] of Object.entries(object)) {
    const wanted = read(entry)
    if (wanted === undefined) return undefined
    found.set(key, wanted)
  }
  return found
}

function boundedText (value: unknown): string | undefined {
  const text = asText(value)
  return text === undefined || text.length > MAX_NAME ? undefined : text
}

function isCount (value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
