/**
 * What the parts of a request can be, as it is sent (docs/security.md): who asks a request for anything else waits for ever.
 *
 * The functions say why no request has a text, as a phrase that goes on from "can never match: "; empty when one can have it.
 */
import { oneHostName } from './socket-address.ts'

/** @param isWhole it is not the beginning of a text only */
export type WhyUnsent = (text: string, isWhole: boolean) => string

/** Targets are ASCII without space and `#`; a path ends before the query. */
const UNSEEN_IN_PATH = /[^!-"$->@-~]/
/** In a parameter the ampersand begins the next one; in its name the sign ends it. */
const UNSEEN_IN_QUERY_NAME = /[^!-"$-%'-<>-~]/
const UNSEEN_IN_QUERY_VALUE = /[^!-"$-%'-~]/
/** RFC 9110 section 5.5. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\0-\x08\x0a-\x1f\x7f]/

/** Is it a part of the value of a field? Half a character (a lone surrogate) has no bytes. */
function isFieldText (text: string): boolean {
  return text.isWellFormed() && !CONTROLS.test(text)
}

/** Is it the value of a field (RFC 9110 section 5.5)? Only SP and HTAB are space. */
export function isFieldValue (text: string): boolean {
  return isFieldText(text) && !/^[ \t]|[ \t]$/.test(text)
}

export function noPath (text: string): string {
  if (/[?#\s]/.test(text)) return 'a path has no `?`, `#` or space; conditions on the query go into `query`'
  return UNSEEN_IN_PATH.test(text) ? `clients send such a path percent-encoded; write ${encodeURI(text.toWellFormed())}` : ''
}

/** The same of a path, or the beginning of one, where the whole text is compared. */
export function noWholePath (text: string): string {
  return text.startsWith('/') || text === '*' ? noPath(text) : 'a path begins with `/`, or is `*` in a request about the whole server'
}

export function noFieldValue (text: string, isWhole: boolean): string {
  const isOne = isWhole ? isFieldValue(text) : isFieldText(text) && !/^[ \t]/.test(text)
  return isOne ? '' : 'the value of a field has no space around it and no control characters'
}

export function noCookieValue (text: string, isWhole: boolean): string {
  if (text.includes(';') || (isWhole && /^".*"$/s.test(text))) return 'the value of a cookie ends at a semicolon, and is compared without the quotes around it'
  return noFieldValue(text, isWhole)
}

export function noParameterName (name: string): string {
  return UNSEEN_IN_QUERY_NAME.test(name) ? unseen(name, 'the name of a parameter', '`&`, `=`, `#`') : ''
}

export function noParameterValue (value: string): string {
  return UNSEEN_IN_QUERY_VALUE.test(value) ? unseen(value, 'the value of a parameter', '`&`, `#`') : ''
}

function unseen (text: string, what: string, signs: string): string {
  return `${what} has no ${signs}, space or character past ASCII, and is compared as it is sent; write ${encodeURIComponent(text.toWellFormed())}`
}

/** A host as matches compare it: in lower case, without its port and without a dot at its end. */
export function noHost (text: string, isWhole: boolean): string {
  const lower = text.toLowerCase()
  if (text !== lower) return `hosts are compared in lower case; write ${lower}`
  if (/[^!-~]|[/?#@]/.test(text)) return 'a host has no space, `/`, `?`, `#`, `@` or character past ASCII'
  if (!isWhole || text === oneHostName(text)) return /^[^[]*:/.test(text) ? `hosts are compared without their port; write ${text.replace(/:.*/, '')}` : ''
  return `hosts are compared in one spelling; write ${oneHostName(text)}`
}
