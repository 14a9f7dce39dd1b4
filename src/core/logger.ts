/**
 * Weir's own log, for those who write it. Messages are constant sentences; what varies goes into the fields.
 */

/** The details of a log message. */
export type LogFields = Readonly<Record<string, string | number | boolean>>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where the control plane says what happened: Weir's own log, or a list in a test. */
export interface EventLog {
  info (message: string, fields?: LogFields): void
  warn (message: string, fields?: LogFields): void
  error (message: string, fields?: LogFields): void
}

export interface Logger extends EventLog {
  debug (message: string, fields?: LogFields): void
}

const SHOWN = 10

/** `a, b and 12 more`: a list of any length in a line of the log. @param separator another one for names that have commas */
export function nameSome (names: readonly string[], separator = ', '): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(separator)} and ${more} more` : names.join(separator)
}

/**
 * Text from outside that people read on a terminal: control characters, C1 and U+0085 among them, line separators and marks that
 * turn the direction of writing could forge lines or hide what is there.
 */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Escapes them as JSON does (`\u0085`), so that JSON stays the same JSON. Line feeds stay. */
export function printable (text: string): string {
  return text.replace(UNPRINTABLE, escape)
}

/** JSON in one line, without a character that a terminal would act on, such as in the reasons of an older history. */
export function printableJson (value: unknown): string {
  return printable(JSON.stringify(value))
}

function escape (character: string): string {
  let escaped = ''
  for (let index = 0; index < character.length; index++) escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`
  return escaped
}
