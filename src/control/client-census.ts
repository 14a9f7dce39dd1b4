/**
 * The clients of a route in the last minutes, put together from what the workers have sampled. Pure.
 */
import type { ClientSample } from '../contract/client-sample.ts'
import { isSampled } from '../routing/client-rank.ts'

/** A rate is of so long a time at least: the first requests of a route say little of those to come. Milliseconds. */
const LEAST_COVERED_MS = 10_000

interface CountedClient {
  readonly requests: number
  /** The version that served it last. */
  readonly version: string
  /** How long ago that was, in milliseconds. */
  readonly ageMs: number
}

/** Requests per second of a version. */
interface VersionRates {
  readonly all: number
  /** Of these, those that no weight moves. */
  readonly placed: number
}

export interface ClientCensus {
  /** The longest that a worker has looked back, in milliseconds; 0 when there was no request. */
  readonly coversMs: number
  /** The part of all clients that is in `clients`, from 0 to 1. */
  readonly part: number
  /** By their keys. */
  readonly clients: ReadonlyMap<number, CountedClient>
  readonly rates: ReadonlyMap<string, VersionRates>
  /** Requests per second whose version was drawn for each of them. */
  readonly unkeyedRate: number
  /** All requests that the rates are made of. */
  readonly requests: number
  /** The requests of the heaviest clients, by key, where not all clients are in `clients`. */
  readonly heavy: ReadonlyMap<number, number>
}

/** How many clients there were: all of them, or as many as their sample speaks for. */
export function estimatedClients ({ clients, part }: ClientCensus): number {
  return Math.round(clients.size / part)
}

interface HeavyShare {
  readonly key: number
  readonly share: number
}

/** The clients with the most requests of those that are known, the heaviest first, each with its share of all requests. */
export function heaviestClients ({ clients, heavy, requests: all }: ClientCensus): readonly HeavyShare[] {
  const counts = new Map(heavy)
  for (const [key, { requests }] of clients) counts.set(key, Math.max(requests, heavy.get(key) ?? 0))
  return [...counts].map(([key, requests]) => ({ key, share: all === 0 ? 0 : requests / all }))
    .sort((left, right) => right.share - left.share)
}

/** A client that came to two workers is one; where they sampled differently, the stricter threshold holds for both. */
export function censusOf (samples: readonly ClientSample[]): ClientCensus {
  const part = Math.min(1, ...samples.map(sample => sample.part))
  const clients = new Map<number, CountedClient>()
  const heavy = new Map<number, number>()
  const rates = new Map<string, VersionRates>()
  for (const sample of samples) {
    addClients(clients, sample, key => sample.part === part || isSampled(key, part))
    addRates(rates, sample)
    for (const { key, requests } of sample.heavy) heavy.set(key, (heavy.get(key) ?? 0) + requests)
  }
  return {
    coversMs: Math.max(0, ...samples.map(({ coversMs }) => coversMs)),
    part,
    clients,
    rates,
    unkeyedRate: samples.reduce((sum, sample) => sum + perSecond(sample.unkeyed, sample), 0),
    requests: samples.reduce((sum, { requestsByVersion }) => sum + requestsByVersion.reduce((total, count) => total + count, 0), 0),
    heavy
  }
}

function perSecond (requests: number, { coversMs }: ClientSample): number {
  return requests * 1_000 / Math.max(LEAST_COVERED_MS, coversMs)
}

function addClients (clients: Map<number, CountedClient>, sample: ClientSample, counts: (key: number) => boolean): void {
  sample.keys.forEach((key, index) => {
    if (!counts(key)) return
    const before = clients.get(key)
    const requests = (before?.requests ?? 0) + (sample.requests[index] ?? 0)
    const seen = { version: sample.versions[sample.servedBy[index] ?? 0] ?? '', ageMs: sample.agesMs[index] ?? 0 }
    // Another worker may have served it later.
    const { version, ageMs } = before !== undefined && before.ageMs < seen.ageMs ? before : seen
    clients.set(key, { requests, version, ageMs })
  })
}

function addRates (rates: Map<string, VersionRates>, sample: ClientSample): void {
  sample.versions.forEach((version, index) => {
    const before = rates.get(version) ?? { all: 0, placed: 0 }
    rates.set(version, {
      all: before.all + perSecond(sample.requestsByVersion[index] ?? 0, sample),
      placed: before.placed + perSecond(sample.placedByVersion[index] ?? 0, sample)
    })
  })
}

/** `26 %` */
export function wholePercent (share: number): string {
  return `${Math.round(share * 100)} %`
}
