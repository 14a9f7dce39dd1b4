import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a proxy shows to TLS clients. All are paths of PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** The certificate and the key in one file. */
  readonly pair: string
}

/**
 * Makes a self-signed certificate for 127.0.0.1 with an ECDSA P-256 key.
 * @throws Error when openssl is not there or fails
 */
export function createCertificate (dir: string): Certificate {
  const cert = join(dir, 'cert.pem')
  const key = join(dir, 'key.pem')
  const result = spawnSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
    '-subj', '/CN=weir-bench', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert
  ], { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`openssl could not make a certificate: ${result.error?.message ?? result.stderr.slice(-500)}`)
  const pair = join(dir, 'pair.pem')
  writeFileSync(pair, `${readFileSync(cert, 'utf8')}${readFileSync(key, 'utf8')}`, { mode: 0o600 })
  return { cert, key, pair }
}
