import type { FastifyInstance } from 'fastify'
import { type Static, Type } from '../../core/json-schema.ts'
import { METHOD_PATTERN } from '../../config/patterns.ts'
import { parseIp } from '../../core/socket-address.ts'
import { lineSeparator } from '../../http1/field-lines.ts'
import type { AdminDeps } from '../admin-deps.ts'
import { type ExplainAnswer, ExplainAnswerSchema, type ExplainQuery } from '../../control/explain-answer.ts'
import { describeOperation, RouteParamsSchema, unknownRoute, type RouteParams } from '../operation.ts'
import { faultDetails, ProblemError } from '../problem.ts'

/** `name:value`; the value as RFC 9110 section 5.5 allows it, any character past ASCII among it. */
const HEADER_PATTERN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}:[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]{0,4096}$"

/** `list=id` */
const LIST_PATTERN = '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?=[^\\u0000-\\u001f\\u007f;]{1,256}$'

const QuerySchema = Type.object({
  ip: Type.optional(Type.string({ maxLength: 64, description: 'The address of the client, as it is after trusted proxies. Needed, unless `requestId` is given.', examples: ['203.0.113.9'] })),
  requestId: Type.optional(Type.string({ pattern: '^[A-Za-z0-9+/=_.:-]{1,128}$', description: 'The id of a request that is over, from `X-Request-Id` or the access log, instead of a description of one: why did it go where it went? Each worker remembers its latest 16,384 requests.' })),
  method: Type.optional(Type.string({ pattern: METHOD_PATTERN, default: 'GET', description: 'The method of the request.' })),
  host: Type.optional(Type.string({ maxLength: 255, pattern: '^[!-~]*$', default: '', description: 'The host of the request.' })),
  path: Type.optional(Type.string({ maxLength: 8192, pattern: '^/[!-~]*$', default: '/', description: 'The path of the request; a query may follow.' })),
  list: Type.optional(Type.list(Type.string({ pattern: LIST_PATTERN }), { maxItems: 16, default: [], description: 'A member of one of the route\'s lists as `list=id`, in place of the field, cookie or address that the list goes by.', examples: [['beta=anna']] })),
  header: Type.optional(Type.list(Type.string({ pattern: HEADER_PATTERN }), { maxItems: 32, default: [], description: 'A header field as `name:value`. Repeat it for more fields.', examples: [['x-user:42']] }))
}, { additionalProperties: false })

// The quickstart's answer; test/unit/docs/explain-example.test.ts holds it to the program.
const EXAMPLE: ExplainAnswer = {
  route: 'hello',
  matches: true,
  matchedRoute: 'hello',
  epoch: 2,
  stickyKey: { kind: 'client-ip', name: null, value: '127.0.0.9', hash: '1b4ba205', missing: null },
  placement: 'split',
  rules: [],
  actions: [],
  chosen: 'canary',
  version: 'canary',
  endpoint: null,
  outcome: 'attempt',
  versions: [
    { name: 'stable', weight: 50, score: 0.019508024261272378, usedEndpoints: 2, panic: 'none' },
    { name: 'canary', weight: 50, score: 0.010875220365563258, usedEndpoints: 2, panic: 'none' }
  ],
  workers: [
    { worker: 0, epoch: 2, version: 'canary', endpoint: null, outcome: 'attempt' },
    { worker: 1, epoch: 2, version: 'canary', endpoint: null, outcome: 'attempt' }
  ],
  why: [
    'the route "hello" takes the request',
    'the client is recognised by its IP 127.0.0.9',
    '"canary" has the lowest score for this key: stable 0.01951 (weight 50), canary 0.01088 (weight 50) (epoch 2)',
    '"canary" serves',
    'which endpoint of "canary" gets it is decided by least-request when it comes'
  ]
}

/** GET /v1/routes/{route}/explain */
export function explainResource (app: FastifyInstance, deps: AdminDeps): void {
  app.get<{ Params: RouteParams, Querystring: Static<typeof QuerySchema> }>('/v1/routes/:route/explain', {
    config: { access: 'viewer' },
    schema: describeOperation({
      operationId: 'explainRequest',
      tag: 'Routes',
      summary: 'Which version a client gets, and why',
      description: 'Every worker says what it would do with such a request now, by the code and the facts that decide about live ones: weights, health, panic, limits. Nothing is sent to an endpoint. How many requests are in flight changes all the time, and so does what a limit or `least-request` makes of the next one.',
      params: RouteParamsSchema,
      querystring: QuerySchema,
      answers: { 200: { description: 'The decision.', schema: ExplainAnswerSchema, example: EXAMPLE } },
      problems: ['invalid_request', 'unknown_route', 'unknown_request', 'workers_silent']
    })
  }, async request => {
    refuseBrokenText(request.url)
    const { params: { route }, query } = request
    const answer = query.requestId === undefined
      ? await deps.explain(toExplainQuery(route, query))
      : await deps.explainRequest(route, onlyRequestId(query))
    if (answer === undefined) throw unknownRoute()
    return answer
  })
}

/** Bytes that are no UTF-8 would be taken for the text of their encoding, and explain another request than the one that was meant. */
function refuseBrokenText (url: string): void {
  try {
    decodeURIComponent(url)
  } catch {
    throw new ProblemError('invalid_request', faultDetails([{ path: 'query', message: 'has a percent sign that begins no UTF-8 text; write %25 for the sign itself, and ask by requestId about a request whose key has other bytes' }]))
  }
}

/** @throws ProblemError when there is more than that: it would not be asked */
function onlyRequestId ({ requestId = '', ...rest }: Static<typeof QuerySchema>): string {
  const { ip, method, host, path, header = [], list = [] } = rest
  const plain = (method ?? 'GET') === 'GET' && (host ?? '') === '' && (path ?? '/') === '/'
  if (ip === undefined && plain && header.length + list.length === 0) return requestId
  throw new ProblemError('invalid_request', faultDetails([{ path: 'query/requestId', message: 'stands alone: the request is known by it' }]))
}

function memberOf (text: string): [string, string] {
  const equals = text.indexOf('=')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

function toExplainQuery (route: string, query: Static<typeof QuerySchema>): ExplainQuery {
  const ip = parseIp(query.ip ?? '')
  if (ip === undefined) {
    throw new ProblemError('invalid_request', faultDetails([{ path: 'query/ip', message: query.ip === undefined ? 'is needed, or requestId' : 'has to be an IPv4 or IPv6 address without port or brackets' }]))
  }
  const headers = new Map<string, string>()
  for (const field of query.header ?? []) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    const value = field.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    const earlier = headers.get(name)
    const separator = earlier === undefined ? '' : lineSeparator(name)
    // As live requests are read: of a field that is no list the first line counts.
    if (separator !== undefined) headers.set(name, `${earlier ?? ''}${separator}${value}`)
  }
  const [path = '/', ...rest] = (query.path ?? '/').split('?')
  return {
    route,
    ip: ip.address,
    method: query.method ?? 'GET',
    host: (query.host ?? '').toLowerCase().replace(/:[0-9]*$/, ''),
    path,
    query: rest.join('?'),
    members: new Map((query.list ?? []).map(memberOf)),
    headers
  }
}
