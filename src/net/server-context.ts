import type { SecureContextOptions } from 'node:tls'
import type { TlsCertificate } from '../contract/listener-spec.ts'

/**
 * The ciphers of Mozilla's "intermediate" recommendation (https://wiki.mozilla.org/Security/Server_Side_TLS) without finite
 * field Diffie-Hellman: all have forward secrecy and authenticated encryption. So whatever the client likes best is good.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'
].join(':')

/** How a listener speaks TLS with a certificate. The control plane tries it with every new one before workers get it. */
export function serverContextOptions (
  { cert, key }: Pick<TlsCertificate, 'cert' | 'key'>, minVersion: '1.2' | '1.3'
): SecureContextOptions {
  return { cert, key, minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: false }
}
