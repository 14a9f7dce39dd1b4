/**
 * What happens in a conversation at random: several clients, what each sends and how, and what the origin does with it.
 * Bytes are Latin-1 text, so that a plan that fails can be read and sent again.
 */
import fc from 'fast-check'
import { bodyText, hostileRequest, hostileResponse, mutate, mutations, validRequest } from '../helpers/http1-grammar.ts'
import type { Mutation } from '../helpers/http1-grammar.ts'
import { damage, damages } from './conversation-damage.ts'
import type { Damage } from './conversation-damage.ts'

/** What one client does. */
export interface ClientPlan {
  /** Sent one after the other; each was a request before it was mutated. */
  readonly parts: readonly string[]
  /** Sends the next part without an answer to the one before. */
  readonly pipelined: boolean
  /** Lengths of the pieces on the wire, again and again; none for one piece. */
  readonly pieces: readonly number[]
  /**
   * Behind the last part: `finish` waits for all answers first; `half-close`, `reset` and `leave` do not wait; `stay` leaves the
   * end to Weir.
   */
  readonly ending: 'finish' | 'half-close' | 'reset' | 'leave' | 'stay'
  /** Reads nothing until nothing moves any more. */
  readonly slow: boolean
  /** Stops so many bytes behind the head of each part until nothing moves any more. */
  readonly hold: number | undefined
  /** Comes when nothing has moved for so many times; 0 is at once. */
  readonly late: number
}

/** What the origin does with one request. */
export interface AnswerPlan {
  readonly when: 'request' | 'head' | 'never'
  readonly interims: readonly string[]
  /** A whole response in place of a planned one. */
  readonly raw: string | undefined
  readonly status: number
  readonly minor: 0 | 1
  readonly framing: 'length' | 'chunked' | 'close'
  readonly body: string
  readonly fields: readonly string[]
  readonly mutations: readonly Mutation[]
  /** A whole response behind the answer that nobody asked for: in one write with its end, or when the connection is idle. */
  readonly surplus: 'none' | 'glued' | 'late'
  /** Sends no more than this many bytes. */
  readonly cut: number | undefined
  readonly pieces: readonly number[]
  readonly ending: 'keep' | 'close' | 'reset'
  /** Takes no more than the beginning of the request until nothing moves any more. */
  readonly slow: boolean
}

export interface ConversationPlan {
  readonly clients: readonly ClientPlan[]
  /** For the requests in the order in which they come, again and again. */
  readonly answers: readonly AnswerPlan[]
  /** May clients switch to another protocol? */
  readonly upgrades: boolean
  /** Everybody behaves: every request has to get the origin's answer. */
  readonly clean: boolean
}

function weighted<T> (choices: ReadonlyArray<readonly [number, fc.Arbitrary<T>]>): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })))
}

const pieces = weighted<readonly number[]>([
  [5, fc.constant([])],
  [2, fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 6 })],
  [1, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })],
  [1, fc.array(fc.integer({ min: 100, max: 70_000 }), { minLength: 1, maxLength: 4 })]
])

const rarely = weighted([[12, fc.constant(false)], [1, fc.constant(true)]])

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: b\r\nX-Id: smuggled\r\n\r\n'

const content = weighted([
  [120, bodyText],
  [40, fc.constantFrom(SMUGGLED, `0\r\n\r\n${SMUGGLED}`, `\r\n\r\n${SMUGGLED}`, '5\r\n', '0\r\n')],
  [20, fc.integer({ min: 1, max: 40_000 }).map(length => 'abcdefghijklmno\n'.repeat(length / 16 + 1).slice(0, length))]
])

function chunked (body: string, size: number, trailer: string): string {
  const chunks = body === '' ? [] : Array.from({ length: Math.ceil(body.length / size) }, (_, index) => body.slice(index * size, (index + 1) * size))
  return `${chunks.map(data => `${data.length.toString(16)}\r\n${data}\r\n`).join('')}0\r\n${trailer}\r\n`
}

const extraField = fc.constantFrom(
  'X-A: 1', 'X-A: 2', 'X-Forwarded-For: 127.0.0.1', 'X-Request-Id: mine', 'Accept: text/plain', 'TE: trailers', 'Connection: keep-alive', 'Connection: close',
  'Connection: x-a', 'Connection: X-Id', 'Expect: 100-continue', 'Max-Forwards: 0', 'Cookie: a=b', 'Upgrade: websocket', 'Connection: upgrade, x-a', 'Keep-Alive: 5')

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']

/** A request with an id of its own. `Expect` and `Connection: close` are left to the others when everything has to go well. */
function ownRequest (fields: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> {
  return fc.record({
    method: fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'),
    id: fc.nat({ max: 9_999_999 }),
    minor: fc.constantFrom(1, 1, 1, 1, 1, 0),
    framing: fc.constantFrom('none', 'length', 'chunked'),
    body: content,
    chunk: fc.integer({ min: 1, max: 5_000 }),
    trailer: fc.constantFrom('', '', 'X-Sum: 1\r\n', 'X-Sum: 1\r\nContent-Length: 3\r\n'),
    fields
  }).map(({ method, id, minor, framing, body, chunk, trailer, fields }) => {
    const asChunks = framing === 'chunked' && minor === 1
    const size = Math.max(chunk, Math.ceil(body.length / 200))
    const framed = framing === 'none' ? [] : [asChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`]
    const lines = [`${method} /q/${id} HTTP/1.${minor}`, `Host: h${id}`, `X-Id: ${id}`, ...fields, ...framed, ...(minor === 0 ? ['Connection: keep-alive'] : [])]
    return `${lines.join('\r\n')}\r\n\r\n${framing === 'none' ? '' : asChunks ? chunked(body, size, trailer) : body}`
  })
}

const noFields = fc.constant<readonly string[]>([])
const someFields = weighted<readonly string[]>([[6, fc.array(extraField, { maxLength: 3 })], [1, fc.constant(UPGRADE)]])
const cleanRequest = weighted([[3, ownRequest(noFields)], [1, validRequest.map(bytes => bytes.toString('latin1'))]])

const damagedRequest: fc.Arbitrary<string> = fc.tuple(
  weighted([[4, ownRequest(someFields)], [2, validRequest.map(bytes => bytes.toString('latin1'))], [2, hostileRequest.map(bytes => bytes.toString('latin1'))]]),
  weighted<readonly Mutation[]>([[2, fc.constant([])], [1, mutations]]),
  weighted<readonly Damage[]>([[1, fc.constant([])], [1, damages]])
).map(([text, list, harm]) => mutate(Buffer.from(damage(text, harm), 'latin1'), list).toString('latin1'))

function client (part: fc.Arbitrary<string>, ending: fc.Arbitrary<ClientPlan['ending']>): fc.Arbitrary<ClientPlan> {
  return fc.record({
    parts: fc.array(part, { minLength: 1, maxLength: 5 }),
    pipelined: fc.boolean(),
    pieces,
    ending,
    slow: rarely,
    hold: weighted<number | undefined>([[3, fc.constant(undefined)], [1, fc.nat({ max: 20 })]]),
    late: fc.constantFrom(0, 0, 0, 1, 2, 3)
  })
}

const anyEnding = fc.constantFrom('finish', 'finish', 'half-close', 'reset', 'leave', 'stay')
const cleanClient = client(cleanRequest, fc.constantFrom('finish', 'finish', 'half-close'))
const wildClient = client(weighted([[2, ownRequest(someFields)], [3, damagedRequest]]), anyEnding)

const okStatus = fc.constantFrom(200, 200, 200, 201, 204, 304, 404, 500)
const cleanFields = fc.array(fc.constantFrom('X-B: 1', 'Set-Cookie: a=b', 'Connection: x-b', 'Keep-Alive: timeout=5'), { maxLength: 2 })

const cleanAnswer: fc.Arbitrary<AnswerPlan> = fc.record({
  when: fc.constant('request' as const),
  interims: fc.constantFrom<readonly string[]>([], [], [], ['HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n'], ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Processing\r\n\r\n']),
  raw: fc.constant(undefined),
  status: okStatus,
  minor: fc.constantFrom(1, 1, 1, 1, 0),
  framing: fc.constantFrom('length', 'length', 'chunked', 'close'),
  body: content,
  fields: cleanFields,
  mutations: fc.constant([]),
  surplus: weighted([[8, fc.constant('none' as const)], [1, fc.constantFrom('glued' as const, 'late' as const)]]),
  cut: fc.constant(undefined),
  pieces,
  ending: fc.constant('keep'),
  slow: rarely
})

const wildAnswer: fc.Arbitrary<AnswerPlan> = fc.record({
  when: fc.constantFrom('request', 'request', 'request', 'head', 'never'),
  interims: weighted<readonly string[]>([[5, fc.constant([])], [1, fc.array(fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n', 'HTTP/1.1 199 \r\nContent-Length: 5\r\n\r\n'), { maxLength: 3 })]]),
  raw: weighted<string | undefined>([[3, fc.constant(undefined)], [1, hostileResponse.map(bytes => bytes.toString('latin1'))]]),
  status: weighted([[5, okStatus], [1, fc.constantFrom(101, 100, 199, 426, 599)]]),
  minor: fc.constantFrom(1, 1, 1, 0),
  framing: fc.constantFrom('length', 'chunked', 'close'),
  body: content,
  fields: fc.array(fc.constantFrom('X-B: 1', 'Set-Cookie: a=b', 'Connection: close', 'Connection: x-b, keep-alive', 'Upgrade: websocket', 'Content-Length: 3'), { maxLength: 2 }),
  mutations: weighted<readonly Mutation[]>([[3, fc.constant([])], [1, mutations]]),
  surplus: fc.constantFrom('none', 'none', 'glued', 'late'),
  cut: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined, freq: 4 }),
  pieces,
  ending: fc.constantFrom('keep', 'keep', 'keep', 'close', 'reset'),
  slow: rarely
})

/** More than a read brings and, for those who do not read, more than the kernel takes. */
const largeContent = weighted([[3, fc.integer({ min: 8_000, max: 900_000 })], [1, fc.integer({ min: 3_000_000, max: 6_500_000 })]]).map(length => '0123456789abcde\n'.repeat(length / 16 + 1).slice(0, length))
const largeAnswer = fc.tuple(cleanAnswer, largeContent).map(([plan, body]) => ({ ...plan, body, pieces: [], framing: plan.framing === 'close' ? 'chunked' as const : plan.framing }))
const slowAnswer = fc.tuple(weighted([[2, cleanAnswer], [1, largeAnswer]]), fc.boolean()).map(([plan, slow]) => ({ ...plan, slow }))
const largeRequest = fc.tuple(largeContent, fc.boolean()).map(([body, asChunks]) =>
  `POST /large HTTP/1.1\r\nHost: a\r\nX-Id: ${body.length}\r\n${asChunks ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`}\r\n\r\n${asChunks ? chunked(body, 100_000, '') : body}`)
const slowClient = fc.tuple(client(weighted([[3, cleanRequest], [1, largeRequest]]), fc.constant('finish')), fc.boolean()).map(([plan, slow]) => ({ ...plan, slow, pipelined: false }))

/** Tunnels: what follows the request is no HTTP, but may look like it. */
const upgradeRequest = weighted([
  [2, ownRequest(fc.constant(UPGRADE))],
  [1, fc.tuple(ownRequest(fc.constant(UPGRADE)), damages).map(([text, harm]) => damage(text, harm))]
])
const tunnelClient = fc.tuple(client(weighted([[2, upgradeRequest], [1, ownRequest(noFields)], [1, content]]), anyEnding), upgradeRequest)
  .map(([plan, first]) => ({ ...plan, parts: [first, ...plan.parts] }))
const switchingAnswer = fc.tuple(wildAnswer, fc.constantFrom('websocket', 'websocket', 'websocket', 'WebSocket', 'h2c')).map(([plan, protocol]): AnswerPlan => ({
  ...plan, when: plan.when === 'never' ? 'request' : plan.when, status: 101, minor: 1, raw: undefined, mutations: [], cut: undefined, fields: ['Connection: Upgrade', `Upgrade: ${protocol}`]
}))

function conversation (clients: fc.Arbitrary<ClientPlan>, answers: fc.Arbitrary<AnswerPlan>, clean: boolean): fc.Arbitrary<ConversationPlan> {
  return fc.record({
    clients: fc.array(clients, { minLength: 1, maxLength: 3 }),
    answers: fc.array(answers, { minLength: 1, maxLength: 5 }),
    upgrades: clean ? fc.constant(false) : fc.boolean(),
    clean: fc.constant(clean)
  })
}

export const anyConversation: fc.Arbitrary<ConversationPlan> = weighted([
  [4, conversation(cleanClient, cleanAnswer, true)],
  [1, conversation(slowClient, slowAnswer, true)],
  [8, conversation(wildClient, cleanAnswer, false)],
  [5, conversation(cleanClient, wildAnswer, false)],
  [8, conversation(wildClient, wildAnswer, false)],
  [3, conversation(tunnelClient, weighted([[4, switchingAnswer], [1, wildAnswer]]), false).map(plan => ({ ...plan, upgrades: true }))]
])

/** Another response, for nobody. */
const SURPLUS = 'HTTP/1.1 200 OK\r\nX-Serial: surplus\r\nContent-Length: 7\r\n\r\nSURPLUS'

/** The bytes of an answer, with a number of its own in it. Surplus is not in it. */
export function renderAnswer (plan: AnswerPlan, method: string, serial: number): Buffer {
  const bodiless = method === 'HEAD' || plan.status < 200 || plan.status === 204 || plan.status === 304
  const body = bodiless ? (plan.status === 101 ? plan.body : '') : `${serial}|${plan.body}`
  const asChunks = plan.framing === 'chunked' && plan.minor === 1 && plan.status !== 204 && plan.status >= 200
  const framing = asChunks ? ['Transfer-Encoding: chunked'] : plan.framing !== 'length' || plan.status === 204 || plan.status < 200 ? [] : [`Content-Length: ${body.length}`]
  const size = Math.max(16, Math.ceil(body.length / 100))
  const planned = `HTTP/1.${plan.minor} ${plan.status} Planned\r\n${[...plan.fields, ...framing].map(line => `${line}\r\n`).join('')}\r\n${asChunks && !bodiless ? chunked(body, size, '') : body}`
  const numbered = (plan.raw ?? planned).replace('\r\n', `\r\nX-Serial: ${serial}\r\n`)
  const bytes = mutate(Buffer.from(numbered, 'latin1'), plan.mutations)
  return Buffer.concat([Buffer.from(plan.interims.join(''), 'latin1'), bytes]).subarray(0, plan.cut)
}

export function surplusBytes (): Buffer {
  return Buffer.from(SURPLUS, 'latin1')
}
