/**
 * Asks other replicas: over plain HTTP on connections that are kept, with a proof of each request and of each answer. Whoever is at an
 * address may be slow, huge, or no replica at all; each has connections and times of its own, so none keeps another one waiting.
 * Loading this file loads undici.
 */
import { randomBytes, type KeyObject } from 'node:crypto'
import { Pool, type Dispatcher } from 'undici'
import { within } from '../core/abortable.ts'
import type { Clock } from '../core/clock.ts'
import { endpointKey, type Endpoint } from '../core/endpoint.ts'
import { errorCode, errorText } from '../core/error-text.ts'
import { readBounded } from '../core/read-bounded.ts'
import { parseJson } from '../core/untrusted.ts'
import { isLocalShortage } from '../net/open-files.ts'
import { readReplicaAnswer, type ReplicaAnswer } from './replica-facts.ts'
import { ANSWER_PROOF_FIELD, answerProof, formatProof, parseChallenge, requestProof, sameProof } from './replica-proof.ts'
import type { ReplicaSecret } from './replica-secret.ts'

/** Where a replica is said to be. */
export type PeerPlace = Pick<Endpoint, 'address' | 'port'>

/**
 * Why there is no answer that can be believed:
 * - `absent`: nothing listens there
 * - `silent`: no answer in time
 * - `unproven`: it refuses this replica's proof, or has none of its own
 * - `odd`: what it answers is not what a replica answers
 * - `own`: the fault is on this side
 */
export interface PeerFault {
  readonly kind: 'absent' | 'silent' | 'unproven' | 'odd' | 'own'
  /** For people. */
  readonly reason: string
}

type PeerReply = { readonly ok: true, readonly answer: ReplicaAnswer } | { readonly ok: false, readonly fault: PeerFault }

export interface PeerQuestion {
  /** The query of GET /v1/replica. */
  readonly query: Readonly<Record<string, string>>
  /** For all of it, connecting included. */
  readonly timeoutMs: number
  /** `look` is answered at once, `wait` when something has happened: they don't share connections. */
  readonly kind: 'look' | 'wait'
  readonly signal?: AbortSignal
}

interface PeerClientDeps {
  readonly secret: ReplicaSecret
  readonly clock: Clock
}

/** The connections to one address. */
interface Lines {
  readonly look: Pool
  readonly wait: Pool
  /** What it has asked for last. */
  challenge: string
}

/** A wait that hangs, of a route whose worker is stuck there, takes one for up to 30 s. The admin API has 64 for an address. */
const CONNECTIONS = { look: 2, wait: 32 } as const
const CONNECT_MS = 2_000
const KEEP_ALIVE_MS = 30_000
const MAX_HEAD_BYTES = 8_192
/** More than the routes take that a ConfigMap has place for. */
export const MAX_PEER_ANSWER_BYTES = 524_288
/** A peer asks for a proof by another challenge once a minute, and once more when that comes in between. */
const MAX_TRIES = 3
/** Before the first answer. No replica gives it, so it is answered with the one to use. */
const NO_CHALLENGE = 'no-challenge-yet'
const NONCE_BYTES = 18

export class PeerClient {
  readonly #deps: PeerClientDeps
  readonly #lines = new Map<string, Lines>()
  #closed = false

  constructor (deps: PeerClientDeps) {
    this.#deps = deps
  }

  /** Asks a replica. Never rejects, and never takes longer than it may. */
  async ask (place: PeerPlace, question: PeerQuestion): Promise<PeerReply> {
    const keys = await this.#deps.secret.keys()
    if (keys === undefined) return failed('own', `the secret of this replica can't be used: ${this.#deps.secret.fault}`)
    if (this.#closed) return failed('own', 'this replica stops')
    // undici sees to an abort only once there is a connection.
    const reply = await within(this.#deps.clock, question, over => this.#askWith(keys, place, question, over))
    if (reply === 'late') return failed('silent', `it gave no answer within ${Math.round(question.timeoutMs)} ms`)
    return reply === 'gone' ? failed('own', 'it is not waited for any more') : reply
  }

  /** Closes the connections to an address, as `endpointKey` writes it. */
  forget (key: string): void {
    const lines = this.#lines.get(key)
    this.#lines.delete(key)
    if (lines !== undefined) void closeLines(lines)
  }

  async close (): Promise<void> {
    this.#closed = true
    const all = [...this.#lines.values()]
    this.#lines.clear()
    await Promise.all(all.map(closeLines))
  }

  /** With the first key; with the others only if that one is refused, as between the two halves of a rotation. */
  async #askWith (keys: readonly KeyObject[], place: PeerPlace, question: PeerQuestion, signal: AbortSignal): Promise<PeerReply> {
    let reply = failed('unproven', '')
    for (const key of keys) {
      reply = await this.#askWithKey(key, place, question, signal)
      if (reply.ok || reply.fault.kind !== 'unproven' || signal.aborted) break
    }
    return reply
  }

  async #askWithKey (key: KeyObject, place: PeerPlace, { query, kind }: PeerQuestion, signal: AbortSignal): Promise<PeerReply> {
    const lines = this.#linesTo(place)
    const asking = { method: 'GET', target: `/v1/replica?${new URLSearchParams(query).toString()}`, to: endpointKey(place) }
    let reply: PeerReply | 'again' = 'again'
    for (let tries = 0; tries < MAX_TRIES && reply === 'again' && !signal.aborted; tries++) {
      const sent = { challenge: lines.challenge, nonce: randomBytes(NONCE_BYTES).toString('base64url') }
      const proof = requestProof(key, { ...asking, ...sent })
      try {
        const response = await lines[kind].request({
          method: 'GET', path: asking.target, signal, headers: { host: asking.to, authorization: formatProof({ ...sent, proof }) }
        })
        reply = await this.#read(response, lines, (status, body) => answerProof(key, proof, { status, body }))
      } catch (error) {
        // A connection that was kept may end in the moment in which it is used.
        if (isEndOfKept(error) && tries === 0) continue
        return faultOf(error)
      }
    }
    return reply === 'again' ? failed('unproven', 'it asks for one proof after the other') : reply
  }

  /** @param prove the proof that an answer has to have */
  async #read (
    { statusCode: status, headers, body: stream }: Dispatcher.ResponseData, lines: Lines, prove: (status: number, body: string) => string
  ): Promise<PeerReply | 'again'> {
    const body = (await readBounded(stream, MAX_PEER_ANSWER_BYTES))?.toString('utf8')
    if (body === undefined) return failed('odd', `its answer is longer than ${MAX_PEER_ANSWER_BYTES} bytes`)
    if (status === 401) {
      const asked = parseChallenge(textOf(headers['www-authenticate']))
      if (asked === undefined) {
        return failed('odd', 'it answers 401 and asks for no proof: an older Weir, one without `replicas.service`, or something else')
      }
      lines.challenge = asked.challenge
      return asked.error === 'stale' || asked.error === 'none' ? 'again' : failed('unproven', REFUSALS[asked.error])
    }
    if (status === 404) return failed('odd', 'it answers 404: an older Weir, or one without `replicas.service`')
    if (status !== 200) return failed('odd', `it answers ${status}`)
    if (!sameProof(textOf(headers[ANSWER_PROOF_FIELD]) ?? '', prove(status, body))) {
      return failed('unproven', 'its answer was not made with the secret of this replica: it is no replica of this Weir')
    }
    const answer = readReplicaAnswer(parseJson(body))
    return answer === undefined ? failed('odd', 'its answer can\'t be read: it is of another version of Weir') : { ok: true, answer }
  }

  #linesTo (place: PeerPlace): Lines {
    const key = endpointKey(place)
    const known = this.#lines.get(key)
    if (known !== undefined) return known
    const open = (connections: number): Pool => new Pool(`http://${key}`, {
      connections,
      pipelining: 1,
      connect: { timeout: CONNECT_MS },
      // The whole has a deadline.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEAD_BYTES
    })
    const lines = { look: open(CONNECTIONS.look), wait: open(CONNECTIONS.wait), challenge: NO_CHALLENGE }
    this.#lines.set(key, lines)
    return lines
  }
}

const REFUSALS = {
  secret: 'it refuses the proof of this replica: its secret is another one',
  elsewhere: 'it refuses the proof of this replica: the address in the EndpointSlice is not the one that it is reached at',
  replayed: 'it has seen the proof of this replica before'
} as const

function failed (kind: PeerFault['kind'], reason: string): PeerReply {
  return { ok: false, fault: { kind, reason } }
}

async function closeLines ({ look, wait }: Lines): Promise<void> {
  await Promise.all([look.destroy(), wait.destroy()])
}

function textOf (field: string | string[] | undefined): string | undefined {
  return typeof field === 'string' ? field : undefined
}

function isEndOfKept (error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')
}

function faultOf (error: unknown): PeerReply {
  const code = errorCode(error)
  if (code === 'ECONNREFUSED') return failed('absent', 'nothing listens there')
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return failed('silent', `no connection within ${CONNECT_MS} ms`)
  if (isLocalShortage(code)) return failed('own', `this replica can't open a connection: ${code}`)
  const isMalformed = error instanceof Error && error.name === 'HTTPParserError'
  if (isMalformed || code === 'UND_ERR_HEADERS_OVERFLOW') return failed('odd', 'what it answers is not HTTP')
  return failed('silent', errorText(error))
}
