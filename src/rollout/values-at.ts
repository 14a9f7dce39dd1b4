/** Reading what is stored: it may be anything, somebody can have edited it. Each throws an Error that names the place. */
import { MAX_WEIGHT } from '../contract/route-spec.ts'
import type { Weights } from '../contract/weights.ts'

export type Plain = Readonly<Record<string, unknown>>

const MAX_TEXT = 2_000

export function recordAt (plain: unknown, place: string): Plain {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) throw new Error(`${place} is not an object`)
  return { ...plain }
}

export function listAt (plain: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(plain)) throw new Error(`${place} is not a list`)
  return plain
}

export function countAt (plain: unknown, place: string): number {
  if (typeof plain !== 'number' || !Number.isSafeInteger(plain) || plain < 0) throw new Error(`${place} is not a whole number`)
  return plain
}

/** From 0 to `most`. */
export function amountAt (plain: unknown, most: number, place: string): number {
  if (typeof plain !== 'number' || !(plain >= 0 && plain <= most)) throw new Error(`${place} is not a number from 0 to ${most}`)
  return plain
}

export function wordsAt (plain: unknown, place: string): string {
  if (typeof plain !== 'string' || plain.length > MAX_TEXT) throw new Error(`${place} is not a text`)
  return plain
}

export function oneOfAt<V extends string> (allowed: readonly V[], plain: unknown, place: string): V {
  const found = allowed.find(value => value === plain)
  if (found === undefined) throw new Error(`${place} is not one of ${allowed.join(', ')}`)
  return found
}

/** What may be null. */
export function orNull<V> (plain: unknown, read: (plain: unknown) => V): V | null {
  return plain === null ? null : read(plain)
}

export function weightsAt (plain: unknown, place: string): Weights {
  return Object.fromEntries(Object.entries(recordAt(plain, place)).map(([name, weight]) => {
    // The file may hold weights that the API would refuse, because the configuration may set them.
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight < 0) throw new Error(`${place}.${name} is not a weight`)
    return [name, weight]
  }))
}

/** The weights of two versions together. */
export function sumAt (plain: unknown, place: string): number {
  const sum = amountAt(plain, MAX_WEIGHT, place)
  if (sum === 0) throw new Error(`${place} is 0`)
  return sum
}
