/**
 * How two replicas prove to each other that they know their secret, without sending it: HMAC-SHA-256 (RFC 2104) over what is asked, and
 * over what is answered. The fields have the form of HTTP authentication (RFC 9110 section 11), with a scheme of Weir's own.
 *
 * The asked one gives a challenge, so that nothing that was heard before is of use; the asking one adds a nonce, so that no two requests
 * are the same. The request names the address that it is meant for: who gets it at another address can't pass it on. The answer is bound
 * to the request, and has a proof of its own: nobody without the secret can give one.
 */
import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'

/** What a request proves. */
export interface ProvenRequest {
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  /** The address and port that are asked, as `endpointKey` writes them: the field Host. */
  readonly to: string
  /** What the asked one wants to see. */
  readonly challenge: string
  /** Different for each request. */
  readonly nonce: string
}

/** What an asking replica sends in the field Authorization. */
interface SentProof extends Pick<ProvenRequest, 'challenge' | 'nonce'> {
  readonly proof: string
}

/**
 * Why a request is refused: no proof, one for a challenge that is over, one by another secret, one that was used already, or one that
 * is meant for another address.
 */
export type ProofRefusal = 'none' | 'stale' | 'secret' | 'replayed' | 'elsewhere'

const SCHEME = 'Weir-Replica'
/** The field of an answer that carries its proof. */
export const ANSWER_PROOF_FIELD = 'weir-replica-proof'
/** Of challenges, nonces and proofs: base64url. */
const TOKEN = '[A-Za-z0-9_-]{16,64}'
const SENT = new RegExp(`^${SCHEME} challenge="(${TOKEN})", nonce="(${TOKEN})", proof="(${TOKEN})"$`)
const CHALLENGE = new RegExp(`^${SCHEME} challenge="(${TOKEN})", error="(none|stale|secret|replayed|elsewhere)"$`)

/** The proof of a request. */
export function requestProof (key: KeyObject, { method, target, to, challenge, nonce }: ProvenRequest): string {
  // JSON keeps the parts apart, whatever is in them.
  return macOf(key, JSON.stringify(['weir-replica/1 request', method, target, to, challenge, nonce]))
}

/** What an answer proves. */
export interface ProvenAnswer {
  readonly status: number
  readonly body: string
}

/** The proof of an answer. @param request the proof of the request that is answered */
export function answerProof (key: KeyObject, request: string, { status, body }: ProvenAnswer): string {
  return macOf(key, JSON.stringify(['weir-replica/1 answer', request, status, body]))
}

function macOf (key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

/** Compares two proofs in a time that does not tell how much of them is equal. */
export function sameProof (left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left, 'latin1'), Buffer.from(right, 'latin1')]
  return one.length === other.length && timingSafeEqual(one, other)
}

/** The field Authorization of a request. */
export function formatProof ({ challenge, nonce, proof }: SentProof): string {
  return `${SCHEME} challenge="${challenge}", nonce="${nonce}", proof="${proof}"`
}

/** Undefined for any other text. */
export function parseProof (text: string | undefined): SentProof | undefined {
  const [, challenge, nonce, proof] = SENT.exec(text ?? '') ?? []
  return challenge === undefined || nonce === undefined || proof === undefined ? undefined : { challenge, nonce, proof }
}

/** The field WWW-Authenticate of a refusal. */
export function formatChallenge (challenge: string, error: ProofRefusal): string {
  return `${SCHEME} challenge="${challenge}", error="${error}"`
}

/** Undefined for any other text. */
export function parseChallenge (text: string | undefined): { readonly challenge: string, readonly error: ProofRefusal } | undefined {
  const [, challenge, error] = CHALLENGE.exec(text ?? '') ?? []
  if (challenge === undefined || error === undefined) return undefined
  return { challenge, error: error as ProofRefusal } // one of the pattern's words
}
