/**
 * The asked side of a proof: who may ask this replica, and how its answers are signed.
 */
import { randomBytes, type KeyObject } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { EventLog } from '../core/logger.ts'
import {
  answerProof, formatChallenge, parseProof, requestProof, sameProof, type ProofRefusal, type ProvenRequest
} from './replica-proof.ts'
import type { ReplicaSecret } from './replica-secret.ts'

/** A request as it has come. */
export interface PeerRequest extends Pick<ProvenRequest, 'method' | 'target' | 'to'> {
  /** The field Authorization. */
  readonly authorization: string | undefined
  /** Where the connection has come in, as `endpointKey` writes it. */
  readonly local: string
  /** The address at the other end. */
  readonly peer: string
}

/** Makes the proof of an answer. */
export type SignAnswer = (status: number, body: string) => string

export type PeerAdmission =
  | { readonly ok: true, readonly sign: SignAnswer }
  | {
    readonly ok: false
    readonly refusal: ProofRefusal
    /** The field WWW-Authenticate. */
    readonly challenge: string
  }

interface Challenge {
  readonly text: string
  readonly sinceMs: number
  /** Of the requests that were answered for it. */
  readonly nonces: Set<string>
}

interface ProofGateDeps {
  readonly secret: ReplicaSecret
  readonly clock: Clock
  readonly log: EventLog
}

/** A challenge is new after this time, or after so many requests. The one before it is still good. */
const CHALLENGE_MS = 60_000
const MAX_NONCES = 4_096
const CHALLENGE_BYTES = 18

export class ProofGate {
  readonly #deps: ProofGateDeps
  #current: Challenge
  #previous: Challenge | undefined

  constructor (deps: ProofGateDeps) {
    this.#deps = deps
    this.#current = this.#create()
  }

  /** Is this somebody who knows the secret, asks this replica, and has not asked just that before? */
  async admit (request: PeerRequest): Promise<PeerAdmission> {
    const keys = await this.#deps.secret.keys()
    this.#renew()
    const sent = parseProof(request.authorization)
    if (sent === undefined) return this.#refuse('none')
    const challenge = [this.#current, this.#previous].find(known => known?.text === sent.challenge)
    if (challenge === undefined) return this.#refuse('stale')
    const { method, target, to } = request
    const proven = { method, target, to, challenge: sent.challenge, nonce: sent.nonce }
    const key = keyOf(keys ?? [], proven, sent.proof)
    if (key === undefined) {
      this.#deps.log.warn('a request of a replica is refused: it was not made with the secret of this one', { endpoint: request.peer })
      return this.#refuse('secret')
    }
    if (request.to !== request.local) {
      this.#deps.log.warn('a request of a replica is refused: it was meant for another address, and somebody has passed it on', {
        endpoint: request.peer, meantFor: request.to
      })
      return this.#refuse('elsewhere')
    }
    if (challenge.nonces.has(sent.nonce)) return this.#refuse('replayed')
    challenge.nonces.add(sent.nonce)
    return { ok: true, sign: (status, body) => answerProof(key, sent.proof, { status, body }) }
  }

  #refuse (refusal: ProofRefusal): PeerAdmission {
    return { ok: false, refusal, challenge: formatChallenge(this.#current.text, refusal) }
  }

  /** Only requests that are proven use a challenge up, so nobody else can make it change. */
  #renew (): void {
    const { sinceMs, nonces } = this.#current
    if (this.#deps.clock.nowMs() - sinceMs < CHALLENGE_MS && nonces.size < MAX_NONCES) return
    this.#previous = this.#current
    this.#current = this.#create()
  }

  #create (): Challenge {
    return { text: randomBytes(CHALLENGE_BYTES).toString('base64url'), sinceMs: this.#deps.clock.nowMs(), nonces: new Set() }
  }
}

/** Which key has made the proof. It takes as long for each of them, and for none. */
function keyOf (keys: readonly KeyObject[], request: ProvenRequest, proof: string): KeyObject | undefined {
  let found: KeyObject | undefined
  for (const key of keys) {
    const equal = sameProof(requestProof(key, request), proof)
    found = equal && found === undefined ? key : found
  }
  return found
}
