/**
 * Changes to the head of a message, besides what every message loses and gets on its way: fields, and of a request the path and the host.
 * Made once, applied to many heads.
 */
import { isProtectedField } from '../core/protected-fields.ts'

/** A line that a head gets. */
interface EditedLine {
  readonly name: string
  /** A character for each byte. */
  readonly value: string
}

/** A change of the path of a request; its query stays. The asterisk form has no path. */
export interface PathEdit {
  /**
   * The beginning of the path that gives way, by whole segments and without its last slash; another path stays as it is. Null = all of
   * the path gives way.
   */
  readonly prefix: Buffer | null
  /** What comes in its place; for a prefix without its last slash. A path that is empty then is `/`. */
  readonly by: Buffer
}

export interface FieldEdits {
  /** The fields whose lines do not go on: names in lower case. */
  readonly removed: readonly string[]
  /** Lines that the head gets behind all others. */
  readonly added: readonly EditedLine[]
  /** The same as bytes. */
  readonly block: Buffer
  /** The same, a character for each byte. */
  readonly text: string
  /** Of a request; null = as it came. */
  readonly path: PathEdit | null
  /** What Host says; null = as it came. X-Forwarded-Host has what came. */
  readonly host: Buffer | null
}

/** What edits are made of; what is left out stays as it is. */
interface EditParts {
  readonly removed?: readonly string[]
  readonly added?: readonly EditedLine[]
  readonly path?: PathEdit | null
  readonly host?: Buffer | null
}

/** @throws RangeError for a field that no edit may touch, and for a line that would not be one line */
export function fieldEdits ({ removed = [], added = [], path = null, host = null }: EditParts): FieldEdits {
  for (const name of [...removed, ...added.map(line => line.name)]) {
    if (isProtectedField(name)) throw new RangeError(`no edit may touch the field ${name}`)
  }
  for (const { name, value } of added) {
    if (!isOneLine(name, value)) throw new RangeError(`the field ${JSON.stringify(name)} can't have the value ${JSON.stringify(value)}`)
  }
  const text = added.map(({ name, value }) => `${name}: ${value}\r\n`).join('')
  return {
    removed: [...new Set(removed.map(name => name.toLowerCase()))], added, text, block: Buffer.from(text, 'latin1'), path, host
  }
}

/** RFC 9110 sections 5.1 and 5.5: a token, and visible characters with space between them. */
function isOneLine (name: string, value: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/.test(value)
}

/** One edit behind another: what the second removes of what the first has added is gone, and its path and host count. */
export function combineEdits (first: FieldEdits | null, then: FieldEdits | null): FieldEdits | null {
  if (first === null || then === null) return first ?? then
  return fieldEdits({
    removed: [...first.removed, ...then.removed],
    added: [...first.added.filter(({ name }) => !then.removed.includes(name.toLowerCase())), ...then.added],
    path: then.path ?? first.path,
    host: then.host ?? first.host
  })
}

/** A slash at the end of a prefix does not count. */
export function withoutLastSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** The path that an edit makes of another one, without its query. */
export function editedPath ({ prefix, by }: PathEdit, path: string): string {
  if (path === '*') return path
  const text = by.toString('latin1')
  if (prefix === null) return text
  const beginning = prefix.toString('latin1')
  const rest = path.slice(beginning.length)
  if (!path.startsWith(beginning) || (rest !== '' && !rest.startsWith('/'))) return path
  return `${text}${rest}` === '' ? '/' : `${text}${rest}`
}
