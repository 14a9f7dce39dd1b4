/**
 * The rules of filters: what can't be done to a message, and what does not go together.
 */
import { isProtectedField } from '../core/protected-fields.ts'
import { isFieldValue } from '../core/why-unsent.ts'
import { withoutLastSlash } from '../http/field-edits.ts'
import { checkCidrs } from './address-rules.ts'
import { fault, findDuplicates, type ConfigPath, type Finding } from './finding.ts'
import { checkHost } from './match-rules.ts'
import { checkRecognition } from './recognition-rules.ts'
import type { RouteConfig, VersionConfig } from './schema.ts'

type RouteFilters = NonNullable<RouteConfig['filters']>
type MessageFilters = NonNullable<VersionConfig['filters']>
type HeaderFilter = NonNullable<MessageFilters['requestHeaders']>

const MAX_VALUE_BYTES = 4_096
/** RFC 9112 section 3.2: what a target can't have, and what ends a path. */
const UNSENDABLE = /[^!-"$->@-~]/
/** Schemes that log in a connection, which serves other clients too. */
const CONNECTION_LOGIN = /^(?:ntlm|negotiate|kerberos|nego2)(?: |$)/i

/** The rules of `filters` of one route. */
export function checkRouteFilters (route: RouteConfig, path: ConfigPath): readonly Finding[] {
  const { filters } = route
  if (filters === undefined) return []
  const { clients, rateLimit, requestRedirect } = filters
  return [
    ...checkCidrs(clients?.allow ?? [], [...path, 'clients', 'allow']),
    ...checkCidrs(clients?.deny ?? [], [...path, 'clients', 'deny']),
    ...(rateLimit === undefined ? [] : checkRecognition(rateLimit, [...path, 'rateLimit'])),
    ...checkRedirect(requestRedirect, route, [...path, 'requestRedirect']),
    ...checkMessageFilters(filters, route, path)
  ]
}

/** The rules that those of a version share with those of a route. */
export function checkMessageFilters (filters: MessageFilters | undefined, route: RouteConfig, path: ConfigPath): readonly Finding[] {
  if (filters === undefined) return []
  const { requestHeaders, responseHeaders, urlRewrite } = filters
  return [
    ...checkHeaders(requestHeaders, [...path, 'requestHeaders']),
    ...checkHeaders(responseHeaders, [...path, 'responseHeaders']),
    ...(urlRewrite !== undefined && route.filters?.requestRedirect !== undefined
      ? [fault([...path, 'urlRewrite'], 'stands beside `requestRedirect`, and no endpoint gets what is redirected; use one of them')]
      : []),
    ...checkHostname(urlRewrite?.hostname, [...path, 'urlRewrite', 'hostname']),
    ...checkPathChange(urlRewrite?.path, route, [...path, 'urlRewrite', 'path'])
  ]
}

function checkHeaders (filter: HeaderFilter | undefined, path: ConfigPath): readonly Finding[] {
  if (filter === undefined) return []
  const actions = (['set', 'add', 'remove'] as const).flatMap(action => filter[action].map((item, index) => {
    const isName = typeof item === 'string'
    return { action, name: isName ? item : item.name, at: isName ? [...path, action, index] : [...path, action, index, 'name'] }
  }))
  // Several lines may be added under one name; it still has one action.
  const once = actions.filter(({ action, name }, index) => action !== 'add' ||
    actions.findIndex(other => other.action === 'add' && other.name.toLowerCase() === name.toLowerCase()) === index)
  return [
    ...actions.filter(({ name }) => isProtectedField(name)).map(({ name, at }) => fault(at, protectedText(name))),
    ...findDuplicates(once.map(({ name }) => name.toLowerCase()), index => once[index]?.at ?? path, first =>
      `is the same field as ${first}; a field has one action: \`set\` replaces, \`add\` adds a line, \`remove\` takes out`),
    ...(['set', 'add'] as const).flatMap(action => filter[action].flatMap(({ name, value }, index) =>
      checkValue(name, value, [...path, action, index, 'value'])))
  ]
}

function protectedText (name: string): string {
  const lower = name.toLowerCase()
  if (lower === 'host') return 'can\'t be changed here: use `urlRewrite.hostname`'
  return `can't be changed: \`${name}\` frames the message, speaks of one connection, or is written by Weir itself; choose another name`
}

function checkValue (name: string, value: string, path: ConfigPath): readonly Finding[] {
  if (!isFieldValue(value)) return [fault(path, 'can\'t be sent: the value of a field has no space around it and no control characters, line ends among them')]
  if (Buffer.byteLength(value) > MAX_VALUE_BYTES) return [fault(path, `has ${Buffer.byteLength(value)} bytes; at most ${MAX_VALUE_BYTES} are sent`)]
  if (name.toLowerCase() !== 'authorization' || !CONNECTION_LOGIN.test(value)) return []
  return [fault(path, 'would log in a connection that serves other requests too; use credentials that stand in each request, such as Bearer or Basic')]
}

function checkHostname (hostname: string | undefined, path: ConfigPath): readonly Finding[] {
  if (hostname === undefined) return []
  return hostname.includes('*') ? [fault(path, 'is a pattern; write the one name that is meant')] : checkHost(hostname, path)
}

type PathConfig = NonNullable<MessageFilters['urlRewrite']>['path']

function checkPathChange (change: PathConfig, route: RouteConfig, path: ConfigPath): readonly Finding[] {
  if (change === undefined) return []
  if ('replaceFullPath' in change) return checkPathText(change.replaceFullPath, [...path, 'replaceFullPath'])
  const at = [...path, 'replacePrefixMatch']
  if (route.match?.path === undefined) {
    return [fault(at, 'replaces `match.path` of the route, which has none; give it one (`/` is every path), or use `replaceFullPath`')]
  }
  return checkPathText(change.replacePrefixMatch, at)
}

function checkPathText (text: string, path: ConfigPath): readonly Finding[] {
  if (!UNSENDABLE.test(text)) return []
  return [fault(path, 'can\'t be sent: a path has no `?`, `#`, space or character past ASCII; percent-encode them')]
}

function checkRedirect (redirect: RouteFilters['requestRedirect'], route: RouteConfig, path: ConfigPath): readonly Finding[] {
  if (redirect === undefined) return []
  const { scheme, hostname, port } = redirect
  return [
    ...(scheme === undefined && hostname === undefined && port === undefined && redirect.path === undefined
      ? [fault(path, 'changes nothing, so clients would go round for ever; give it a scheme, hostname, path or port')]
      : []),
    ...checkHostname(hostname, [...path, 'hostname']),
    ...checkPathChange(redirect.path, route, [...path, 'path']),
    ...(scheme === undefined && hostname === undefined && port === undefined && keepsPath(redirect.path, route)
      ? [fault([...path, 'path'], 'is the one that the route matches, so clients would go round for ever; lead to another one, or give a scheme, hostname or port')]
      : [])
  ]
}

/** Does every path of the route stay as it is? */
function keepsPath (change: PathConfig, { match }: RouteConfig): boolean {
  if (change === undefined || match === undefined) return false
  if ('replaceFullPath' in change) return change.replaceFullPath === match.exact
  return match.path !== undefined && withoutLastSlash(change.replacePrefixMatch) === withoutLastSlash(match.path)
}
