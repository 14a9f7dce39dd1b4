/**
 * Certificates of listeners and of their clients. test/fixtures/tls/make-listener.sh says what each is.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TlsCertificate, TlsMaterial } from '../../src/contract/listener-spec.ts'

export type ListenerCertificateName = 'default' | 'renewed' | 'exact' | 'wildcard' | 'rsa' | 'nameless' | 'expired' | 'chained'
export type ClientCertificateName = 'ops' | 'odd' | 'expired' | 'stranger'

/** The path of a file of the fixtures. */
export function tlsFile (name: string): string {
  return fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url))
}

/** The content of a file of the fixtures. */
export function tlsPem (name: string): string {
  return readFileSync(tlsFile(name), 'utf8')
}

/** The file of the key of a listener's certificate. */
function keyNameOf (name: ListenerCertificateName): string {
  return name === 'renewed' || name === 'rsa' ? `listener-${name}-key` : 'listener-key'
}

/** A certificate as the control plane sends it. */
export function listenerCertificate (name: ListenerCertificateName, ...names: readonly string[]): TlsCertificate {
  return { cert: tlsPem(`listener-${name}`), key: tlsPem(keyNameOf(name)), names }
}

/** The certificate `default` and nothing special, but for these. */
export function tlsMaterial (changes: Partial<TlsMaterial> = {}): TlsMaterial {
  return { certificates: [listenerCertificate('default', 'default.test')], minVersion: '1.2', clientCertificates: undefined, ...changes }
}

/** A client's certificate as node:tls takes it. */
export function clientCertificate (name: ClientCertificateName): { readonly cert: string, readonly key: string } {
  return { cert: tlsPem(`client-${name}`), key: tlsPem('client-key') }
}
