import { createHmac } from 'node:crypto'
import type { SecretKeys } from '../core/secret-file.ts'

/**
 * The value of `X-Weir-Signature`: when it was made, and for each key an HMAC-SHA-256 (RFC 2104) of `TIME.BODY`, in hexadecimal.
 * @param seconds since the Unix epoch: who gets an old one is looking at a replay
 */
export function signEvent (keys: SecretKeys, seconds: number, body: string): string {
  const signatures = keys.map(key => `v1=${createHmac('sha256', key).update(`${seconds}.${body}`, 'utf8').digest('hex')}`)
  return [`t=${seconds}`, ...signatures].join(',')
}
