/** Reading what is stored: it may be anything, somebody can have edited it. Each throws an Error that names the place. */
import type { UntrustedObject } from './untrusted.ts'

const MAX_TEXT = 2_000

export function recordAt (plain: unknown, place: string): UntrustedObject {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) throw new Error(`${place} is not an object`)
  return { ...plain }
}

/** @param most entries */
export function listAt (plain: unknown, place: string, most = Infinity): readonly unknown[] {
  if (!Array.isArray(plain)) throw new Error(`${place} is not a list`)
  if (plain.length > most) throw new Error(`${place} is longer than ${most}`)
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

/** @param most characters */
export function wordsAt (plain: unknown, place: string, most = MAX_TEXT): string {
  if (typeof plain !== 'string' || plain.length > most) throw new Error(`${place} is not a text of at most ${most} characters`)
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
