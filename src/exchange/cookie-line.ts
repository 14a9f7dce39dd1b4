/**
 * The line of an answer by which a client gets the cookie of Weir. Cold: once for each client.
 */
import type { HttpResponse } from '../http/http-response.ts'
import type { RequestFacts } from './request-facts.ts'

/** What a cache may keep for many clients. A cookie in it would make one client of all of them. */
const SHARED = /(^|[\s,])(public|s-maxage)($|[\s,=])/i

/**
 * @param secure the client's connection is encrypted
 * @returns the line with its CR LF; empty when the answer is no place for it
 */
export function cookieLine (head: HttpResponse, { route, version }: Pick<RequestFacts, 'route' | 'version'>, secure: boolean): string {
  if (route === null || version === null || isShared(head)) return ''
  const cookie = route.clientCookies?.issue(route.split, version.index, secure) ?? null
  return cookie === null ? '' : `Set-Cookie: ${cookie}\r\n`
}

function isShared (head: HttpResponse): boolean {
  let shared = false
  head.eachField((name, value) => { if (name.toLowerCase() === 'cache-control' && SHARED.test(value)) shared = true })
  return shared
}
