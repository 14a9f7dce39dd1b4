/**
 * Certificates of origins, and what a version needs to trust them. test/fixtures/tls/make-upstream.sh says what each is.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TlsOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Authorities, UpstreamTls } from '../../src/contract/route-spec.ts'

export type CertificateName = 'ca' | 'other-ca' | 'intermediate' | 'named' | 'addressed' | 'expired' | 'other' | 'below'

/** The path of a certificate in the fixtures. */
export function certificateFile (name: CertificateName | 'key'): string {
  return fileURLToPath(new URL(`../fixtures/tls/upstream-${name}.pem`, import.meta.url))
}

/** The PEM of a certificate. */
export function certificatePem (name: CertificateName | 'key'): string {
  return readFileSync(certificateFile(name), 'utf8')
}

/** What an origin with this certificate listens with. */
export function originTls (name: CertificateName): TlsOptions {
  return { cert: certificatePem(name), key: certificatePem('key') }
}

/** Authorities as the control plane sends them. */
export function authorities (...names: readonly CertificateName[]): Authorities {
  const pem = names.map(certificatePem).join('')
  return { pem, digest: createHash('sha256').update(pem).digest('hex') }
}

/** A version that trusts the test authority and expects origin.test. */
export const NAMED: UpstreamTls = { ca: authorities('ca'), serverName: 'origin.test', verify: true }
/** A version that trusts the test authority and expects the address of the endpoint. */
export const ADDRESSED: UpstreamTls = { ca: authorities('ca'), verify: true }
