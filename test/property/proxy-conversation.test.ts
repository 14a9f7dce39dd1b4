/**
 * Whole conversations at random: several clients, each with its own sequence of requests in random framings, pieces and
 * pipelining, against an origin that answers in random framings and pieces. Every answer has to belong to its request, and
 * nothing may be left.
 */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { ProxyBench } from '../helpers/data-plane.ts'
import type { RawClient } from '../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../helpers/raw-http.ts'
import { ok, type OriginConnection } from '../helpers/raw-origin.ts'

/** Runs that would begin later than this are left out, but for the first ones: few mean nothing. */
const TIME_LIMIT_MS = 4_000
const RUNS = 150
const FEWEST_RUNS = 6
/** A message comes in no more pieces than this. */
const MAX_PIECES = 60
const MAX_WITH_SURPLUS = 4_000

interface RequestPlan {
  readonly method: 'GET' | 'POST' | 'PUT' | 'HEAD' | 'DELETE'
  readonly minor: 0 | 1
  readonly body: number
  readonly framing: 'length' | 'chunked'
  /** Chunks, and pieces on the wire, are no longer than this. */
  readonly chunk: number
  readonly piece: number
  readonly fields: readonly string[]
  /** What the origin does with it; carried in the target. */
  readonly answer: AnswerPlan
}

interface AnswerPlan {
  readonly status: 200 | 204 | 304 | 404 | 500
  readonly body: number
  readonly framing: 'length' | 'chunked' | 'close'
  readonly piece: number
  readonly interims: number
  readonly trailer: boolean
  /** Bytes that nobody asked for behind an answer that is short enough to come with them in one read. */
  readonly surplus: boolean
  readonly closes: boolean
  /** The route does not know it: Weir answers by itself. */
  readonly unknown: boolean
}

const size = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }) }, { weight: 2, arbitrary: fc.integer({ min: 8_000, max: 9_000 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) })
const piece = fc.oneof(fc.constant(1_000_000), fc.integer({ min: 30, max: 400 }), fc.integer({ min: 4_000, max: 80_000 }))
const rarely = fc.integer({ min: 0, max: 9 }).map(number => number === 0)

const answerPlan: fc.Arbitrary<AnswerPlan> = fc.record({
  status: fc.constantFrom(200, 200, 200, 204, 304, 404, 500),
  body: size,
  framing: fc.constantFrom('length', 'chunked', 'close'),
  piece,
  interims: fc.constantFrom(0, 0, 0, 1, 2),
  trailer: fc.boolean(),
  surplus: rarely,
  closes: rarely,
  unknown: rarely
})

const requestPlan: fc.Arbitrary<RequestPlan> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE'),
  minor: fc.constantFrom(1, 1, 1, 0),
  body: size,
  framing: fc.constantFrom('length', 'chunked'),
  chunk: fc.integer({ min: 1, max: 70_000 }),
  piece,
  fields: fc.array(fc.stringMatching(/^X-[a-z]{1,8}: [!-~]{0,30}$/), { maxLength: 6 }),
  answer: answerPlan
})

const conversation = fc.array(fc.record({ pipelined: fc.boolean(), requests: fc.array(requestPlan, { minLength: 1, maxLength: 8 }) }), { minLength: 1, maxLength: 5 })

const digest = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

/** A body that can be told from every other. */
function bodyOf (seed: string, length: number): Buffer {
  return Buffer.alloc(length, `${digest(seed)}|`)
}

function cut (bytes: Buffer, wanted: number): readonly Buffer[] {
  const length = Math.max(wanted, Math.ceil(bytes.length / MAX_PIECES))
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) => bytes.subarray(index * length, (index + 1) * length))
}

function framed (body: Buffer, chunk: number, trailers: string): Buffer {
  const chunks = cut(body, chunk).flatMap(part => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
  return Buffer.concat([...chunks, Buffer.from(`0\r\n${trailers}\r\n`)])
}

function requestBytes (plan: RequestPlan, id: string): Buffer {
  const chunked = plan.framing === 'chunked' && plan.minor === 1
  const body = bodyOf(id, plan.body)
  const target = `${plan.answer.unknown ? '/unknown' : '/known'}/${id}?${encodeURIComponent(JSON.stringify(plan.answer))}`
  const fields = [...plan.fields, chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`, ...(plan.minor === 0 ? ['Connection: keep-alive'] : [])]
  const head = `${plan.method} ${target} HTTP/1.${plan.minor}\r\nHost: ${id}.test\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`
  return Buffer.concat([Buffer.from(head), chunked ? framed(body, plan.chunk, `X-Trailer: ${id}\r\n`) : body])
}

/** Says what came: the target, a hash of the client's own fields and of the body. */
async function answerAsPlanned (request: RawMessage, connection: OriginConnection): Promise<void> {
  const [method = '', target = ''] = request.startLine.split(' ')
  const plan: AnswerPlan = JSON.parse(decodeURIComponent(target.slice(target.indexOf('?') + 1)))
  const id = target.slice('/known/'.length, target.indexOf('?'))
  const own = request.fields.filter(([name]) => /^X-[a-z]+$/.test(name)).map(([name, value]) => `${name}: ${value}`)
  const bodiless = method === 'HEAD' || plan.status === 204 || plan.status === 304
  const body = bodiless ? Buffer.alloc(0) : bodyOf(`answer ${id}`, plan.body)
  const close = plan.framing === 'close' && !bodiless
  const framing = plan.framing === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : close ? '' : `Content-Length: ${plan.status === 204 ? 0 : plan.body}\r\n`
  const head = `HTTP/1.1 ${plan.status} Planned\r\nX-Id: ${id}\r\nX-Method: ${method}\r\nX-Fields: ${digest(own.join('\n'))}\r\nX-Body: ${digest(request.body)}\r\nX-Sent-Trailers: ${request.trailers.trim()}\r\n${framing}${plan.closes ? 'Connection: close\r\n' : ''}\r\n`
  const content = bodiless ? Buffer.alloc(0) : plan.framing === 'chunked' ? framed(body, plan.piece, plan.trailer ? `X-Answer-Trailer: ${id}\r\n` : '') : body
  const surplus = plan.surplus && !close && content.length < MAX_WITH_SURPLUS ? ok('SURPLUS') : ''
  const interims = `HTTP/1.1 103 Early Hints\r\nX-Id: ${id}\r\n\r\n`.repeat(plan.interims)
  const bytes = Buffer.concat([Buffer.from(interims + head), content, Buffer.from(surplus)])
  await connection.sendPieces(surplus === '' ? cut(bytes, plan.piece) : [bytes])
  if (close || plan.closes) connection.end()
}

async function hold (bench: ProxyBench, client: RawClient, name: string, turns: ReadonlyArray<{ readonly pipelined: boolean, readonly requests: readonly RequestPlan[] }>): Promise<void> {
  for (const [turn, { pipelined, requests }] of turns.entries()) {
    const group = pipelined ? [requests] : requests.map(request => [request])
    let index = 0
    for (const plans of group) {
      const planned = plans.map(plan => ({ plan, id: `${name}-${turn}-${index++}` }))
      for (const { plan } of planned) client.expect(plan.method)
      const sending = client.sendPieces(planned.flatMap(({ plan, id }) => cut(requestBytes(plan, id), plan.piece)))
      for (const { plan, id } of planned) {
        const answer = await client.answer()
        check(plan, id, answer)
        if (valuesOf(answer, 'connection').includes('close')) {
          // What was sent ahead is lost, as its sender has to expect.
          if (!mayClose(plan)) throw new Error(`the connection was closed after ${id} without need`)
          await sending
          await client.untilEnded()
          client.destroy()
          client = await bench.client()
          break
        }
      }
      await sending
    }
  }
}

/** An HTTP/1.0 client learns the end of some bodies from a close, and a refusal may come before the whole request. */
function mayClose ({ method, minor, answer, body, framing }: RequestPlan): boolean {
  if (answer.unknown) return body > 0 || framing === 'chunked'
  return minor === 0 && answer.framing !== 'length' && method !== 'HEAD' && answer.status !== 204 && answer.status !== 304
}

function check (plan: RequestPlan, id: string, answer: RawMessage): void {
  const fail = (what: string): never => { throw new Error(`${what} of ${id} is wrong: ${answer.startLine} ${JSON.stringify(answer.fields)}`) }
  if (plan.answer.unknown) {
    if (statusOf(answer) !== 404) fail('the refusal')
    return
  }
  if (statusOf(answer) !== plan.answer.status) fail('the status')
  if (valuesOf(answer, 'x-id')[0] !== id) fail('the owner')
  if (valuesOf(answer, 'x-method')[0] !== plan.method) fail('the method')
  if (valuesOf(answer, 'x-fields')[0] !== digest(plan.fields.join('\n'))) fail('the hash of the fields')
  if (valuesOf(answer, 'x-body')[0] !== digest(bodyOf(id, plan.body))) fail('the hash of the body')
  const sentTrailers = plan.framing === 'chunked' && plan.minor === 1 ? `X-Trailer: ${id}` : ''
  if (valuesOf(answer, 'x-sent-trailers')[0] !== sentTrailers) fail('the trailers of the request')
  const bodiless = plan.method === 'HEAD' || plan.answer.status === 204 || plan.answer.status === 304
  if (!answer.body.equals(bodiless ? Buffer.alloc(0) : bodyOf(`answer ${id}`, plan.answer.body))) fail('the body')
  const trailers = plan.answer.trailer && plan.answer.framing === 'chunked' && !bodiless && plan.minor === 1 ? `X-Answer-Trailer: ${id}\r\n` : ''
  if (answer.trailers !== trailers) fail('the trailers')
}

t.test('every answer belongs to its request, whatever is said and however it is cut', async t => {
  const deadlineMs = performance.now() + TIME_LIMIT_MS
  let runs = 0
  await fc.assert(fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 6 }), async conversations => {
    if (runs >= FEWEST_RUNS && performance.now() > deadlineMs) return
    runs++
    const bench = await ProxyBench.start()
    try {
      const origin = await bench.extraOrigin((request, connection) => { void answerAsPlanned(request, connection) })
      bench.route([{ match: { path: '/known' }, weights: { v1: 1 } }])
      bench.endpoints('v1', [origin.port])
      await Promise.all(conversations.map(async (turns, index) => { await hold(bench, await bench.client(), `c${index}`, turns) }))
      if (origin.faults.length > 0) throw new Error(`the origin could not read: ${origin.faults.join('; ')}`)
    } finally {
      await bench.close(t)
    }
  }), { numRuns: RUNS, includeErrorInReport: true })
  t.comment(`${runs} runs`)
  t.ok(runs >= FEWEST_RUNS, 'enough of them to mean something')
})
