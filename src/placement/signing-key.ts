/**
 * Keys that sign what Weir gives away and takes back, and the signature: HMAC-SHA-256 (RFC 2104) over what it is for and the text.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { SigningKey } from '../contract/placement-spec.ts'

/** What is signed for one purpose is worth nothing for another. */
export type SigningPurpose = 'weir-version' | 'weir-client'

const ID_DIGITS = 8

/** The key of a secret. Its id says nothing about it: it begins a hash. */
export function signingKey (secret: Uint8Array): SigningKey {
  const id = createHash('sha256').update('weir-key\n').update(secret).digest('hex').slice(0, ID_DIGITS)
  return { id, secret }
}

/** @returns base64url, 43 characters */
export function signatureOf ({ secret }: SigningKey, purpose: SigningPurpose, text: string): string {
  return createHmac('sha256', secret).update(`${purpose}\n${text}`, 'latin1').digest('base64url')
}

interface SignedText {
  readonly text: string
  readonly signature: string
}

/** Takes the same time wherever the two differ. */
export function isSignature (key: SigningKey, purpose: SigningPurpose, { text, signature }: SignedText): boolean {
  const right = Buffer.from(signatureOf(key, purpose, text), 'latin1')
  const given = Buffer.from(signature, 'latin1')
  return given.length === right.length && timingSafeEqual(given, right)
}
