/**
 * The evidence of a rollout as one replica sends it to another, and how that is read: a peer has proven that it knows the secret, not that
 * its numbers are any.
 */
import { copiesFrom, numbersOfCopies } from '../analysis/copy-counts.ts'
import { MAX_ENDPOINTS } from '../analysis/endpoint-counts.ts'
import { countsFrom, emptyCounts, numbersFrom } from '../analysis/side-counts.ts'
import { SEEN_BYTES, STORED_HEAVY } from '../analysis/stored-evidence.ts'
import {
  type ByEndpoint, type CohortCounts, COPY_COUNTS, type CopyCounts, type EvidenceReport, type FirstSign, type HeavyClient, type SideCounts
} from '../contract/rollout-watch.ts'
import { asList, asObject, asText } from '../core/untrusted.ts'
import { MAX_LEDGER_SIGNS, MAX_TOLD_EPOCHS, MAX_TOLD_WORKERS, type ToldEvidence } from '../rollout/evidence-ledger.ts'

/** So many numbers are the counts of one side. */
const COUNTS = numbersFrom(emptyCounts()).length
const MAX_TEXT = 64
/** Buckets of clients. */
const BUCKETS = 65_536
/** A replica has no more signs to tell at a time: a full book, and what has come since the last page was closed. */
const MAX_SIGNS = 2 * MAX_LEDGER_SIGNS

/** As it is sent: signs are many, so they are short. */
export function writeToldEvidence ({ source, upTo, hasMore, report, heavy, inFlightTo }: ToldEvidence): object {
  const endpoints = [...new Set(report.signs.map(({ endpoint }) => endpoint))]
  const places = new Map(endpoints.map((endpoint, index) => [endpoint, index]))
  return {
    source,
    upTo,
    hasMore,
    cohorts: report.cohorts.map(({ epoch, from, to, toByEndpoint }) => [
      epoch, numbersFrom(from), numbersFrom(to), ...(toByEndpoint === undefined ? [] : [pairsOf(toByEndpoint, numbersFrom)])
    ]),
    ...(report.copies === undefined ? {} : { copies: numbersOfCopies(report.copies) }),
    ...(report.copiesByEndpoint === undefined ? {} : { copiesByEndpoint: pairsOf(report.copiesByEndpoint, numbersOfCopies) }),
    ...(report.matched === undefined ? {} : { matched: numbersFrom(report.matched) }),
    ...(report.matchedByEndpoint === undefined ? {} : { matchedByEndpoint: pairsOf(report.matchedByEndpoint, numbersFrom) }),
    endpoints: endpoints.map(endpoint => endpoint.slice(0, MAX_TEXT)),
    signs: report.signs.map(({ kind, bucket, side, epoch, endpoint }) => [
      kind === 'failure' ? 1 : 0, bucket, side === 'to' ? 1 : 0, epoch, places.get(endpoint)
    ]),
    dropped: report.dropped,
    seen: report.seen === undefined ? '' : Buffer.from(report.seen).toString('base64'),
    heavy: heavy.map(([worker, clients]) => [
      worker.slice(0, MAX_TEXT), clients.slice(0, STORED_HEAVY).map(({ key, failures }) => [key.slice(0, MAX_TEXT), failures])
    ]),
    inFlightTo
  }
}

function pairsOf<Counted> (
  places: ByEndpoint<Counted>, numbers: (counts: Counted) => readonly number[]
): ReadonlyArray<readonly [string, readonly number[]]> {
  return [...places].map(([endpoint, counts]) => [endpoint.slice(0, MAX_TEXT), numbers(counts)])
}

/** Undefined for what no replica would say: nothing of it is taken then. */
export function readToldEvidence (value: unknown): ToldEvidence | undefined {
  const told = asObject(value)
  const source = shortText(told?.['source'])
  if (told === undefined || source === undefined || typeof told['hasMore'] !== 'boolean') return undefined
  const { upTo, inFlightTo, hasMore } = told
  const report = readReport(told)
  const heavy = listOf(told['heavy'], MAX_TOLD_WORKERS, readHeavy)
  if (!isCount(upTo) || !isCount(inFlightTo) || report === undefined || heavy === undefined) return undefined
  return { source, upTo, hasMore, report, heavy, inFlightTo }
}

function readReport (told: Readonly<Record<string, unknown>>): EvidenceReport | undefined {
  const { dropped } = told
  const cohorts = listOf(told['cohorts'], MAX_TOLD_EPOCHS, readCohort)
  const beside = readBesideSplit(told)
  const endpoints = listOf(told['endpoints'], MAX_SIGNS, shortText)
  const signs = listOf(told['signs'], MAX_SIGNS, sign => readSign(sign, endpoints ?? []))
  const seen = Buffer.from(shortText(told['seen'], 4 * SEEN_BYTES) ?? '', 'base64')
  const isSeen = told['seen'] === '' || seen.length === SEEN_BYTES
  if (cohorts === undefined || beside === undefined || endpoints === undefined || signs === undefined) return undefined
  if (!isCount(dropped) || !isSeen) return undefined
  const report = { cohorts, ...beside, signs, heavy: [], dropped }
  return seen.length === 0 ? report : { ...report, seen: new Uint8Array(seen) }
}

/** What the new version got besides its share of the split. */
function readBesideSplit (told: Readonly<Record<string, unknown>>):
  Pick<EvidenceReport, 'copies' | 'copiesByEndpoint' | 'matched' | 'matchedByEndpoint'> | undefined {
  const copies = told['copies'] === undefined ? null : readCopies(told['copies'])
  const copiesByEndpoint = readByEndpoint(told['copiesByEndpoint'], readCopies)
  const matched = told['matched'] === undefined ? null : readCounts(told['matched'])
  const matchedByEndpoint = readByEndpoint(told['matchedByEndpoint'], readCounts)
  if (copies === undefined || copiesByEndpoint === undefined || matched === undefined || matchedByEndpoint === undefined) return undefined
  return {
    ...(copies === null ? {} : { copies }),
    ...(copiesByEndpoint.size === 0 ? {} : { copiesByEndpoint }),
    ...(matched === null ? {} : { matched }),
    ...(matchedByEndpoint.size === 0 ? {} : { matchedByEndpoint })
  }
}

function readCohort (value: unknown): CohortCounts | undefined {
  const [epoch, from, to, places] = asList(value)
  const [old, next, toByEndpoint] = [readCounts(from), readCounts(to), readByEndpoint(places, readCounts)]
  if (!isCount(epoch) || old === undefined || next === undefined || toByEndpoint === undefined) return undefined
  return { epoch, from: old, to: next, ...(toByEndpoint.size === 0 ? {} : { toByEndpoint }) }
}

/** Empty for what is not told. */
function readByEndpoint<Counted> (value: unknown, read: (counts: unknown) => Counted | undefined): ByEndpoint<Counted> | undefined {
  if (value === undefined) return new Map()
  const places = listOf(value, MAX_ENDPOINTS, place => {
    const [name, numbers] = asList(place)
    const [endpoint, counts] = [shortText(name), read(numbers)]
    return endpoint === undefined || counts === undefined ? undefined : [endpoint, counts] as const
  })
  return places === undefined ? undefined : new Map(places)
}

function readCopies (value: unknown): CopyCounts | undefined {
  const counts = listOf(value, COPY_COUNTS.length, count => isCount(count) ? count : undefined)
  return counts?.length === COPY_COUNTS.length ? copiesFrom(counts) : undefined
}

/** Whether they fit each other, the analysis sees to. */
function readCounts (value: unknown): SideCounts | undefined {
  const counts = listOf(value, COUNTS, count => isCount(count) ? count : undefined)
  return counts?.length === COUNTS ? countsFrom(counts) : undefined
}

function readSign (value: unknown, endpoints: readonly string[]): FirstSign | undefined {
  const [kind, bucket, side, epoch, place] = asList(value)
  const endpoint = isCount(place) ? endpoints[place] : undefined
  if (!isCount(bucket) || bucket >= BUCKETS || !isCount(epoch) || endpoint === undefined) return undefined
  if ((kind !== 0 && kind !== 1) || (side !== 0 && side !== 1)) return undefined
  return { kind: kind === 1 ? 'failure' : 'slow', bucket, side: side === 1 ? 'to' : 'from', epoch, endpoint }
}

function readHeavy (value: unknown): readonly [string, readonly HeavyClient[]] | undefined {
  const [name, list] = asList(value)
  const worker = shortText(name)
  const clients = listOf(list, STORED_HEAVY, client => {
    const [key, failures] = asList(client)
    const text = shortText(key)
    return text === undefined || !isCount(failures) ? undefined : { key: text, failures }
  })
  return worker === undefined || clients === undefined ? undefined : [worker, clients]
}

/** Undefined when it is no list, too long a one, or one of its entries can't be read. */
function listOf<Entry> (value: unknown, most: number, read: (entry: unknown) => Entry | undefined): readonly Entry[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined
  const entries: Entry[] = []
  for (const entry of asList(value)) {
    const known = read(entry)
    if (known === undefined) return undefined
    entries.push(known)
  }
  return entries
}

function shortText (value: unknown, most = MAX_TEXT): string | undefined {
  const text = asText(value)
  return text === undefined || text.length > most ? undefined : text
}

/** The most that anything can have been counted in the life of a process. */
const MAX_COUNT = 1e12

function isCount (value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_COUNT
}
