/**
 * The schema of Weir's configuration: the only place where an option is declared, with plan-schema.ts. Types, validation, defaults,
 * environment variables, flags, `config/weir.schema.json` and docs/configuration.md all come from here. The running program
 * imports only types from this file and reads `config/weir.schema.json`, because TypeBox costs 20 MiB of memory: after a
 * change run `npm run generate`.
 *
 * Durations are strings such as `250ms`, `5s`, `2m`; sizes are bytes.
 */
import Type, { type Static } from 'typebox'
import { DURATION_PATTERN } from '../core/duration.ts'
import { MAX_WEIGHT, MIN_WEIGHT } from '../contract/route-spec.ts'
import {
  FIELD_NAME_PATTERN,
  HOST_AND_PORT_PATTERN,
  HOST_PATTERN,
  JSON_POINTER_PATTERN,
  LABEL_VALUE_PATTERN,
  METHOD_PATTERN,
  NAME_PATTERN,
  NAMESPACE_PATTERN, NODE_PATTERN, OBJECT_NAME_PATTERN,
  PATH_PATTERN,
  PORT_NAME_PATTERN,
  SERVICE_PATTERN,
  UPGRADE_PATTERN
} from './patterns.ts'
import { RouteFiltersSchema, VersionFiltersSchema } from './filter-schema.ts'
import { IssuedCookieSchema, OverridesSchema, RouteOverridesSchema, VersionMatchSchema } from './placement-schema.ts'
import { RolloutPlanSchema } from './plan-schema.ts'

const strict = { additionalProperties: false } as const

const name = (description: string) => Type.String({ pattern: NAME_PATTERN, description })
const duration = (description: string, standard: string) => Type.String({ pattern: DURATION_PATTERN, description, default: standard })
const port = (description: string) => Type.Integer({ minimum: 1, maximum: 65535, description })

const file = (description: string) => Type.String({ minLength: 1, description })

const ListenerTlsSchema = Type.Object({
  certificates: Type.Array(Type.Object({
    cert: file('The PEM file of the certificate, its chain behind it.'),
    key: file('The PEM file of the private key.')
  }, strict), { minItems: 1, maxItems: 1_000, description: 'The certificates, chosen by the names in them (SNI, wildcards included); the first is for clients that name no host or an unknown one. The files are read again when they change, such as a mounted Secret.' }),
  minVersion: Type.Union([Type.Literal('1.2'), Type.Literal('1.3')], { default: '1.2', description: 'The oldest version of TLS that is spoken.' }),
  clientCertificates: Type.Optional(Type.Object({
    ca: file('The PEM file of the authorities whose certificates are accepted. It is read again when it changes.'),
    required: Type.Boolean({ default: true, description: 'Refuse clients without a certificate; with false they are served, without a subject. A certificate that does not verify is always refused.' })
  }, { ...strict, description: 'Asks clients for a certificate (mTLS). The verified subject reaches the origin in `X-Client-Cert-Subject`.' }))
}, { ...strict, description: 'Speaks TLS on this listener.' })

const ListenerSchema = Type.Object({
  name: name('What logs and metrics call this listener.'),
  address: Type.String({ description: 'The IP address to listen on; `0.0.0.0` or `::` for all.', default: '0.0.0.0', minLength: 1 }),
  port: port('The TCP port to listen on.'),
  tls: Type.Optional(ListenerTlsSchema),
  proxyProtocol: Type.Optional(Type.Object({
    from: Type.Array(Type.String({ description: 'An address or CIDR.' }), { minItems: 1, maxItems: 1_000, description: 'The load balancers that send it. Any other peer is served as an ordinary client, and a PROXY header from it is refused as a malformed request.' })
  }, { ...strict, description: 'Expects a PROXY protocol header, version 1 or 2, before everything else on connections from these peers.' })),
  redirectToHttps: Type.Optional(Type.Object({
    port: Type.Integer({ minimum: 1, maximum: 65535, default: 443, description: 'The port that clients are sent to.' })
  }, { ...strict, description: 'Answers every request with a redirect (308) to the same host and target under https.' }))
}, { ...strict, description: 'An address and port that accepts HTTP/1.1 connections.' })

export const TokenSchema = Type.Object({
  name: name('Who uses the token: the actor in the history.'),
  role: Type.Union([Type.Literal('viewer'), Type.Literal('operator')], { description: '`viewer` may read; `operator` may also change weights.' }),
  file: Type.String({ minLength: 1, description: 'The file that holds the token. It is read again when it changes.' })
}, { ...strict, description: 'A bearer token of the admin API.' })

const MatchSchema = Type.Object({
  hosts: Type.Optional(Type.Array(Type.String({ pattern: HOST_PATTERN, description: 'A host name without port; `*.example.com` stands for any name under it.' }), { minItems: 1, maxItems: 1_000, description: 'The hosts of the route; without it, every host.' })),
  path: Type.Optional(Type.String({ pattern: PATH_PATTERN, description: 'A path prefix, by whole segments: `/api` matches `/api` and `/api/x`, not `/apis`.' })),
  exact: Type.Optional(Type.String({ pattern: PATH_PATTERN, description: 'The exact path; instead of `path`.' })),
  methods: Type.Optional(Type.Array(Type.String({ pattern: METHOD_PATTERN }), { minItems: 1, maxItems: 64, description: 'The methods of the route, case-sensitive; without it, every method.' })),
  headers: Type.Optional(Type.Array(Type.Object({
    name: Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The name of the header field, in any case.' }),
    value: Type.Optional(Type.String({ description: 'The exact value; without it, the field has to be there.' }))
  }, strict), { minItems: 1, maxItems: 64, description: 'Header fields that must all match.' })),
  query: Type.Optional(Type.Array(Type.Object({
    name: Type.String({ minLength: 1, description: 'The name of the query parameter.' }),
    value: Type.Optional(Type.String({ description: 'The exact value; without it, the parameter has to be there.' }))
  }, strict), { minItems: 1, maxItems: 64, description: 'Query parameters that must all match.' }))
}, { ...strict, description: 'Which requests the route takes. The most specific route wins: host, then exact path, then the longest prefix, then the number of other conditions, then the order of the file.' })

const AffinitySchema = Type.Object({
  by: Type.Union([Type.Literal('client-ip'), Type.Literal('header'), Type.Literal('cookie'), Type.Literal('none')], { default: 'client-ip', description: 'What a client is recognised by. `none` draws at random for every request.' }),
  header: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The header field that names the client; with `by: header`.' })),
  cookie: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The cookie that names the client; with `by: cookie`.' })),
  level: Type.Union([Type.Literal('version'), Type.Literal('endpoint')], { default: 'version', description: '`version` pins a client to a version; `endpoint` pins it to one endpoint too.' }),
  salt: Type.Optional(Type.String({ maxLength: 128, description: 'Mixed into every draw; the name of the route by default. Another salt draws another cohort.' })),
  issue: Type.Optional(IssuedCookieSchema)
}, { ...strict, default: {}, description: 'How a client is kept on its version. A request without the header or cookie falls back to the client IP.' })

/** TypeBox's own record would be a pattern, whose faults name no place. */
const PodLabelsSchema = Type.Unsafe<Record<string, string | string[]>>({
  type: 'object',
  minProperties: 1,
  maxProperties: 16,
  additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, maxItems: 64 }] },
  description: 'Labels of pods, each with its value or a list of values: only the pods of the Service that have all of them are endpoints of this version. Needs `list` and `watch` on pods. A pod that two versions of the route select goes to the first of them. A version of the same Service without it has the pods that no other version of the route selects.'
})

const EndpointsSchema = Type.Union([
  Type.Object({
    static: Type.Array(Type.String({ description: '`address:port`, IPv6 in brackets, or `name:port`.' }), { maxItems: 10_000, description: 'A fixed list of endpoints. A name stands for all of its addresses, as with `dns`.' })
  }, strict),
  Type.Object({
    dns: Type.String({ minLength: 1, description: '`name:port`. The name is looked up again when the time to live of its addresses is over, every 5 to 30 seconds; what was known last is kept when it can\'t be.' })
  }, strict),
  Type.Object({
    service: Type.String({ pattern: SERVICE_PATTERN, description: 'The Service whose EndpointSlices are followed.' }),
    port: Type.Union([Type.String({ pattern: PORT_NAME_PATTERN }), Type.Integer({ minimum: 1, maximum: 65535 })], { description: 'The name of the port in the EndpointSlices, or its number.' }),
    namespace: Type.Optional(Type.String({ pattern: NAMESPACE_PATTERN, description: 'The namespace of the Service; `kubernetes.namespace` by default.' })),
    podLabels: Type.Optional(PodLabelsSchema)
  }, strict)
], { description: 'Where the endpoints of the version come from.' })

const VersionSchema = Type.Object({
  name: name('The name of the version: stable, canary, blue, v2.'),
  weight: Type.Number({ minimum: 0, maximum: MAX_WEIGHT, description: `The share of the clients, relative to the other weights of the route: 0, or at least ${MIN_WEIGHT.toFixed(6)}.` }),
  endpoints: EndpointsSchema,
  match: Type.Optional(VersionMatchSchema),
  tls: Type.Optional(Type.Object({
    ca: Type.Optional(file('The PEM file of the authorities that sign the certificates of the endpoints; without it, those that Node ships with. It is read again when it changes.')),
    serverName: Type.Optional(Type.String({ pattern: HOST_PATTERN, description: 'The name sent by SNI and looked for in the certificate. Without it the certificate has to name the IP address of the endpoint.' })),
    verify: Type.Boolean({ default: true, description: 'Check the certificate. False is for tests only: anybody in between can read and change everything.' })
  }, { ...strict, description: 'Speaks TLS to the endpoints of the version.' })),
  maxBodyBytes: Type.Optional(Type.Integer({ minimum: 0, description: 'The size of a request body that this version takes, besides what the route says: the smaller one counts; 0 sets no limit.' })),
  filters: Type.Optional(VersionFiltersSchema)
}, { ...strict, description: 'One deployable variant of the service.' })

const ListSchema = Type.Object({
  name: name('The name of the list in the API, metrics and logs.'),
  version: name('The version that its members get.'),
  by: Type.Union([Type.Literal('header'), Type.Literal('cookie'), Type.Literal('client-ip')], {
    description: 'What a member is recognised by.'
  }),
  header: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The header field whose value is looked up; with `by: header`.' })),
  cookie: Type.Optional(Type.String({ pattern: FIELD_NAME_PATTERN, description: 'The cookie whose value is looked up; with `by: cookie`.' }))
}, { ...strict, description: 'A list of clients that get one version, whatever its weight. Its members are not in this file: they come and go by `weir list` and the admin API (docs/routing.md).' })

const retryReasons = (standard: ReadonlyArray<string | number>, description: string) => Type.Array(Type.Union([
  Type.Literal('connect'), Type.Literal('reset'), Type.Literal(502), Type.Literal(503), Type.Literal(504)
]), { default: standard, maxItems: 5, description })

const RetriesSchema = Type.Object({
  attempts: Type.Integer({ minimum: 1, maximum: 10, default: 3, description: 'Attempts made for one request, the first included; 1 = never again.' }),
  on: retryReasons(['connect', 'reset'], 'What an attempt may fail of: no connection, a connection that ended before the answer, or an answer of 502, 503 or 504. A malformed answer counts as 502, none in time as 504. What never reached an endpoint is tried again in any case.'),
  perTryTimeout: duration('How long an attempt may take to answer before another endpoint is asked, if 504 is listed; without another one it goes on up to timeouts.upstreamResponse. 0s = no limit of its own.', '0s'),
  idempotentOnly: Type.Boolean({ default: true, description: 'Try again only what is safe to repeat by its method (RFC 9110 section 9.2.2). With false, a POST may be executed twice.' }),
  bufferBytes: Type.Integer({ minimum: 0, maximum: 16_777_216, default: 65_536, description: 'Bytes of a request that are kept so that it can be sent again; a longer one is sent once.' }),
  budget: Type.Object({
    share: Type.Number({ minimum: 0, maximum: 1, default: 0.2, description: 'Attempts after the first that may be under way in one worker, as a share of the requests of the version in flight.' }),
    minimum: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 3, description: 'So many may be under way in any case.' })
  }, { ...strict, default: {}, description: 'Keeps retries from multiplying an outage. What never reached an endpoint does not count.' })
}, { ...strict, default: {}, description: 'When a request that failed is tried again, on another endpoint if there is one.' })

const HealthSchema = Type.Object({
  panicThreshold: Type.Number({ minimum: 0, maximum: 1, default: 0.5, description: 'When a smaller share of the endpoints of a version is available, all of them are used. 0 = never.' }),
  passive: Type.Object({
    enabled: Type.Boolean({ default: true, description: 'Eject endpoints that fail where others do not. Each worker judges by its own requests.' }),
    consecutiveFailures: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 5, description: 'Failures in a row that eject an endpoint: refused or broken connections, timeouts, malformed answers, and 502, 503 and 504. 0 = never for that.' }),
    interval: duration('How often success rates are compared; and so long without an ejection shortens the next one again.', '10s'),
    baseEjection: duration('How long the first ejection lasts; the second one twice that, and so on.', '10s'),
    maxEjection: duration('No ejection is longer.', '5m'),
    maxEjectedShare: Type.Number({ minimum: 0, maximum: 1, default: 0.5, description: 'The share of the endpoints of a version that may be ejected at a time. One of several always may, the last available one never.' }),
    successRate: Type.Object({
      enabled: Type.Boolean({ default: true, description: 'Compare the endpoints of a version with each other.' }),
      minEndpoints: Type.Integer({ minimum: 2, maximum: 10_000, default: 3, description: 'Fewer endpoints with enough requests are not compared.' }),
      minRequests: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 100, description: 'Requests that an endpoint needs within the interval, in one worker, to be compared.' }),
      stdevFactor: Type.Number({ minimum: 0, maximum: 100, default: 3, description: 'An endpoint is ejected when it is at least so many standard deviations below the mean of the others, and minDifference below it.' }),
      minDifference: Type.Number({ minimum: 0, maximum: 1, default: 0.1, description: 'The least difference to the mean of the others, as a share of the requests: 0.1 is ten percentage points.' })
    }, { ...strict, default: {}, description: 'Ejection by the share of good answers.' })
  }, { ...strict, default: {}, description: 'Outlier ejection: health as the proxied requests show it.' }),
  active: Type.Optional(Type.Object({
    path: Type.String({ pattern: PATH_PATTERN, maxLength: 2_048, description: 'The path of the probe, a GET. A status from 200 to 399 passes.' }),
    host: Type.Optional(Type.String({ pattern: HOST_PATTERN, description: 'The Host of the probe; the address of the endpoint by default.' })),
    interval: duration('From the end of a probe to the next one.', '5s'),
    timeout: duration('For the whole answer.', '1s'),
    rise: Type.Integer({ minimum: 1, maximum: 100, default: 2, description: 'Passes in a row that bring an endpoint back.' }),
    fall: Type.Integer({ minimum: 1, maximum: 100, default: 3, description: 'Failures in a row that take an endpoint out. The very first result decides at once.' }),
    jitter: Type.Number({ minimum: 0, maximum: 1, default: 0.2, description: 'The part of the interval by which it varies.' })
  }, { ...strict, description: 'Probes every endpoint; without it, none is probed.' }))
}, { ...strict, default: {}, description: 'Which endpoints are used beyond what their source says.' })

const breakerLimit = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description })
const breakerLimits = (of: string) => ({
  connections: breakerLimit(`Connections to ${of}.`),
  pending: breakerLimit(`Requests to ${of} that wait for a connection to be opened.`),
  requests: breakerLimit(`Requests to ${of} in flight.`)
})

const CircuitBreakerSchema = Type.Object({
  ...breakerLimits('a version'),
  perEndpoint: Type.Object(breakerLimits('an endpoint'), { ...strict, default: {}, description: 'The same for each endpoint; one that has all it may have is passed over.' })
}, { ...strict, default: {}, description: 'What one worker asks of a version at the same time; more is answered with 503 at once. 0 sets no limit.' })

const ownDuration = (description: string) => Type.Optional(Type.String({ pattern: DURATION_PATTERN, description }))

const RouteTimeoutsSchema = Type.Object({
  requestBody: ownDuration('The longest silence of a client in mid-body.'),
  upstreamConnect: ownDuration('To open a connection to an endpoint.'),
  upstreamResponse: ownDuration('From the end of a request to the header of its response.'),
  tunnelIdle: ownDuration('The longest silence of an upgraded connection, in both directions together.'),
  streamIdle: ownDuration('The longest silence in mid-response, of the endpoint or of a client that does not read.')
}, { ...strict, description: 'Waits of the requests of this route, instead of those of the same name in `timeouts`.' })

const fieldNames = (description: string, standard: readonly string[] = []) => Type.Array(Type.String({
  pattern: FIELD_NAME_PATTERN
}), { maxItems: 64, default: standard, description })

const MirrorSchema = Type.Object({
  to: name('The version that gets the copies. It may have the weight 0.'),
  percent: Type.Number({ minimum: 0, maximum: 100, default: 100, description: 'The share of the clients whose requests are copied: of a client all or none, as far as `affinity` recognises it.' }),
  maxBodyBytes: Type.Integer({ minimum: 0, maximum: 1_048_576, default: 65_536, description: 'A request with a larger body is not copied.' }),
  maxAnswerBytes: Type.Integer({ minimum: 0, maximum: 1_073_741_824, default: 1_048_576, description: 'The answer to a copy is read so far, and both answers are compared so far; then the copy is ended.' }),
  methods: Type.Union([Type.Literal('safe'), Type.Literal('all')], { default: 'safe', description: '`safe` copies GET, HEAD and OPTIONS. With `all` what a request does is done twice, unless the version writes to a place of its own.' }),
  cookies: Type.Boolean({ default: false, description: 'Copies carry Cookie.' }),
  authorization: Type.Boolean({ default: false, description: 'Copies carry Authorization.' }),
  removeHeaders: fieldNames('Further fields that copies do not carry, such as one with an API key.'),
  timeout: duration('How long the whole answer to a copy may take.', '10s'),
  compare: Type.Object({
    enabled: Type.Boolean({ default: true, description: 'With false, statuses and times alone are compared.' }),
    headers: Type.Optional(Type.Array(Type.String({ pattern: FIELD_NAME_PATTERN }), { minItems: 1, maxItems: 64, description: 'These fields alone are compared, instead of all but `ignoreHeaders`.' })),
    ignoreHeaders: fieldNames('Fields that are not compared. A list of your own replaces this one.', ['age', 'date', 'etag', 'expires', 'last-modified', 'server', 'set-cookie', 'via', 'x-request-id']),
    body: Type.Boolean({ default: true, description: 'Compare bodies.' }),
    ignoreJsonPaths: Type.Array(Type.String({ pattern: JSON_POINTER_PATTERN, maxLength: 256, description: 'A JSON Pointer (RFC 6901); a segment `*` stands for every member or element: `/items/*/id`.' }), { maxItems: 64, default: [], description: 'What is left out of JSON bodies.' }),
    maxJsonBytes: Type.Integer({ minimum: 0, maximum: 1_048_576, default: 65_536, description: 'A JSON body up to so many bytes is compared as JSON, whatever its white space and the order of its members; others byte by byte, compressed ones too.' }),
    exampleBodyBytes: Type.Integer({ minimum: 0, maximum: 4_096, default: 0, description: 'Bytes of each body that an example shows; 0 shows none. Viewers of the admin API see them.' })
  }, { ...strict, default: {}, description: 'What is compared besides statuses and times.' })
}, { ...strict, description: 'Copies requests to a version whose answers nobody gets (docs/shadow.md).' })

const RouteSchema = Type.Object({
  name: name('The name of the route in the API, metrics and logs.'),
  match: Type.Optional(MatchSchema),
  defaultHost: Type.Optional(Type.String({ pattern: HOST_AND_PORT_PATTERN, description: 'The Host that the endpoints get with a request that names none, which HTTP/1.0 allows; empty by default, which some origins refuse. It is not looked at when the route is chosen.' })),
  affinity: AffinitySchema,
  balancing: Type.Union([Type.Literal('least-request'), Type.Literal('round-robin'), Type.Literal('rendezvous')], { default: 'least-request', description: 'How an endpoint of the version is chosen. `affinity.level: endpoint` always uses rendezvous.' }),
  whenEmpty: Type.Union([Type.Literal('fallback'), Type.Literal('hold'), Type.Literal('fail')], { default: 'fallback', description: 'What happens when the chosen version has no endpoint: its clients go to their next choice until it is back, or wait for an endpoint, or get 503.' }),
  hold: Type.Object({
    maxRequests: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1_000, description: 'Requests that may wait in one worker; more are answered with 503.' }),
    maxBytes: Type.Integer({ minimum: 1_024, maximum: 1_073_741_824, default: 16_777_216, description: 'Bytes of waiting requests that one worker keeps.' }),
    maxAge: duration('How long a request waits.', '30s')
  }, { ...strict, default: {}, description: 'The bounds of `whenEmpty: hold`.' }),
  timeouts: Type.Optional(RouteTimeoutsSchema),
  maxBodyBytes: Type.Optional(Type.Integer({ minimum: 0, description: 'The size of a request body; 0 sets no limit. `limits.maxBodyBytes` by default.' })),
  retries: RetriesSchema,
  failover: Type.Optional(Type.Object({
    to: name('The version that helps out.'),
    on: retryReasons(['connect', 'reset', 502, 503, 504], 'What the last attempt has to fail of, as in `retries.on`.')
  }, { ...strict, description: 'One try on another version when the last attempt on the chosen one has failed and the request may be repeated. The failure is still charged to the chosen version.' })),
  mirror: Type.Optional(MirrorSchema),
  health: HealthSchema,
  slowStart: Type.Object({
    window: duration('How long an endpoint that joins others gets less than an equal share; 0s = no slow start.', '0s'),
    minShare: Type.Number({ minimum: 0.01, maximum: 1, default: 0.1, description: 'The part of an equal share that it gets at once.' })
  }, { ...strict, default: {}, description: 'Warms up new endpoints.' }),
  circuitBreaker: CircuitBreakerSchema,
  lists: Type.Array(ListSchema, { default: [], maxItems: 64, description: 'Lists of clients, in the order in which they are asked; the first that has the client wins.' }),
  upgrades: Type.Array(Type.String({ pattern: UPGRADE_PATTERN, description: 'A protocol name as in the Upgrade field, in any case.' }), { default: ['websocket'], maxItems: 16, description: 'The protocols that a client may switch to (RFC 9110 section 7.8); the connection is a tunnel from then on. A request for any other is passed on as plain HTTP.' }),
  versions: Type.Array(VersionSchema, { minItems: 1, maxItems: 64, description: 'The versions and their weights. Weights here are where the route starts; weights set at run time win until these change.' }),
  filters: Type.Optional(RouteFiltersSchema),
  overrides: Type.Optional(RouteOverridesSchema),
  rollout: Type.Optional(RolloutPlanSchema)
}, { ...strict, description: 'A match with its versions and policies.' })

const WebhookSchema = Type.Object({
  name: Type.Optional(name('What logs, metrics and the admin API call it; by default the host of its URL, with the port if there is one.')),
  url: Type.String({ maxLength: 2_048, description: 'Where events are posted to, over `https` or `http`. Redirects are not followed.' }),
  secretFile: file('The file of the secret that signs each event: a line of at least 32 visible ASCII characters. During a rotation it may have up to four lines, and each signs. It is read again when it changes.'),
  events: Type.Array(Type.Union([
    Type.Literal('weights'), Type.Literal('rollout'), Type.Literal('verdict'), Type.Literal('list')
  ]), { minItems: 1, maxItems: 4, description: 'The types of events that are posted, as in `GET /v1/events`.' }),
  timeout: duration('For one try, from connecting to the end of the answer\'s header; from 100ms to 1m.', '10s')
}, { ...strict, description: 'Posts events, as they happen, to a server of yours (docs/webhooks.md).' })

export const ConfigSchema = Type.Object({
  listeners: Type.Array(ListenerSchema, { minItems: 1, maxItems: 32, description: 'Where requests come in. A change needs a restart.' }),
  routes: Type.Array(RouteSchema, { maxItems: 10_000, description: 'The routes.' }),
  workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], { default: 'auto', description: 'The number of data plane threads; `auto` is one for each available core. A change needs a restart.' }),
  io: Type.Union([Type.Literal('auto'), Type.Literal('events')], { default: 'auto', description: 'How connections are read and written. `auto` works on parts of Node that it does not document, where a trial at the start has shown that they do as expected; `events` leaves them out, which costs far more CPU and changes nothing else. A change needs a restart.' }),
  clientIp: Type.Object({
    trustedProxies: Type.Array(Type.String({ description: 'An address or CIDR.' }), { default: [], maxItems: 1_000, description: 'Peers whose X-Forwarded-For is believed. The client is the first address from the right that is not one of them.' })
  }, { ...strict, default: {}, description: 'How the address of the client is found.' }),
  overrides: OverridesSchema,
  responseFields: Type.Object({
    requestId: Type.Boolean({ default: true, description: '`X-Request-Id`: the id by which the access log, the origin and `explain?requestId=` know the request. One from the origin is replaced.' }),
    version: Type.Boolean({ default: false, description: '`X-Weir-Version`: the name of the version that has answered. One from the origin is replaced.' })
  }, { ...strict, default: {}, description: 'Fields that responses get, for people to quote; not interim responses, and not the 101 of an upgrade.' }),
  admin: Type.Object({
    address: Type.String({ default: '127.0.0.1', minLength: 1, description: 'The IP address of the admin API.' }),
    port: Type.Integer({ minimum: 1, maximum: 65535, default: 9901, description: 'The TCP port of the admin API.' }),
    probes: Type.Optional(Type.Object({
      address: Type.String({ default: '0.0.0.0', minLength: 1, description: 'The IP address for probes; `0.0.0.0` or `::` for all.' }),
      port: port('The TCP port for probes.')
    }, { ...strict, description: 'A port of its own for `/healthz` and `/readyz` and nothing else, where no client of the admin API can be in the way of a probe. Both are on the port of the admin API too.' })),
    tokens: Type.Array(TokenSchema, { default: [], maxItems: 1_000, description: 'Who may use the API. Without any, it is open, and may then listen on loopback only.' })
  }, { ...strict, default: {}, description: 'The admin API. A change of address, port or probes needs a restart.' }),
  state: Type.Object({
    store: Type.Union([Type.Literal('memory'), Type.Literal('file'), Type.Literal('kubernetes')], { default: 'memory', description: '`memory` forgets run-time weights at exit; `file` keeps them; `kubernetes` keeps them in a ConfigMap that all replicas share.' }),
    path: Type.String({ default: './.weir/state.json', minLength: 1, description: 'The file of the file store.' }),
    name: Type.String({ default: 'weir-state', pattern: OBJECT_NAME_PATTERN, description: 'The ConfigMap of the Kubernetes store, in `kubernetes.namespace`. Replicas of one Weir name the same one.' }),
    onUnavailable: Type.Union([Type.Literal('wait'), Type.Literal('config')], { default: 'wait', description: 'What a start does while the ConfigMap can\'t be read: `wait` opens no listener, `config` serves with the weights of the configuration until it can.' })
  }, { ...strict, default: {}, description: 'Where run-time weights and their history live. A change needs a restart.' }),
  kubernetes: Type.Object({
    kubeconfig: Type.Optional(Type.String({ minLength: 1, description: 'The kubeconfig file; without it the in-cluster credentials, or else the usual places (KUBECONFIG, ~/.kube/config).' })),
    context: Type.Optional(Type.String({ minLength: 1, description: 'The context of the kubeconfig.' })),
    namespace: Type.Optional(Type.String({ pattern: NAMESPACE_PATTERN, description: 'The namespace of Services that name none; by default that of the credentials.' })),
    startTimeout: duration('How long a start that has had the endpoints of some versions waits for those of the others before it is ready without them, such as those of a namespace that may not be read. 0s waits for as long as it takes.', '30s'),
    zone: Type.Optional(Type.String({ pattern: LABEL_VALUE_PATTERN, description: 'The zone that Weir runs in, as in the label `topology.kubernetes.io/zone` of its node. With it, the endpoints that the hints of their EndpointSlices (`trafficDistribution`) mean for this zone are preferred. Empty is none.' })),
    node: Type.Optional(Type.String({ pattern: NODE_PATTERN, description: 'The node that Weir runs on, for hints that mean nodes (`trafficDistribution: PreferSameNode`). Empty is none.' })),
    ipFamily: Type.Union([Type.Literal('auto'), Type.Literal('IPv4'), Type.Literal('IPv6')], { default: 'auto', description: 'Which addresses of a dual-stack Service are used, so that each pod counts once. `auto` takes the IPv4 address of a pod that has both.' }),
    allowAddresses: Type.Array(Type.String({ description: 'An address or CIDR.' }), { default: [], maxItems: 1_000, description: 'Endpoint addresses that may be dialled although they are refused: loopback, link-local, unspecified, multicast, broadcast, metadata services, and IPv6 forms of those.' })
  }, { ...strict, default: {}, description: 'The Kubernetes API, used when a version names a service. A change needs a restart.' }),
  replicas: Type.Optional(Type.Object({
    service: Type.Optional(Type.String({ pattern: SERVICE_PATTERN, description: 'The headless Service of Weir\'s own pods. Its EndpointSlices name the replicas, which then tell each other what they apply: `?wait=all`, `GET /v1/replicas`, sums over all of them. Needs `state.store: kubernetes` and `replicas.secretFile`.' })),
    namespace: Type.Optional(Type.String({ pattern: NAMESPACE_PATTERN, description: 'The namespace of that Service; `kubernetes.namespace` by default.' })),
    port: Type.Union([Type.String({ pattern: PORT_NAME_PATTERN }), Type.Integer({ minimum: 1, maximum: 65535 })], { default: 'admin', description: 'The port of the admin API in the EndpointSlices of that Service: its name, or its number there.' }),
    secretFile: Type.Optional(file('The file of the secret by which the replicas prove themselves to each other: a line of at least 32 visible ASCII characters, in all replicas the same. During a rotation it may have up to four lines: the first signs, all are accepted. It is read again when it changes.')),
    name: Type.Optional(Type.String({ pattern: OBJECT_NAME_PATTERN, description: 'What the others and metrics call this replica; its host name by default, which in Kubernetes is the name of the pod.' }))
  }, { ...strict, description: 'Other replicas of this Weir. Without it there is this one. A change needs a restart.' })),
  webhooks: Type.Array(WebhookSchema, { default: [], maxItems: 32, description: 'Servers that events are posted to.' }),
  timeouts: Type.Object({
    firstByte: duration('From opening a connection to the first byte of its first request; a PROXY header counts as such.', '10s'),
    tlsHandshake: duration('From opening a TLS connection, or from its PROXY header, to the end of the handshake.', '10s'),
    requestHead: duration('From the first byte of a request to the end of its header.', '10s'),
    requestBody: duration('The longest silence of a client in mid-body.', '30s'),
    keepAliveIdle: duration('How long an idle client connection is kept.', '75s'),
    upstreamConnect: duration('To open a connection to an endpoint.', '2s'),
    upstreamResponse: duration('From the end of a request to the header of its response.', '60s'),
    upstreamIdle: duration('How long an idle connection to an endpoint is kept. Keep it below the keep-alive timeout of the origins.', '4s'),
    tunnelIdle: duration('The longest silence of an upgraded connection, in both directions together.', '1h'),
    streamIdle: duration('The longest silence in mid-response, of the endpoint or of a client that does not read.', '60s')
  }, { ...strict, default: {}, description: 'Every wait has an end.' }),
  drain: Type.Object({
    delay: duration('How long Weir goes on as usual after SIGTERM, but not ready: until load balancers have noticed. SIGINT skips it.', '5s'),
    timeout: duration('How long requests in flight may go on after that.', '25s'),
    tunnels: duration('How long the tunnels of an endpoint may go on that is terminating or gone.', '30s')
  }, { ...strict, default: {}, description: 'The end of Weir, of a worker, of an endpoint.' }),
  limits: Type.Object({
    maxHeadBytes: Type.Integer({ minimum: 1024, maximum: 1_048_576, default: 32_768, description: 'The size of a request header, request line included; and of a response header.' }),
    maxHeaderFields: Type.Integer({ minimum: 16, maximum: 4096, default: 128, description: 'The number of fields of a header.' }),
    maxUriBytes: Type.Integer({ minimum: 256, maximum: 1_048_576, default: 16_384, description: 'The size of a request target.' }),
    maxBodyBytes: Type.Integer({ minimum: 0, default: 0, description: 'The size of a request body; 0 sets no limit.' }),
    minBodyRate: Type.Integer({ minimum: 0, maximum: 1_000_000_000, default: 128, description: 'Bytes per second that a request body has to come with on average, once timeouts.requestBody has passed since its head; time in which the endpoint takes no more is not counted. It holds until the response begins. 0 sets no limit.' }),
    maxConcurrentRequests: Type.Integer({ minimum: 0, default: 10_000, description: 'Requests in flight in one worker before it answers 503; 0 sets no limit. Tunnels are not counted.' }),
    maxRequestsPerConnection: Type.Integer({ minimum: 0, default: 10_000, description: 'Requests on one client connection, after which it is closed in order; 0 sets no limit.' }),
    maxConnections: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 0 })], { default: 'auto', description: 'Client connections of one worker; more are closed at once. `auto` is 60000, or as many as the limit of open files allows. 0 sets no limit but that one.' }),
    maxConnectionsPerListener: Type.Integer({ minimum: 0, default: 0, description: 'Client connections of one listener, over all workers; more are closed at once. 0 sets no limit.' }),
    maxConnectionsPerClient: Type.Integer({ minimum: 0, default: 0, description: 'Connections of one client address (IPv6: one /64), over all workers and listeners; more are closed at once. Trusted proxies are not limited. 0 sets no limit.' }),
    maxIdleUpstream: Type.Integer({ minimum: 0, maximum: 100_000, default: 256, description: 'Idle connections that one worker keeps to one endpoint.' }),
    maxBufferedBytes: Type.Optional(Type.Integer({ minimum: 1_048_576, maximum: 1_099_511_627_776, description: 'Bytes that one worker keeps in buffers for its clients and endpoints. From three quarters of it on, new requests are answered with 503 `memory_exhausted`; beyond it, connections that keep the most are closed. By default it follows from the memory limit of the container (docs/operating.md).' })),
    maxListMembers: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 200_000, description: 'Members that one list of a route may have. A worker pays 8 to 21 bytes of shared memory for each, once for all of them (docs/routing.md).' }),
    maxPasses: Type.Integer({ minimum: 0, maximum: 100, default: 1, description: 'How often one request may come through this Weir, as its Via fields tell; once more is a loop and answered with 508. More than 1 lets applications call others through Weir with the Via that they were called with. 0 sets no limit.' })
  }, { ...strict, default: {}, description: 'What a client may ask for.' }),
  shadow: Type.Object({
    maxRequests: Type.Integer({ minimum: 1, maximum: 10_000, default: 64, description: 'Copies that one worker has under way; each route with a mirror has an equal part.' }),
    maxBytes: Type.Integer({ minimum: 65_536, maximum: 1_073_741_824, default: 8_388_608, description: 'Bytes of requests and answers that one worker keeps for copies; each route with a mirror has an equal part.' }),
    maxLoopLag: duration('While the event loop of a worker is later than this, nothing is copied; 0s sets no limit.', '50ms'),
    maxLoopUtilization: Type.Number({ minimum: 0, maximum: 1, default: 0.85, description: 'While the event loop of a worker is busy for a larger part of the time, nothing is copied; 1 sets no limit.' })
  }, { ...strict, default: {}, description: 'What the copies of all mirrors may take. Nothing is copied either while a worker has a quarter of `limits.maxBufferedBytes` or three quarters of `limits.maxConcurrentRequests` or of its descriptors in use.' }),
  accessLog: Type.Object({
    mode: Type.Union([Type.Literal('off'), Type.Literal('sampled'), Type.Literal('on')], { default: 'off', description: 'Which requests are logged. `sampled` logs `sampleRate` of them and every failure.' }),
    sampleRate: Type.Number({ minimum: 0, maximum: 1, default: 0.01, description: 'The share of the requests that `sampled` logs.' }),
    path: Type.String({ default: '-', minLength: 1, description: 'The file to append to; `-` is standard output.' })
  }, { ...strict, default: {}, description: 'One JSON line a request. A change of path needs a restart.' }),
  log: Type.Object({
    level: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], { default: 'info', description: 'The least severe messages that are logged.' })
  }, { ...strict, default: {}, description: "Weir's own log: JSON lines on standard error." })
}, { ...strict, title: 'Weir configuration', description: 'The configuration of Weir.' })

/** A configuration that has passed validation, with every default filled in. */
export type Config = Static<typeof ConfigSchema>
export type RouteConfig = Static<typeof RouteSchema>
export type VersionConfig = Static<typeof VersionSchema>
export type MatchConfig = Static<typeof MatchSchema>
export type AffinityConfig = Static<typeof AffinitySchema>
export type OverridesConfig = Static<typeof OverridesSchema>
export type ListenerConfig = Static<typeof ListenerSchema>
export type ListenerTlsConfig = Static<typeof ListenerTlsSchema>
export type WebhookConfig = Static<typeof WebhookSchema>
export type EventType = WebhookConfig['events'][number]
