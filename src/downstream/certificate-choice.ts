import type { TlsCertificate } from '../contract/listener-spec.ts'

/**
 * Chooses a certificate by the name that a client asks for (SNI): one that has exactly this name, else one with a wildcard
 * for its first label (RFC 6125 section 6.4.3: it stands for one label, and only as a whole). Among equals the first wins.
 */
export class CertificateChoice {
  readonly #exact = new Map<string, TlsCertificate>()
  /** By what follows the asterisk. */
  readonly #wildcard = new Map<string, TlsCertificate>()

  constructor (certificates: readonly TlsCertificate[]) {
    for (const certificate of certificates) {
      for (const name of certificate.names) {
        if (name.startsWith('*.')) setFirst(this.#wildcard, name.slice(1), certificate)
        else setFirst(this.#exact, name, certificate)
      }
    }
  }

  /** @returns undefined when none has the name */
  choose (serverName: string): TlsCertificate | undefined {
    const name = serverName.toLowerCase()
    const exact = this.#exact.get(name)
    if (exact !== undefined) return exact
    const dot = name.indexOf('.')
    return dot > 0 ? this.#wildcard.get(name.slice(dot)) : undefined
  }
}

function setFirst (map: Map<string, TlsCertificate>, name: string, certificate: TlsCertificate): void {
  if (!map.has(name)) map.set(name, certificate)
}
