/**
 * The line of an answer by which a client gets the cookie of Weir. Cold: once for each client.
 */
import type { FieldEdits } from '../http/field-edits.ts'
import type { HttpResponse } from '../http/http-response.ts'
import type { RequestFacts } from './request-facts.ts'

/** Directives by which a cache may keep an answer for many clients (RFC 9111 section 5.2.2), and those by which it may not. */
const SHARED = /(?:^|[\s,])(?:public(?:$|[\s,])|(?:s-maxage|max-age)[ \t]*=[ \t"]*0*[1-9])/i
const NOT_SHARED = /(?:^|[\s,])(?:private|no-store)(?:$|[\s,=])/i
const MAX_AGE = /(?:^|[\s,])(?:s-maxage|max-age)[ \t]*=/i
/** Cache-Control for certain shared caches (RFC 9213). */
const TARGETED: ReadonlySet<string> = new Set(['cdn-cache-control', 'surrogate-control'])

/** Of an answer, what decides whether it brings a cookie. */
interface CookieTerms {
  /** What route and version change in its head. */
  readonly edits: FieldEdits | null
  /** The client's connection is encrypted. */
  readonly secure: boolean
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number
}

/** @returns the line with its CR LF; empty when the answer is no place for it */
export function cookieLine (head: HttpResponse, { route, version }: Pick<RequestFacts, 'route' | 'version'>, terms: CookieTerms): string {
  if (route === null || version === null || isShared(head, terms)) return ''
  const cookie = route.clientCookies?.issue(route.split, version.index, terms.secure) ?? null
  return cookie === null ? '' : `Set-Cookie: ${cookie}\r\n`
}

/** May a cache keep it for many clients? A cookie in it would make one client of all of them. */
function isShared (head: HttpResponse, { edits, wallMs }: CookieTerms): boolean {
  let [directives, targeted, expires] = ['', '', '']
  const note = (name: string, value: string): void => {
    const lower = name.toLowerCase()
    if (lower === 'cache-control') directives += `${value},`
    else if (lower === 'expires') expires = value
    else if (TARGETED.has(lower)) targeted += `${value},`
  }
  head.eachField((name, value) => { if (edits === null || !edits.removed.includes(name.toLowerCase())) note(name, value) })
  for (const { name, value } of edits?.added ?? []) note(name, value)
  if (SHARED.test(targeted)) return true
  // An age says more than a date, whatever it is.
  const isFresh = SHARED.test(directives) || (Date.parse(expires) > wallMs && !MAX_AGE.test(directives))
  return isFresh && !NOT_SHARED.test(directives)
}
