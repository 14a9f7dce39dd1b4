/** Reading what somebody has written into a plan: every fault is kept with its place, and nothing is trusted. */
import { parseDurationMs, DURATION_PATTERN } from '../core/duration.ts'
import { suggestion } from '../core/nearest-name.ts'
import { asObject, type UntrustedObject } from '../core/untrusted.ts'
import type { PlanFault } from './rollout-plan.ts'

/** More faults are counted, not told. */
const MAX_FAULTS = 100
/** Of each mapping. */
const MAX_UNKNOWN_KEYS = 10
const MAX_SHOWN = 40
/** The longest wait. */
const MAX_DURATION_MS = 365 * 24 * 3_600_000

/** What is wrong with a plan, as far as it has been read. */
export class PlanFaults {
  readonly #faults: PlanFault[] = []
  #more = 0

  add (place: string, message: string): undefined {
    if (this.#faults.length < MAX_FAULTS) this.#faults.push({ place, message })
    else this.#more += 1
  }

  addAll (others: PlanFaults): void {
    for (const { place, message } of others.#faults) this.add(place, message)
    this.#more += others.#more
  }

  get isEmpty (): boolean { return this.#faults.length === 0 }

  list (): readonly PlanFault[] {
    return this.#more === 0 ? this.#faults : [...this.#faults, { place: '', message: `has ${this.#more} more faults` }]
  }
}

/** A mapping with known keys only; undefined for anything else. */
export function readMapping (plain: unknown, place: string, known: readonly string[], faults: PlanFaults): UntrustedObject | undefined {
  const value = asObject(plain)
  if (value === undefined) return faults.add(place, `must be a mapping with ${listed(known)}${given(plain)}`)
  const unknown = Object.keys(value).filter(key => !known.includes(key))
  for (const key of unknown.slice(0, MAX_UNKNOWN_KEYS)) {
    faults.add(inside(place, key), `is not known here${suggestion(key, known) || `; known are ${listed(known)}`}`)
  }
  if (unknown.length > MAX_UNKNOWN_KEYS) faults.add(place, `has ${unknown.length - MAX_UNKNOWN_KEYS} more keys that are not known here`)
  return value
}

/** Its own value of a key: what a prototype has is nobody's wish. */
export function ownValue (value: UntrustedObject, key: string): unknown {
  return Object.hasOwn(value, key) ? value[key] : undefined
}

/** The place of a key in a place. */
export function inside (place: string, key: string): string {
  const name = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(key) ? key : `[${JSON.stringify(cut(key))}]`
  return place === '' || name.startsWith('[') ? place + name : `${place}.${name}`
}

/** @param least milliseconds */
export function readDuration (plain: unknown, place: string, least: number, faults: PlanFaults): number | undefined {
  if (typeof plain !== 'string' || plain.length > MAX_SHOWN || !new RegExp(DURATION_PATTERN).test(plain)) {
    return faults.add(place, `must be a duration: a whole number and a unit, such as 30s, 10m or 1h${given(plain)}`)
  }
  const ms = parseDurationMs(plain)
  if (ms < least) return faults.add(place, 'must be longer than 0s')
  return ms > MAX_DURATION_MS ? faults.add(place, 'must be 365 days at most (8760h)') : ms
}

export interface Range {
  readonly least: number
  readonly most: number
}

export function readNumber (plain: unknown, place: string, { least, most }: Range, faults: PlanFaults): number | undefined {
  if (typeof plain === 'number' && plain >= least && plain <= most) return plain + 0
  return faults.add(place, `must be a number from ${least} to ${most}${given(plain)}`)
}

export function readCount (plain: unknown, place: string, most: number, faults: PlanFaults): number | undefined {
  if (typeof plain === 'number' && Number.isSafeInteger(plain) && plain >= 1 && plain <= most) return plain
  return faults.add(place, `must be a whole number from 1 to ${most}${given(plain)}`)
}

/** A share as a number, 0.005, or as a percentage, "0.5%". @returns 0..1 */
export function readShare (plain: unknown, place: string, { least, most }: Range, faults: PlanFaults): number | undefined {
  const percent = typeof plain === 'string' && plain.length <= MAX_SHOWN ? /^([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%$/.exec(plain)?.[1] : undefined
  // Dividing would leave 0.07 % at 0.0007000000000000001.
  const share = percent === undefined ? plain : Number(`${percent}e-2`)
  if (typeof share === 'number' && share >= least && share <= most) return share
  return faults.add(place, `must be a share from ${least} to ${most}, or a percentage in quotes such as "0.5%"${given(plain)}`)
}

export function readChoice<V extends string> (plain: unknown, place: string, choices: readonly V[], faults: PlanFaults): V | undefined {
  const found = choices.find(choice => choice === plain)
  if (found !== undefined) return found
  const hint = typeof plain === 'string' ? suggestion(plain, choices) : ''
  return faults.add(place, `must be ${choices.map(choice => `"${choice}"`).join(' or ')}${given(plain)}${hint}`)
}

/** `, not "x"`: what was given instead, shortened. */
export function given (plain: unknown): string {
  switch (typeof plain) {
    case 'string': return `, not ${JSON.stringify(cut(plain))}`
    case 'number': case 'boolean': return `, not ${String(plain)}`
    case 'undefined': return ''
    default: return plain === null ? ', not null' : `, not a ${Array.isArray(plain) ? 'list' : 'mapping'}`
  }
}

export function listed (names: readonly string[]): string {
  return names.map(name => `\`${name}\``).join(', ')
}

function cut (text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
