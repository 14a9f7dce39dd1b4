/**
 * The evidence of a rollout as plain JSON, at most 26 KiB, with which another process goes on exactly. What is read back may be anything:
 * somebody can have edited it.
 */
import { asObject } from '../core/untrusted.ts'
import { MAX_ENDPOINTS } from './endpoint-counts.ts'
import { amountAt, listAt, oneOfAt, orNull, recordAt, wordsAt } from '../core/values-at.ts'

/** The first signs of one kind: the products of their likelihood ratios, apart for a few endpoints. */
export interface StoredSigns {
  /** The buckets of clients that have spoken: bits, base64; '' for none. */
  readonly spoken: string
  readonly from: StoredRow
  /** Of the new version's endpoints that are not kept apart. */
  readonly others: StoredRow
  readonly endpoints: readonly StoredEndpointRow[]
}

export interface StoredRow {
  readonly signs: number
  /** ln of the product, for each ratio of the mixture. */
  readonly logs: readonly number[]
}

interface StoredEndpointRow extends StoredRow {
  readonly name: string
}

/** What went wrong on an endpoint of the new version: counts, and what those had that had its place before. */
type StoredEndpoint = readonly [endpoint: string, numbers: readonly number[], inherited: number]

/** How the blamed endpoint has done since it was found bad. */
export interface BlameCounts {
  /** What it was blamed for. */
  kind: 'failures' | 'slow'
  sinceMs: number
  /** For how long it has been in use and bad. */
  inUseMs: number
  /** What has gone wrong there since it is used again, and what would have on any endpoint. */
  bad: number
  usual: number
}

export interface StoredEndpoints {
  readonly traffic: readonly StoredEndpoint[]
  readonly copies: readonly StoredEndpoint[]
  /** Of all endpoints, since the same time. */
  readonly total: readonly number[]
  readonly blame: Readonly<BlameCounts>
  /** What is charged to the new version, without what the blamed one has done: counts since the warm-up, failures since the beginning. */
  readonly to: readonly number[]
  readonly failures: number
}

export interface StoredEvidence {
  readonly format: 2
  /** How long the rollout had lasted. */
  readonly elapsedMs: number
  readonly failures: StoredSigns
  readonly slow: StoredSigns
  /** Sums and products, by the names of `STORED_PARTS`. */
  readonly parts: Readonly<Record<StoredPart, readonly number[]>>
  /** The buckets of clients seen: bits, base64; '' when none was reported. */
  readonly seen: string
  /** The clients with the most failures on the new version. */
  readonly heavy: ReadonlyArray<readonly [key: string, failures: number]>
  /** The endpoint that the failures were found to belong to. */
  readonly blamed: string | null
  /** Absent while the new version had no requests, and apart so that an older Weir passes over it. */
  readonly endpoints?: StoredEndpoints
  /** Absent while nothing was copied; apart from the parts, so that an older Weir passes over it. */
  readonly copies?: readonly number[]
  /** What a match has brought; absent while that is nothing, and apart for the same reason. */
  readonly matched?: readonly number[]
  /** Where replicas share it: by the book of each, the last page that is in here. Absent where there is one alone. */
  readonly books?: ReadonlyArray<readonly [book: string, page: number]>
}

/** How many numbers each part has. */
export const STORED_PARTS = {
  from: 7,
  to: 7,
  guardFrom: 7,
  guardTo: 7,
  errors: 21,
  slow: 21,
  pairs: 21,
  halvesFrom: 21,
  halvesFromTurned: 21,
  halvesTo: 21,
  halvesToTurned: 21,
  errorsAlone: 13,
  slowAlone: 13,
  blast: 7,
  recent: 10,
  silence: 6,
  look: 4
} as const satisfies Readonly<Record<string, number>>

export type StoredPart = keyof typeof STORED_PARTS

/** What is counted of copies, and since when. */
const STORED_COPIES = 8
/** The ratios of the label test's mixture. */
const STORED_RATIOS = 8
/** The endpoints that are kept apart. */
export const STORED_ENDPOINTS = 4
/** The heaviest clients that are kept. */
export const STORED_HEAVY = 16
/** The longest name of an endpoint or client. */
export const STORED_NAME_LENGTH = 64
/** The books of replicas whose pages are remembered. */
export const MAX_STORED_BOOKS = 256
/** Bytes of the bitmaps: clients that have failed, been slow, been seen. */
export const FAILURE_BYTES = 8_192
export const SLOW_BYTES = 4_096
export const SEEN_BYTES = 128

const MAX_COUNT_STORED = 1e15
/** Sums of squares are large; none gets near this. */
const MAX_NUMBER = 1e60

/** Is it evidence as an older or newer Weir keeps it? It says nothing here, and can be gathered anew. */
export function isOfOtherFormat (plain: unknown): boolean {
  const format = asObject(plain)?.['format']
  return typeof format === 'number' && Number.isSafeInteger(format) && format !== 2
}

/**
 * Reads what `Analysis.stored()` gave.
 * @throws Error naming the field that is wrong
 */
export function readStoredEvidence (plain: unknown, place = 'evidence'): StoredEvidence {
  const evidence = recordAt(plain, place)
  const at = (name: string): string => `${place}.${name}`
  if (evidence['format'] !== 2) throw new Error(`${at('format')} is not 2, the only one that this Weir reads`)
  const parts = recordAt(evidence['parts'], at('parts'))
  const stranger = Object.keys(parts).find(name => !Object.hasOwn(STORED_PARTS, name))
  if (stranger !== undefined) throw new Error(`${at('parts')}.${stranger.slice(0, STORED_NAME_LENGTH)} is no part of it`)
  return {
    format: 2,
    elapsedMs: amountAt(evidence['elapsedMs'], MAX_COUNT_STORED, at('elapsedMs')),
    failures: signsAt(evidence['failures'], FAILURE_BYTES, at('failures')),
    slow: signsAt(evidence['slow'], SLOW_BYTES, at('slow')),
    parts: partsOf(name => numbersAt(parts[name], STORED_PARTS[name], at(`parts.${name}`))),
    seen: bitsAt(evidence['seen'], SEEN_BYTES, at('seen')),
    heavy: pairsAt(evidence['heavy'], STORED_HEAVY, at('heavy')),
    blamed: orNull(evidence['blamed'], blamed => wordsAt(blamed, at('blamed'), STORED_NAME_LENGTH)),
    ...(evidence['endpoints'] === undefined ? {} : { endpoints: endpointsAt(evidence['endpoints'], at('endpoints')) }),
    ...(evidence['copies'] === undefined ? {} : { copies: numbersAt(evidence['copies'], STORED_COPIES, at('copies')) }),
    ...(evidence['matched'] === undefined ? {} : { matched: numbersAt(evidence['matched'], STORED_PARTS.to, at('matched')) }),
    ...(evidence['books'] === undefined ? {} : { books: pairsAt(evidence['books'], MAX_STORED_BOOKS, at('books')) })
  }
}

/** All parts, each as the function gives it. */
export function partsOf (numbers: (name: StoredPart) => readonly number[]): Readonly<Record<StoredPart, readonly number[]>> {
  const names = Object.keys(STORED_PARTS) as readonly StoredPart[] // the names of a constant object
  return Object.fromEntries(names.map(name => [name, numbers(name)])) as Record<StoredPart, readonly number[]> // with each of them
}

/** Bytes from base64 that `bitsAt` has let pass. */
export function bytesOf (bits: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  if (bits !== '') bytes.set(Buffer.from(bits, 'base64'))
  return bytes
}

export function bitsOf (bytes: Uint8Array): string {
  return bytes.every(byte => byte === 0) ? '' : Buffer.from(bytes).toString('base64')
}

function signsAt (plain: unknown, bytes: number, place: string): StoredSigns {
  const signs = recordAt(plain, place)
  return {
    spoken: bitsAt(signs['spoken'], bytes, `${place}.spoken`),
    from: rowAt(signs['from'], `${place}.from`),
    others: rowAt(signs['others'], `${place}.others`),
    endpoints: listAt(signs['endpoints'], `${place}.endpoints`, STORED_ENDPOINTS).map((item, index) => {
      const at = `${place}.endpoints[${index}]`
      return { name: wordsAt(recordAt(item, at)['name'], `${at}.name`, STORED_NAME_LENGTH), ...rowAt(item, at) }
    })
  }
}

function endpointsAt (plain: unknown, place: string): StoredEndpoints {
  const endpoints = recordAt(plain, place)
  return {
    traffic: placesAt(endpoints['traffic'], STORED_PARTS.to, `${place}.traffic`),
    copies: placesAt(endpoints['copies'], STORED_COPIES - 1, `${place}.copies`),
    total: numbersAt(endpoints['total'], STORED_PARTS.to, `${place}.total`),
    blame: blameAt(endpoints['blame'], `${place}.blame`),
    to: numbersAt(endpoints['to'], STORED_PARTS.to, `${place}.to`),
    failures: amountAt(endpoints['failures'], MAX_COUNT_STORED, `${place}.failures`)
  }
}

function blameAt (plain: unknown, place: string): Readonly<BlameCounts> {
  const blame = recordAt(plain, place)
  const amount = (name: string): number => amountAt(blame[name], MAX_COUNT_STORED, `${place}.${name}`)
  return {
    kind: oneOfAt(['failures', 'slow'], blame['kind'], `${place}.kind`),
    sinceMs: amount('sinceMs'),
    inUseMs: amount('inUseMs'),
    bad: amount('bad'),
    usual: amount('usual')
  }
}

/** Names with so many numbers each. */
function placesAt (plain: unknown, length: number, place: string): readonly StoredEndpoint[] {
  return listAt(plain, place, MAX_ENDPOINTS).map((item, index) => {
    const at = `${place}[${index}]`
    const [name, numbers, inherited] = listAt(item, at, 3)
    return [
      wordsAt(name, `${at}[0]`, STORED_NAME_LENGTH),
      numbersAt(numbers, length, `${at}[1]`),
      amountAt(inherited, MAX_COUNT_STORED, `${at}[2]`)
    ]
  })
}

/** Names with counts. */
function pairsAt (plain: unknown, most: number, place: string): ReadonlyArray<readonly [name: string, count: number]> {
  return listAt(plain, place, most).map((item, index) => {
    const at = `${place}[${index}]`
    const [name, count] = listAt(item, at, 2)
    return [wordsAt(name, `${at}[0]`, STORED_NAME_LENGTH), amountAt(count, MAX_COUNT_STORED, `${at}[1]`)]
  })
}

function rowAt (plain: unknown, place: string): StoredRow {
  const row = recordAt(plain, place)
  return {
    signs: amountAt(row['signs'], MAX_COUNT_STORED, `${place}.signs`),
    logs: numbersAt(row['logs'], STORED_RATIOS, `${place}.logs`)
  }
}

function numbersAt (plain: unknown, length: number, place: string): readonly number[] {
  const numbers = listAt(plain, place, length)
  if (numbers.length < length) throw new Error(`${place} is shorter than ${length}`)
  return numbers.map((item, index) => {
    if (typeof item !== 'number' || !(Math.abs(item) <= MAX_NUMBER)) throw new Error(`${place}[${index}] is not a number between ±1e60`)
    return item
  })
}

function bitsAt (plain: unknown, bytes: number, place: string): string {
  const bits = wordsAt(plain, place, 2 * bytes)
  const decoded = Buffer.from(bits, 'base64')
  if (bits !== '' && (decoded.length !== bytes || decoded.toString('base64') !== bits)) throw new Error(`${place} is not base64 of ${bytes} bytes, or ''`)
  return bits
}
