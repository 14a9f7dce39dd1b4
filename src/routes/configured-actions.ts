/**
 * The filters of a configuration as workers need them.
 */
import type { RouteConfig, VersionConfig } from '../config/schema.ts'
import type { FieldChanges, MessageChanges, PathChange, RateLimitSpec, RequestRedirect, RouteActions } from '../contract/route-actions.ts'
import type { RouteMatch } from '../contract/route-spec.ts'
import { parseDurationMs } from '../core/duration.ts'

type RouteFilters = NonNullable<RouteConfig['filters']>
type MessageFilters = NonNullable<VersionConfig['filters']>
type PathConfig = NonNullable<MessageFilters['urlRewrite']>['path']
/** Of what a route matches: the prefix that may be replaced. */
type MatchedPath = Pick<RouteMatch, 'path'> | undefined

export function routeActions (filters: RouteFilters, match: MatchedPath): RouteActions {
  const { clients, rateLimit, requestRedirect } = filters
  return {
    ...messageChanges(filters, match),
    clients: clients ?? null,
    rateLimit: rateLimit === undefined ? null : rateLimitSpec(rateLimit),
    requestRedirect: requestRedirect === undefined ? null : redirectSpec(requestRedirect, match)
  }
}

/** May a route answer requests before it chooses a version? */
export function turnsAway ({ filters }: Pick<RouteConfig, 'filters'>): boolean {
  return filters !== undefined && [filters.clients, filters.rateLimit, filters.requestRedirect].some(filter => filter !== undefined)
}

export function messageChanges ({ requestHeaders, responseHeaders, urlRewrite }: MessageFilters, match: MatchedPath): MessageChanges {
  return {
    requestHeaders: fieldChanges(requestHeaders),
    responseHeaders: fieldChanges(responseHeaders),
    urlRewrite: urlRewrite === undefined ? null : { hostname: urlRewrite.hostname ?? null, path: pathChange(urlRewrite.path, match) }
  }
}

function fieldChanges (headers: MessageFilters['requestHeaders']): FieldChanges | null {
  if (headers === undefined) return null
  const { set, add, remove } = headers
  return set.length + add.length + remove.length === 0 ? null : headers
}

function pathChange (path: PathConfig, match: MatchedPath): PathChange | null {
  if (path === undefined) return null
  if ('replaceFullPath' in path) return { type: 'ReplaceFullPath', path: path.replaceFullPath }
  return { type: 'ReplacePrefixMatch', prefix: match?.path ?? '/', path: path.replacePrefixMatch }
}

function redirectSpec (
  { scheme, hostname, path, port, statusCode }: NonNullable<RouteFilters['requestRedirect']>, match: MatchedPath
): RequestRedirect {
  return { scheme: scheme ?? null, hostname: hostname ?? null, path: pathChange(path, match), port: port ?? null, statusCode }
}

function rateLimitSpec ({ requests, per, burst, by, header, cookie, maxClients }: NonNullable<RouteFilters['rateLimit']>): RateLimitSpec {
  return { requests, perMs: parseDurationMs(per), burst: burst ?? requests, by, field: header ?? cookie ?? '', maxClients }
}
