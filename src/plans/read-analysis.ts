import { type AnalysisSettings, DEFAULT_ANALYSIS } from '../analysis/analysis-settings.ts'
import type { UntrustedObject } from '../core/untrusted.ts'
import { given, inside, ownValue, type PlanFaults, readCount, readDuration, readMapping, readNumber, readShare } from './plan-faults.ts'

const KEYS = [
  'failureStatuses', 'alpha', 'passAlpha', 'maxErrorIncrease', 'maxSlowIncrease', 'slowerThan', 'warmup', 'maxErrorShare', 'maxDifferent',
  'maxFailures', 'minRequests', 'silence'
] as const

/** Ranges of statuses. */
export const MAX_RANGES = 32
export const LOWEST_STATUS = 200
export const HIGHEST_STATUS = 599
/** Of counts of requests by which something is judged. */
export const MAX_REQUESTS = 1_000_000_000
/** Of a probability of error. */
export const ERROR_LEVELS = { least: 1e-9, most: 0.5 } as const
/** Less can't be told from nothing by any number of requests that a person would wait for. */
export const INCREASES = { least: 0.000_1, most: 1 } as const

/** Reads how the versions are judged. What is not given, or wrong, is as by default. */
export function readAnalysis (plain: unknown, place: string, faults: PlanFaults): AnalysisSettings {
  if (plain === undefined) return DEFAULT_ANALYSIS
  const value = readMapping(plain, place, KEYS, faults)
  if (value === undefined) return DEFAULT_ANALYSIS
  const of = <K extends keyof AnalysisSettings>(name: K, key: typeof KEYS[number], read: Read<AnalysisSettings[K]>): AnalysisSettings[K] =>
    readField(value, key, place, read) ?? DEFAULT_ANALYSIS[name]
  return {
    failureStatuses: of('failureStatuses', 'failureStatuses', (field, at) => readStatuses(field, at, faults)),
    alpha: of('alpha', 'alpha', (field, at) => readNumber(field, at, ERROR_LEVELS, faults)),
    passAlpha: of('passAlpha', 'passAlpha', (field, at) => readNumber(field, at, ERROR_LEVELS, faults)),
    maxErrorIncrease: of('maxErrorIncrease', 'maxErrorIncrease', (field, at) => readShare(field, at, INCREASES, faults)),
    maxSlowIncrease: of('maxSlowIncrease', 'maxSlowIncrease', (field, at) => readShare(field, at, INCREASES, faults)),
    slowerThanMs: of('slowerThanMs', 'slowerThan', (field, at) => readDuration(field, at, 1, faults)),
    warmupMs: of('warmupMs', 'warmup', (field, at) => readDuration(field, at, 0, faults)),
    maxErrorShare: readLimit(value, 'maxErrorShare', place, faults),
    maxDifferent: readLimit(value, 'maxDifferent', place, faults),
    maxFailures: of('maxFailures', 'maxFailures', (field, at) => readCount(field, at, MAX_REQUESTS, faults)),
    minRequests: of('minRequests', 'minRequests', (field, at) => readCount(field, at, MAX_REQUESTS, faults)),
    silenceMs: of('silenceMs', 'silence', (field, at) => readDuration(field, at, 1, faults))
  }
}

type Read<V> = (plain: unknown, place: string) => V | undefined

function readField<V> (value: UntrustedObject, key: string, place: string, read: Read<V>): V | undefined {
  const plain = ownValue(value, key)
  return plain === undefined ? undefined : read(plain, inside(place, key))
}

/** `off` leaves the guard out. */
function readLimit (value: UntrustedObject, key: 'maxErrorShare' | 'maxDifferent', place: string, faults: PlanFaults): number | null {
  const plain = ownValue(value, key)
  if (plain === undefined) return DEFAULT_ANALYSIS[key]
  if (plain === 'off') return null
  return readShare(plain, inside(place, key), INCREASES, faults) ?? null
}

function readStatuses (plain: unknown, place: string, faults: PlanFaults): AnalysisSettings['failureStatuses'] | undefined {
  if (!Array.isArray(plain)) return faults.add(place, `must be a list of statuses, such as ["5xx", 429, "400-404"]${given(plain)}`)
  if (plain.length > MAX_RANGES) return faults.add(place, `must have at most ${MAX_RANGES} entries`)
  return plain.flatMap((entry: unknown, index) => {
    const range = rangeOf(entry)
    if (range !== undefined) return [range]
    faults.add(`${place}[${index}]`, `must be a status from ${LOWEST_STATUS} to ${HIGHEST_STATUS}, a range such as "500-599", or a class such as "5xx"${given(entry)}`)
    return []
  })
}

function rangeOf (entry: unknown): readonly [number, number] | undefined {
  if (typeof entry !== 'number' && (typeof entry !== 'string' || entry.length > 7)) return undefined
  const parts = /^([0-9]{3})(?:-([0-9]{3}))?$|^([2-5])xx$/i.exec(String(entry))
  if (parts === null) return undefined
  const [, first, last = first, hundreds] = parts
  const low = hundreds === undefined ? Number(first) : Number(hundreds) * 100
  const high = hundreds === undefined ? Number(last) : low + 99
  return low >= LOWEST_STATUS && high <= HIGHEST_STATUS && low <= high ? [low, high] : undefined
}
