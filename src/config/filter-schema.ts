/** The options of `filters`: what routes and versions do to messages. Names and semantics are those of Gateway API's filters. */
import Type from 'typebox'
import { DURATION_PATTERN } from '../core/duration.ts'
import { FIELD_NAME_PATTERN, HOST_PATTERN, PATH_PATTERN, REPLACEMENT_PATTERN } from './patterns.ts'

const strict = { additionalProperties: false } as const

/** As in Gateway API. src/worker/data-plane.ts relies on what they come to. */
const MAX_ITEMS = 16
const MAX_VALUE_LENGTH = 4_096

const fieldName = () => Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The name of the field, in any case.' })

const lines = (description: string) => Type.Array(Type.Object({
  name: fieldName(),
  value: Type.String({ minLength: 1, maxLength: MAX_VALUE_LENGTH, description: 'The value, in UTF-8, of 4096 bytes at most.' })
}, strict), { default: [], maxItems: MAX_ITEMS, description })

const headers = (of: string) => Type.Optional(Type.Object({
  set: lines('Replaces all lines of the field, or adds one where there is none.'),
  add: lines('Adds a line behind those of the field. A name may be there several times, as for several `Set-Cookie`.'),
  remove: Type.Array(fieldName(), { default: [], maxItems: MAX_ITEMS, description: 'Takes out all lines of the field.' })
}, { ...strict, description: `Changes fields of ${of}. A name may have one of these actions.` }))

const hostname = (description: string) => Type.Optional(Type.String({ pattern: HOST_PATTERN, description }))

const path = (description: string) => Type.Optional(Type.Union([
  Type.Object({
    replaceFullPath: Type.String({ pattern: PATH_PATTERN, maxLength: 1_024, description: 'Comes in the place of the whole path.' })
  }, strict),
  Type.Object({
    replacePrefixMatch: Type.String({ pattern: REPLACEMENT_PATTERN, maxLength: 1_024, description: 'Comes in the place of `match.path` of the route, which it needs: of `/foo/bar`, matched by `/foo`, `/xyz` makes `/xyz/bar`, and `""` or `/` makes `/bar`.' })
  }, strict)
], { description }))

const changes = {
  requestHeaders: headers('the request, for the endpoint'),
  responseHeaders: headers('the response of the endpoint, for the client; not of what Weir answers itself'),
  urlRewrite: Type.Optional(Type.Object({
    hostname: hostname('What `Host` says, without a port. `X-Forwarded-Host` has what the client has asked for.'),
    path: path('Another path. The query stays.')
  }, { ...strict, description: 'Sends the endpoint another host or path than the client has asked for.' }))
}

export const VersionFiltersSchema = Type.Object(changes, { ...strict, description: 'What this version changes in its messages, behind what the route changes: of two that set the same, this one counts.' })

const networks = (description: string) =>
  Type.Array(Type.String({ description: 'An address or CIDR.' }), { default: [], maxItems: 10_000, description })

export const RouteFiltersSchema = Type.Object({
  clients: Type.Optional(Type.Object({
    allow: networks('Whose requests are taken; of everybody when it is empty.'),
    deny: networks('Whose requests are not taken, even if `allow` has them.')
  }, { ...strict, description: 'Networks of clients, by the address that `clientIp` finds. Others get 403 `client_denied`.' })),
  rateLimit: Type.Optional(Type.Object({
    requests: Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'So many requests of one client …' }),
    per: Type.String({ pattern: DURATION_PATTERN, default: '1s', description: '… in so long, from 1s to 24h.' }),
    burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'So many at once by a client that has been quiet; `requests` by default.' })),
    by: Type.Union([Type.Literal('client-ip'), Type.Literal('header'), Type.Literal('cookie')], { default: 'client-ip', description: 'What clients are told apart by; of IPv6 addresses the first 64 bits. Who does not send the header or cookie is told by the address. A value that the client chooses, and nobody checks before Weir, limits nobody.' }),
    header: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The header field; with `by: header`.' })),
    cookie: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The cookie; with `by: cookie`.' })),
    maxClients: Type.Integer({ minimum: 64, maximum: 1_048_576, default: 16_384, description: 'The clients that are remembered at a time, with 12 bytes each. Of more, those that have used the least are forgotten, and begin anew.' })
  }, { ...strict, description: 'How many requests of one client the route takes, over all workers of this replica: several replicas take as many each. More are answered with 429 `rate_limited` and Retry-After.' })),
  requestRedirect: Type.Optional(Type.Object({
    scheme: Type.Optional(Type.Union([Type.Literal('http'), Type.Literal('https')], { description: 'The scheme; that of the request by default.' })),
    hostname: hostname('The host, without a port; that of the request by default.'),
    path: path('Another path; that of the request by default. The query stays.'),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'The port. By default that of `scheme` if it is given, otherwise that of the listener. Ports 80 of http and 443 of https are not written.' })),
    statusCode: Type.Union([
      Type.Literal(301), Type.Literal(302), Type.Literal(303), Type.Literal(307), Type.Literal(308)
    ], { default: 302, description: 'The status. After 301, 302 and 303 clients ask with GET; 307 and 308 keep the method.' })
  }, { ...strict, description: 'Answers every request of the route with a redirect.' })),
  ...changes
}, { ...strict, description: 'What the route does to messages besides passing them on (docs/routing.md).' })
