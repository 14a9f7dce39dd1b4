/**
 * What must be true of every conversation, whatever is said in it, as a strict reader of the bytes sees it.
 */
import { readStrictRequests, readStrictResponse, strictTokens, strictValues } from '../helpers/strict-reader.ts'
import type { StrictField, StrictMessage, StrictReading } from '../helpers/strict-reader.ts'
import type { ClientRecord } from './conversation-client.ts'
import type { ConversationRecord } from './conversation-lane.ts'
import { finalResponse, type AttemptRecord } from './conversation-origin.ts'

/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

const HEAD_METHOD = 'HEAD '

/** A request of a client, with everything that belongs to it. */
interface Question {
  readonly request: StrictReading
  /** The requests at the origin that it led to. */
  readonly attempts: AttemptRecord[]
  readonly interims: StrictMessage[]
  /** The final response. */
  answer: StrictReading | undefined
}

class Violation extends Error {}

function violated (what: string, subject: unknown): never {
  throw new Violation(`${what}: ${JSON.stringify(subject)}`)
}

/**
 * What is wrong with a conversation, or undefined. In the words of RFC 9112: the origin sees no other requests than the
 * clients sent, and the clients no other responses than the origin sent them.
 */
export function judge (record: ConversationRecord): string | undefined {
  if (record.violations.length > 0) return record.violations.join('\n')
  try {
    const questions = new Map(record.clients.map(client => [client.address, readStrictRequests(client.written).map(newQuestion)]))
    for (const client of record.clients) readAnswers(client, questions.get(client.address) ?? [])
    assignAttempts(record.attempts, questions)
    for (const attempt of record.attempts) checkHopByHop(attempt, record.plan.upgrades)
    for (const client of record.clients) {
      const asked = questions.get(client.address) ?? []
      for (const question of asked) {
        checkAttempts(question)
        checkAnswer(question)
        checkTunnel(question, client, record.plan.upgrades)
      }
      if (record.plan.clean) checkAllAnswered(asked)
    }
    return undefined
  } catch (error) {
    if (error instanceof Violation) return error.message
    throw error
  }
}

function newQuestion (request: StrictReading): Question {
  return { request, attempts: [], interims: [], answer: undefined }
}

/** Reads what a client got, as answers to its requests in order. */
function readAnswers (client: ClientRecord, questions: Question[]): void {
  const { received } = client
  let at = 0
  let open = true
  for (const [index, question] of questions.entries()) {
    while (open && at < received.length && question.answer === undefined) {
      const reading = readAnswer(client, at, { request: question.request, start: questions[index - 1]?.request.end ?? 0 })
      const { message } = reading
      if (reading.state === 'invalid') violated(`the client got a malformed response, ${reading.fault}`, received.toString('latin1', at))
      if (message === undefined) return
      if (!message.startLine.startsWith('HTTP/1.1 ')) violated('the client got the version of somebody else', message.startLine)
      if (message.status === 101) {
        // From here on it is a tunnel: what follows is no request, whatever it looks like.
        question.answer = reading
        questions.length = index + 1
        return
      }
      if (message.status < 200) question.interims.push(message)
      else question.answer = reading
      open = reading.state === 'complete' && (message.keepsAlive || message.status < 200)
      at = reading.end
    }
  }
  if (at < received.length) violated('the client got bytes that answer no question', received.toString('latin1', at))
}

/** Reads the response at `at` to the request whose bytes begin at `start`. */
function readAnswer ({ received, written, cuts, ended }: ClientRecord, at: number, { request, start }: { readonly request: StrictReading, readonly start: number }): StrictReading {
  const method = request.message?.method ?? ''
  const reading = readStrictResponse(received, at, method, ended === 'fin')
  if (method !== 'HEAD' || reading.message?.status !== 408 || reading.end === received.length) return reading
  // Of a request that is cut in its method Weir may have had no more in time: nobody knows from HEA that the answer has no content.
  const begin = written.indexOf(HEAD_METHOD, start, 'latin1')
  const mayBeUnknown = cuts.some(cut => cut > begin && cut < begin + HEAD_METHOD.length)
  return mayBeUnknown ? readStrictResponse(received, at, '', ended === 'fin') : reading
}

/** Finds the question of each request that came to the origin. */
function assignAttempts (attempts: readonly AttemptRecord[], questions: ReadonlyMap<string, readonly Question[]>): void {
  const latest = new Map<string, number>()
  // What was lost on its way comes last: nothing is known of when it was sent.
  for (const attempt of [...attempts.filter(({ lost }) => !lost), ...attempts.filter(({ lost }) => lost)]) {
    const { message } = attempt.reading
    // A part of a head is no request for anybody.
    if (message === undefined) continue
    const owner = strictValues(message.fields, 'x-forwarded-for').join()
    const asked = questions.get(owner)
    if (asked === undefined) return violated('the origin got a request from nobody', message.fields)
    if (attempt.lost && asked.some(question => mayHaveLost(question, attempt))) continue
    const before = latest.get(owner) ?? -1
    const repeated = asked[before]
    const index = asked.findIndex(({ request }, index) => index > before && corresponds(attempt, request))
    const isNext = index >= 0 && repeated !== undefined && wasMalformed(repeated)
    if (repeated !== undefined && !isNext && corresponds(attempt, repeated.request) && mayBeRepeated(repeated)) {
      repeated.attempts.push(attempt)
      continue
    }
    const question = asked[index] ?? asked.find((question, index) => index < before && wasGivenUp(question, attempt))
    if (question === undefined) {
      return violated(`the origin got a request that ${owner} did not send then`, { request: attempt.received.toString('latin1'), sent: asked.map(({ request }) => brief(request)) })
    }
    question.attempts.push(attempt)
    latest.set(owner, Math.max(before, index))
  }
}

function brief ({ state, fault, message }: StrictReading): unknown {
  return { state, fault, head: message?.startLine, framing: message?.framing, body: message?.body.toString('latin1') }
}

/** Was this an attempt at it that failed, before the one that did not? */
function mayHaveLost ({ request, attempts }: Question, attempt: AttemptRecord): boolean {
  return corresponds(attempt, request) && (attempts.length === 0 || IDEMPOTENT.has(request.message?.method ?? ''))
}

/** RFC 9112 section 9.3.1: again only if nothing of an answer came (a reset takes away what did), and nothing can have happened twice. */
function mayBeRepeated ({ request, attempts, answer }: Question): boolean {
  const method = request.message?.method ?? ''
  return IDEMPOTENT.has(method) && attempts.every(({ sent, ended }) =>
    sent.length === 0 || (ended === 'reset' && !isAnswerOf(answer, finalResponse(sent, method, false).final)))
}

/** Is its answer that the origin talked nonsense, which it has? Then what looks like another attempt is the same request, asked again. */
function wasMalformed ({ attempts, answer }: Question): boolean {
  return attempts.some(({ sent }) => sent.length > 0) && answer?.message?.body.includes('"code":"upstream_malformed"') === true
}

/**
 * Had Weir sent it in time, and told the client that there is no answer before the origin read it? What waits in the kernel while
 * the origin does not read, or has no turn, comes behind what Weir sent afterwards on another connection. After any other answer
 * it can't: that came from the origin, which had read the request.
 */
function wasGivenUp (question: Question, attempt: AttemptRecord): boolean {
  const { request, attempts, answer } = question
  if (answer?.message?.status !== 504 || !isWeirs(answer.message, request)) return false
  return corresponds(attempt, request) && (attempts.length === 0 || mayBeRepeated(question))
}

function isAnswerOf (answer: StrictReading | undefined, final: StrictReading): boolean {
  return answer?.message !== undefined && isPassedOn(answer, answer.message, final)
}

/** Is what the origin got, or the part of it that came, this request of the client? */
function corresponds ({ reading }: AttemptRecord, request: StrictReading): boolean {
  const got = reading.message
  const sent = request.message
  if (got === undefined || sent === undefined) return false
  if (got.method !== sent.method || got.target !== originForm(sent) || got.minor !== 1) return false
  if (strictValues(got.fields, 'host').join() !== authority(sent) && authority(sent) !== '') return false
  if (!sameFields(got.fields, sent.fields)) return false
  if (framingClass(got) !== framingClass(sent)) return false
  if (reading.state !== 'complete') return startsWith(sent.body, got.body)
  return request.state === 'complete' && got.body.equals(sent.body) && isSubsequence(got.trailers, sent.trailers)
}

function framingClass ({ framing, fields }: StrictMessage): string {
  return framing === 'length' ? `length ${Number(strictValues(fields, 'content-length')[0])}`.replace(/^length 0$/, 'none') : framing
}

/** RFC 9112 section 3.2: what an origin gets for a target in absolute form. */
function originForm ({ method, target }: StrictMessage): string {
  const rest = /^https?:\/\/[^/?]*(.*)$/i.exec(target)?.[1]
  if (rest === undefined) return target
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** RFC 9112 section 3.2.2. */
function authority ({ target, fields }: StrictMessage): string {
  return /^https?:\/\/([^/?]*)/i.exec(target)?.[1] ?? strictValues(fields, 'host').join()
}

/** The fields that nobody between the ends has to do with. Weir has names of its own, and drops what CGI takes for one of them. */
function endToEnd (fields: readonly StrictField[]): readonly StrictField[] {
  const nominated = new Set(strictTokens(fields, 'connection'))
  return fields.filter(([name]) => {
    const lower = name.toLowerCase().replaceAll('_', '-')
    return lower.startsWith('x') && !/^x-(forwarded-|request-id$|weir-|client-cert-)/.test(lower) && !nominated.has(name.toLowerCase())
  })
}

function sameFields (left: readonly StrictField[], right: readonly StrictField[]): boolean {
  return JSON.stringify(endToEnd(left)) === JSON.stringify(endToEnd(right))
}

function isSubsequence (part: readonly StrictField[], whole: readonly StrictField[]): boolean {
  let at = 0
  for (const field of part) {
    const found = whole.findIndex((other, index) => index >= at && other[0] === field[0] && other[1] === field[1])
    if (found < 0) return false
    at = found + 1
  }
  return true
}

/** RFC 9110 section 7.6.1: what is between two neighbours only stays there, unless Weir says it itself. */
function checkHopByHop ({ reading }: AttemptRecord, upgrades: boolean): void {
  const fields = reading.message?.fields ?? []
  const options = strictTokens(fields, 'connection').filter(option => option !== 'te' && !(upgrades && option === 'upgrade'))
  const others = fields.filter(([name]) => /^(keep-alive|proxy-connection|http2-settings)$/i.test(name) || (!upgrades && /^upgrade$/i.test(name)))
  if (options.length > 0 || others.length > 0) violated('the origin got what was meant for Weir', fields)
}

/** Behind a 101 both sides get each other's bytes as they are, as far as they come. */
function checkTunnel ({ request, attempts, answer }: Question, { received, written }: ClientRecord, upgrades: boolean): void {
  if (answer?.message?.status !== 101) return
  const asked = strictTokens(request.message?.fields ?? [], 'connection').includes('upgrade') && request.message?.minor === 1
  const attempt = attempts.at(-1)
  if (!upgrades || !asked || attempt === undefined) return violated('the client got a 101 that it did not ask for', brief(request))
  const { final } = finalResponse(attempt.sent, request.message?.method ?? '', false)
  const up = attempt.received.subarray(attempt.reading.end)
  const down = received.subarray(answer.end)
  if (!startsWith(written.subarray(request.end), up)) violated('the tunnel has changed what goes to the origin', up.toString('latin1'))
  if (!startsWith(attempt.sent.subarray(final.end), down)) violated('the tunnel has changed what goes to the client', down.toString('latin1'))
}

function startsWith (whole: Buffer, part: Buffer): boolean {
  return whole.subarray(0, part.length).equals(part)
}

function checkAttempts ({ request, attempts }: Question): void {
  for (const { reading } of attempts) {
    const lengths = strictValues(reading.message?.fields ?? [], 'content-length')
    if (lengths[0] !== undefined && lengths[0] !== String(Number(lengths[0]))) violated('the origin got a length that is not canonical', lengths)
  }
  if (attempts.length > 3) violated('a request was sent too often', { times: attempts.length, request: brief(request) })
}

/** Holds the answer to a question against what the origin sent for it. */
function checkAnswer ({ request, attempts, interims, answer }: Question): void {
  if (interims.length > 0 && request.message?.minor !== 1) violated('a client that does not know of interim responses got one', interims.map(({ startLine }) => startLine))
  const upstream = attempts.map(attempt => finalResponse(attempt.sent, request.message?.method ?? '', attempt.ended === 'fin'))
  const known = upstream.flatMap(({ interims }) => interims)
  let at = 0
  for (const interim of interims) {
    const found = known.findIndex(({ message }, index) => index >= at && message?.status === interim.status && sameFields(message.fields, interim.fields))
    if (found < 0) violated('the client got an interim response that the origin did not send it', interim.startLine)
    at = found + 1
  }
  const message = answer?.message
  if (answer === undefined || message === undefined || isWeirs(message, request)) return
  if (!upstream.some(({ final }) => isAnswerOf(answer, final))) {
    violated('the client got an answer that the origin did not send it', { answer: brief(answer), fields: message.fields, upstream: upstream.map(({ final }) => brief(final)) })
  }
}

/** Is this a response that Weir makes by itself? */
function isWeirs (message: StrictMessage, { message: request }: StrictReading): boolean {
  if (strictValues(message.fields, 'x-serial').length > 0) return false
  if (message.status >= 400) return true
  return message.status === 200 && request?.method === 'OPTIONS' && strictValues(request.fields, 'max-forwards').map(Number).join() === '0'
}

/** Is `got` what the client has to get when the origin sends `sent`? */
function isPassedOn (answer: StrictReading, got: StrictMessage, { state, message: sent }: StrictReading): boolean {
  if (sent === undefined || got.status !== sent.status || !sameFields(got.fields, sent.fields)) return false
  if (answer.state !== 'complete') return startsWith(sent.body, got.body)
  return state === 'complete' && got.body.equals(sent.body) && isSubsequence(got.trailers, sent.trailers)
}

/** Everybody has behaved. */
function checkAllAnswered (questions: readonly Question[]): void {
  for (const { request, answer, attempts } of questions) {
    if (request.state !== 'complete') violated('a request that should be valid is not', brief(request))
    if (answer?.state !== 'complete' || answer.message === undefined || isWeirs(answer.message, request)) {
      return violated('a request without its answer', { request: brief(request), answer: answer === undefined ? 'none' : brief(answer), attempts: attempts.map(({ reading, sent }) => [brief(reading), sent.toString('latin1')]) })
    }
    if (!answer.message.keepsAlive) return
  }
}
