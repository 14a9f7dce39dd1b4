/**
 * What a change of weights would move: which of the clients of the last minutes would change their version, and what each endpoint would
 * get. Pure.
 */
import type { Weights } from '../contract/weights.ts'
import { weightOf } from '../contract/weights.ts'
import { Split } from '../routing/split.ts'
import { keyHashText } from '../routing/sticky-key.ts'
import { estimatedClients, heaviestClients, wholePercent, type ClientCensus } from './client-census.ts'

/** A version whose endpoints get so many times as much as now, or as those of others get, is warned of. */
const HEAVIER = 1.5
/** A client that makes such a part of the requests of a version, or of all that move, is spoken of. */
const HEAVY_SHARE = 0.2
/** What was looked at for less than so long is said to be little. */
const SHORT_LOOK_MS = 60_000
/** Below so many requests a second for each endpoint, how they grow is of no interest. */
const LIGHT_LOAD = 1
/** Two standard deviations, near enough: 95 of 100 samples are within. */
const NORMAL_95 = 1.96

/** What is to be foretold. */
export interface PlannedChange {
  /** `affinity.salt`, or the name of the route. */
  readonly salt: string
  /** Of the rollout; '' without one. */
  readonly rolloutSalt: string
  readonly before: Weights
  readonly after: Weights
  readonly census: ClientCensus
  /** By version, the endpoints that requests go to. */
  readonly endpoints: Readonly<Record<string, number>>
  /** A rollout runs, which a change by hand pauses. */
  readonly pausesRollout: boolean
  /** The match that a rollout has left, in a few words: the change ends it. Null: there is none, or it stays. */
  readonly endsMatch: string | null
  /** Workers that have not answered. */
  readonly silent: readonly number[]
}

type PreviewWarningCode = 'no_requests' | 'short_look' | 'no_endpoints' | 'heavier_endpoints' | 'heavy_client' | 'not_sticky' |
  'pauses_rollout' | 'ends_match' | 'workers_silent'

/** Something to think of before the change. */
interface PreviewWarning {
  readonly code: PreviewWarningCode
  /** One sentence. */
  readonly detail: string
}

/** A version before and after the change. Rates are requests per second. */
export interface VersionPreview {
  readonly version: string
  readonly weight: { readonly now: number, readonly after: number }
  readonly requestsPerSecond: { readonly now: number, readonly after: number }
  /** Endpoints that requests go to. */
  readonly endpoints: number
  /** Null without endpoints. */
  readonly perEndpoint: { readonly now: number, readonly after: number } | null
}

/** Clients that go from one version to another. */
interface ClientMove {
  readonly from: string
  readonly to: string
  /** Of all clients, from 0 to 1. */
  readonly share: number
}

export interface ChangePreview {
  readonly clients: {
    /** How many there were, all told. */
    readonly seen: number
    /** Those whose keys were looked at. */
    readonly sampled: number
    /** The time that was looked back, in milliseconds. */
    readonly coversMs: number
    /** The share that changes its version, from 0 to 1; null when no client was seen. */
    readonly moved: number | null
    /** `moved` is right to so much in 95 of 100 cases; 0 when all clients were looked at. */
    readonly margin: number
    readonly moves: readonly ClientMove[]
  }
  readonly versions: readonly VersionPreview[]
  readonly warnings: readonly PreviewWarning[]
}

export function previewChange (change: PlannedChange): ChangePreview {
  const { before, after, census, salt, rolloutSalt, endpoints } = change
  const names = Object.keys(before)
  const splitOf = (weights: Weights): Split => new Split(salt, names, names.map(name => weightOf(weights, name) ?? 0), rolloutSalt)
  const [from, to] = [splitOf(before), splitOf(after)]
  const moves = movesOf(census, names, from, to)
  const moved = moves.reduce((sum, { share }) => sum + share, 0)
  const expected = expectedRates(census, names, to)
  const versions = names.map((version, index): VersionPreview => {
    const now = census.rates.get(version)?.all ?? 0
    const next = expected[index] ?? 0
    const used = endpoints[version] ?? 0
    return {
      version,
      weight: { now: weightOf(before, version) ?? 0, after: weightOf(after, version) ?? 0 },
      requestsPerSecond: { now, after: next },
      endpoints: used,
      perEndpoint: used === 0 ? null : { now: now / used, after: next / used }
    }
  })
  const sampled = census.clients.size
  return {
    clients: {
      seen: estimatedClients(census),
      sampled,
      coversMs: census.coversMs,
      moved: sampled === 0 ? null : moved,
      margin: census.part === 1 || sampled === 0 ? 0 : NORMAL_95 * Math.sqrt(moved * (1 - moved) / sampled),
      moves
    },
    versions,
    warnings: [...loadWarnings(versions), ...heavyWarning(census, names, to), ...otherWarnings(change)]
  }
}

function movesOf (census: ClientCensus, names: readonly string[], from: Split, to: Split): readonly ClientMove[] {
  const counts = new Map<string, { readonly from: string, readonly to: string, clients: number }>()
  for (const key of census.clients.keys()) {
    const [old, next] = [from.choose(key), to.choose(key)]
    if (old === next) continue
    const place = `${old} ${next}`
    const move = counts.get(place) ?? { from: names[old] ?? '', to: names[next] ?? '', clients: 0 }
    move.clients++
    counts.set(place, move)
  }
  return [...counts.values()].map(move => ({ from: move.from, to: move.to, share: move.clients / census.clients.size }))
    .sort((left, right) => right.share - left.share)
}

/**
 * What each version would get: what is placed stays, what is drawn for each request follows the weights, and each client takes its requests
 * along. Where not all clients are known, those known to be heavy count by themselves, and the sample speaks for the others.
 */
function expectedRates (census: ClientCensus, names: readonly string[], to: Split): readonly number[] {
  const weightSum = names.reduce((sum, _, index) => sum + to.weightOf(index), 0)
  const shares = keyedShares(census, names, to)
  const keyedRate = [...census.rates.values()].reduce((sum, { all, placed }) => sum + all - placed, 0) - census.unkeyedRate
  return names.map((name, index) => {
    const byWeight = weightSum === 0 ? 0 : to.weightOf(index) / weightSum
    return (census.rates.get(name)?.placed ?? 0) + Math.max(0, keyedRate) * (shares[index] ?? byWeight) + census.unkeyedRate * byWeight
  })
}

/** The share of each version of the requests whose clients are known; none when there are no such requests. */
function keyedShares ({ clients, heavy, part }: ClientCensus, names: readonly string[], to: Split): readonly number[] {
  const light = names.map(() => 0)
  const known = names.map(() => 0)
  for (const [key, { requests }] of clients) add(heavy.has(key) ? known : light, to.choose(key), heavy.has(key) ? 0 : requests / part)
  for (const [key, requests] of heavy) add(known, to.choose(key), Math.max(requests, clients.get(key)?.requests ?? 0))
  const sums = names.map((_, index) => (light[index] ?? 0) + (known[index] ?? 0))
  const total = sums.reduce((sum, requests) => sum + requests, 0)
  return total === 0 ? [] : sums.map(requests => requests / total)
}

function add (sums: number[], index: number, requests: number): void {
  sums[index] = (sums[index] ?? 0) + requests
}

function loadWarnings (versions: readonly VersionPreview[]): readonly PreviewWarning[] {
  return versions.flatMap(version => [...emptyWarning(version), ...heavierWarning(version, versions)])
}

function heavyWarning (census: ClientCensus, names: readonly string[], to: Split): readonly PreviewWarning[] {
  const [heaviest] = heaviestClients(census)
  if (heaviest === undefined || heaviest.share < HEAVY_SHARE || estimatedClients(census) < 2) return []
  const version = names[to.choose(heaviest.key)] ?? ''
  return [{
    code: 'heavy_client',
    detail: `one client, with the key ${keyHashText(heaviest.key)}, makes ${wholePercent(heaviest.share)} of all requests, and "${version}" would have it`
  }]
}

function otherWarnings ({ census, pausesRollout, endsMatch, silent }: PlannedChange): readonly PreviewWarning[] {
  const warnings: PreviewWarning[] = []
  if (census.requests === 0) warnings.push({ code: 'no_requests', detail: 'the route has had no request in the last minutes: what would move is not known' })
  else if (census.coversMs < SHORT_LOOK_MS) {
    warnings.push({ code: 'short_look', detail: `this speaks of ${Math.max(1, Math.round(census.coversMs / 1_000))} seconds only: clients that come more rarely are not among them` })
  }
  if (census.unkeyedRate > 0) warnings.push({ code: 'not_sticky', detail: 'requests of this route are drawn one by one (affinity.by: none): they follow the weights, and no client stays where it is' })
  if (pausesRollout) warnings.push({ code: 'pauses_rollout', detail: 'a rollout of the route runs, and a change by hand pauses it' })
  if (endsMatch !== null) warnings.push({ code: 'ends_match', detail: `the match that the last rollout has left ends with the change: its requests (${endsMatch}) go by the weights then, and what that moves is not counted here` })
  if (silent.length > 0) warnings.push({ code: 'workers_silent', detail: `the clients of ${silent.length === 1 ? 'worker' : 'workers'} ${silent.join(', ')} are missing: no answer in time` })
  return warnings
}

function emptyWarning ({ version, weight, endpoints }: VersionPreview): readonly PreviewWarning[] {
  if (weight.after === 0 || endpoints > 0) return []
  return [{ code: 'no_endpoints', detail: `"${version}" would have a weight of ${weight.after} and has no endpoint that requests go to` }]
}

function heavierWarning ({ version, perEndpoint, weight }: VersionPreview, all: readonly VersionPreview[]): readonly PreviewWarning[] {
  if (perEndpoint === null || weight.after === 0 || perEndpoint.after < LIGHT_LOAD) return []
  const { now, after } = perEndpoint
  if (now >= LIGHT_LOAD / 10) {
    return after < now * HEAVIER ? [] : [{ code: 'heavier_endpoints', detail: `each endpoint of "${version}" would get ${wholePercent(after / now)} of what it has now: ${rate(after)} instead of ${rate(now)}` }]
  }
  const busiest = Math.max(0, ...all.map(other => other.perEndpoint?.now ?? 0))
  if (busiest === 0 || after < busiest * HEAVIER) return []
  return [{ code: 'heavier_endpoints', detail: `each endpoint of "${version}", which has next to nothing now, would get ${rate(after)}: ${wholePercent(after / busiest)} of what an endpoint of the busiest version has now` }]
}

function rate (perSecond: number): string {
  return `${perSecond >= 10 ? Math.round(perSecond) : Math.round(perSecond * 10) / 10} requests/s`
}
