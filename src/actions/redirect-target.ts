/**
 * Where a request is sent to: the Location of a redirect, as HTTPRequestRedirectFilter of Gateway API has it.
 */
import type { RequestRedirect } from '../contract/route-actions.ts'
import { editedPath } from '../http/field-edits.ts'
import type { HttpRequest } from '../http/http-request.ts'
import { pathEdit } from './version-edits.ts'

/** How a client has reached Weir. */
export interface WayIn {
  readonly scheme: 'http' | 'https'
  /** The port of the listener; behind a trusted proxy that tells the scheme, the well-known one of that. */
  readonly port: number
}

type RedirectedRequest = Pick<HttpRequest, 'host' | 'path' | 'resource' | 'methodIs'>

const WELL_KNOWN_PORTS = { http: 80, https: 443 } as const

/**
 * The URI that a request is sent to. What of it comes from the request has passed the parser, so nothing in it ends a line.
 * @param defaultHost for a request that names no host
 * @returns undefined when nobody says which host is meant
 */
export function redirectTarget (
  redirect: RequestRedirect, request: RedirectedRequest, wayIn: WayIn, defaultHost: string
): string | undefined {
  const named = request.host()
  const host = redirect.hostname ?? (named === '' ? bareHost(defaultHost) : named)
  if (host === '') return undefined
  const scheme = redirect.scheme ?? wayIn.scheme
  const port = redirect.port ?? (redirect.scheme === null ? wayIn.port : WELL_KNOWN_PORTS[redirect.scheme])
  const authority = port === WELL_KNOWN_PORTS[scheme] ? host : `${host}:${port}`
  return `${scheme}://${authority}${pathOf(redirect, request)}`
}

/** What is asked of the whole server has no path (RFC 9112 section 3.2.4). */
function pathOf ({ path }: RequestRedirect, request: RedirectedRequest): string {
  const resource = request.resource()
  if (resource === '*' || (resource === '' && request.methodIs('OPTIONS'))) return ''
  const asked = request.path()
  const target = path === null ? asked : editedPath(pathEdit(path), asked)
  const query = resource.indexOf('?')
  return query < 0 ? target : `${target}${resource.slice(query)}`
}

function bareHost (authority: string): string {
  return authority.replace(/:[0-9]+$/, '')
}
