/**
 * A JSON text in one notation, whatever the order of its members and its white space, without what is not to be compared. Numbers are
 * compared as JavaScript reads them: digits beyond 2^53 are not told apart.
 */
import { isUtf8 } from 'node:buffer'

/** Values that lie deeper are not compared as JSON. */
const MAX_DEPTH = 200
/** Stands for every member or element. */
const ANY = '*'

/** The segments of a JSON Pointer. */
export type JsonPath = readonly string[]

/** RFC 6901 section 4. @param pointer begins with a slash */
export function parseJsonPath (pointer: string): JsonPath {
  return pointer.split('/').slice(1).map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** @returns null when it is no JSON, or nested too deep */
export function canonicalJson (bytes: Buffer, leftOut: readonly JsonPath[]): string | null {
  if (!isUtf8(bytes)) return null
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
  const parts: string[] = []
  return write(value, leftOut, 0, parts) ? parts.join('') : null
}

/** @param paths those that lead through here @returns false when it is nested too deep */
function write (value: unknown, paths: readonly JsonPath[], depth: number, parts: string[]): boolean {
  if (typeof value !== 'object' || value === null) {
    // JSON would write null for a number that is too large for JavaScript.
    parts.push(typeof value === 'number' ? String(value) : JSON.stringify(value))
    return true
  }
  if (depth >= MAX_DEPTH) return false
  const isList = Array.isArray(value)
  const entries: ReadonlyArray<readonly [string, unknown]> = isList
    ? value.map((element: unknown, index) => [String(index), element] as const)
    : Object.entries(value).sort(([one], [other]) => one < other ? -1 : 1)
  parts.push(isList ? '[' : '{')
  for (const [name, member] of entries) {
    const further = paths.length === 0 ? paths : paths.filter(path => path[depth] === name || path[depth] === ANY)
    // The place of an element that is left out is kept: one more or less of them is a difference.
    if (further.some(path => path.length === depth + 1)) {
      if (isList) parts.push(',')
      continue
    }
    if (!isList) parts.push(JSON.stringify(name), ':')
    if (!write(member, further, depth + 1, parts)) return false
    parts.push(',')
  }
  parts.push(isList ? ']' : '}')
  return true
}
