/**
 * Certificates of a TLS connection: the listener's own, chosen by name, and the subject of the client's.
 */
import type { TlsCertificate } from '../contract/listener-spec.ts'
import type { X509Certificate } from 'node:crypto'

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

const PLAIN = /^[\x20-\x7e]*$/
/** Origins have limits for a field too. */
const MAX_SUBJECT_LENGTH = 4_096

/**
 * The subject of a certificate as one line of RFC 4514: the most specific part first, as `CN=ops,OU=Edge,O=Acme\, Inc.`.
 *
 * Node gives one line for each part, the least specific first, its special characters escaped as RFC 4514 asks and control
 * characters as `\0A`. What is not ASCII, and a space at either end of a value, are escaped here byte by byte. So the result
 * is always a valid field value, it loses nothing on its way, and two different subjects never give the same one.
 * @returns empty for a certificate that names its owner elsewhere; undefined when there are more than MAX_SUBJECT_LENGTH characters
 */
export function certificateSubject (certificate: Pick<X509Certificate, 'subject'>): string | undefined {
  // Of an empty subject Node says nothing. One that is no valid text makes the certificate unreadable as a whole.
  const subject: string | undefined = certificate.subject
  if (subject === undefined || subject === '') return ''
  const line = subject.split('\n').reverse().map(part => escapeBytes(joinMultiple(part))).join(',')
  return line.length <= MAX_SUBJECT_LENGTH ? line : undefined
}

/** Node puts spaces around the sign between the attributes of a part with several. In a value the sign would be escaped. */
function joinMultiple (part: string): string {
  return part.replaceAll(/\\.| \+ /g, found => found === ' + ' ? '+' : found === '\\ ' ? '\\20' : found)
}

function escapeBytes (text: string): string {
  if (PLAIN.test(text)) return text
  let escaped = ''
  for (const character of text) escaped += PLAIN.test(character) ? character : escapeCharacter(character)
  return escaped
}

function escapeCharacter (character: string): string {
  return Buffer.from(character).toString('hex').toUpperCase().replaceAll(/../g, '\\$&')
}
