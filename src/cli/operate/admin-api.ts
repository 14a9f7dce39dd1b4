/** The admin API as a port, and how its answers are read. */
import { asList, asObject, asText, type UntrustedObject } from '../../core/untrusted.ts'

/** An object of an answer. Nobody has checked what is in it: it may come from another version of Weir, or from no Weir at all. */
export type AdminAnswer = UntrustedObject

/** One question. */
export interface Ask {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With its query. */
  readonly path: string
  readonly body?: object
  /** Lines of JSON instead of a body, sent as they come. */
  readonly lines?: AsyncIterable<Uint8Array>
  /** The change is made only while the route is at this epoch. */
  readonly ifEpoch?: number | undefined
  /** How long the answer may take; the time that Weir is asked to wait comes on top. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What the commands need of it; a test has its own. */
export interface AdminApi {
  /** @throws CommandError when there is no answer, or another one than was asked for */
  ask (question: Ask): Promise<AdminAnswer>
}

/** Reading answers: each gives the value where it has the type that is asked for. */
export function textAt (answer: AdminAnswer | undefined, key: string): string | undefined {
  return asText(answer?.[key])
}

export function numberAt (answer: AdminAnswer | undefined, key: string): number | undefined {
  const value = answer?.[key]
  return typeof value === 'number' ? value : undefined
}

export function flagAt (answer: AdminAnswer | undefined, key: string): boolean | undefined {
  const value = answer?.[key]
  return typeof value === 'boolean' ? value : undefined
}

export function answerAt (answer: AdminAnswer | undefined, key: string): AdminAnswer | undefined {
  return asObject(answer?.[key])
}

/** The objects of a list. */
export function answersAt (answer: AdminAnswer | undefined, key: string): readonly AdminAnswer[] {
  return asList(answer?.[key]).map(asObject).filter(each => each !== undefined)
}

/** The texts of a list. */
export function textsAt (answer: AdminAnswer | undefined, key: string): readonly string[] {
  return asList(answer?.[key]).map(asText).filter(each => each !== undefined)
}

/** Numbers by name, in the order of the answer. */
export function numbersAt (answer: AdminAnswer | undefined, key: string): ReadonlyArray<readonly [string, number]> {
  return Object.entries(answerAt(answer, key) ?? {}).flatMap(([name, value]) => typeof value === 'number' ? [[name, value] as const] : [])
}
