import { type Static, Type } from '../core/json-schema.ts'

const OutcomeSchema = Type.oneOf(
  [
    'attempt', 'waits', 'undecided', 'overloaded', 'no_endpoint', 'circuit_open', 'hold_full', 'denied', 'limited', 'redirected',
    'homeless', 'differs', 'unknown', 'past'
  ],
  { description: '`attempt`: the request goes to an endpoint of `version`. `waits`: it is held until there is one. `undecided`: it is drawn at random between versions. `differs`: the workers do not agree. `unknown`: no worker has the route yet. `past`: the request is over; `request` says what became of it. `denied` (403), `limited` (429), `redirected` and `homeless` (400, no Location can be made): a filter of the route answers. The others are the error that the client gets.' }
)

export const ExplainAnswerSchema = Type.object({
  route: Type.string({ description: 'The route that was asked about.' }),
  matches: Type.boolean({ description: 'Would the route take such a request?' }),
  matchedRoute: Type.textOrNull('The route that would take it, which may be another one; null if none would.'),
  epoch: Type.integer({ description: 'The epoch of the route\'s weights.' }),
  stickyKey: Type.object({
    kind: Type.oneOf(['client-ip', 'header', 'cookie', 'none'], { description: '`none`: every request is drawn at random.' }),
    name: Type.textOrNull('The name of the header or cookie; null with `client-ip` and `none`.'),
    value: Type.textOrNull('What the client is recognised by; of a cookie, which may be a secret, only the hash. Null with `none`, and when it is not remembered.'),
    hash: Type.textOrNull('The hash of the key, as in the access log: eight hexadecimal digits. Null with `none`.'),
    missing: Type.textOrNull('The header or cookie that the route asks for and the request does not have, so that its IP is the key.')
  }, { description: 'What the client is recognised by.' }),
  placement: Type.oneOf(['override', 'list', 'match', 'never', 'split'], { description: 'What chose the version, in this order: an override, a list, a match; else the split, with `never` among the other versions only.' }),
  rules: Type.list(Type.object({
    kind: Type.oneOf(['override', 'list', 'match', 'never']),
    name: Type.textOrNull('The list.'),
    version: Type.textOrNull('The version that it is about; null for an override that does not count.'),
    chosen: Type.boolean(),
    why: Type.string({ description: 'What it saw, or why it did not choose.' })
  }), { description: 'The rules that were asked before the split, in this order. Those behind the one that chose are not among them.' }),
  actions: Type.list(Type.object({
    kind: Type.oneOf(['clients', 'rateLimit', 'requestRedirect', 'urlRewrite', 'requestHeaders', 'responseHeaders', 'maxBodyBytes']),
    version: Type.textOrNull('The version whose messages are changed, by what it and its route say; null for what the route asks before it chooses one.'),
    outcome: Type.textOrNull('The outcome, when the filter answers the request; null when the request goes on.'),
    why: Type.string({ description: 'What it does. Of fields the names alone: values may be secrets.' })
  }), { description: 'What `filters` and `maxBodyBytes` do, in their order, up to what answers the request; by the worker that is named first.' }),
  chosen: Type.textOrNull('The version that this client belongs to; null when it is drawn at random.'),
  version: Type.textOrNull('The version that would serve now: not the chosen one if that has no endpoint. Null if nobody would, or the workers do not agree.'),
  endpoint: Type.textOrNull('The endpoint of the first attempt, where it is certain: with endpoint affinity, or when only one is used. Null otherwise, and when a worker would choose another one.'),
  outcome: OutcomeSchema,
  versions: Type.list(Type.object({
    name: Type.string(),
    weight: Type.number(),
    score: Type.numberOrNull('What the version scored for this key: the lowest wins. Null with the weight 0, and when it is drawn at random.'),
    usedEndpoints: Type.integer({ description: 'Endpoints that requests may go to, in the worker that uses the fewest.' }),
    panic: Type.oneOf(['all', 'some', 'none'], { description: 'The workers that use all endpoints, because too few are available.' })
  }), { description: 'In the order of the configuration.' }),
  workers: Type.list(Type.object({
    worker: Type.integer(),
    epoch: Type.integer({ description: 'The epoch that the worker applies.' }),
    version: Type.textOrNull('The version that would serve.'),
    endpoint: Type.textOrNull('The endpoint, where it is certain.'),
    outcome: OutcomeSchema
  }), { description: 'What each worker would do, as it says itself. Health is found out by each worker alone, and which worker gets a connection is up to the kernel.' }),
  request: Type.optional(Type.object({
    id: Type.string(),
    at: Type.string({ format: 'date-time', description: 'When its head was whole.' }),
    worker: Type.integer(),
    status: Type.integer({ description: 'What the client got, or 499 when it had gone.' }),
    error: Type.textOrNull('The code of the failure, as in the access log.'),
    fault: Type.textOrNull('What exactly was wrong.'),
    durationMs: Type.number(),
    attempts: Type.integer(),
    retried: Type.textOrNull('Why the attempts before the last one failed.'),
    fallbackFrom: Type.textOrNull('The version that was chosen and had no endpoint.'),
    failedOverFrom: Type.textOrNull('The version that was chosen and failed.'),
    placement: Type.textOrNull('What chose the version in place of the split: `override`, `list`, `match` or `never`.'),
    placedBy: Type.textOrNull('The list or version by which it did.')
  }, { description: 'With `requestId`: what became of the request.' })),
  why: Type.list(Type.string(), { description: 'The decision, step by step.' })
}, { description: 'What would happen to a request, and why.' })

/** What would happen to a request, and why. */
export type ExplainAnswer = Static<typeof ExplainAnswerSchema>

/** A request that somebody asks about. */
export interface ExplainQuery {
  readonly route: string
  /** The address of the client, after trusted proxies. */
  readonly ip: string
  readonly method: string
  /** Without port, in lower case; empty when the request has none. */
  readonly host: string
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** Members of lists who ask: by list, what each is known by. They win over fields and address. */
  readonly members: ReadonlyMap<string, string>
  /** By name in lower case; several fields of one name joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
}
