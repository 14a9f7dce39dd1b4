/**
 * The certificates of one listener: made of its files, each pair as it was when a file goes bad. Loading this file loads
 * node:tls, so it is loaded only where a listener speaks TLS.
 */
import { errorText } from '../core/error-text.ts'
import tls from 'node:tls'
import { formatPath } from '../config/finding.ts'
import type { ListenerTlsConfig } from '../config/schema.ts'
import { serverContextOptions } from '../net/server-context.ts'
import type { TlsMaterial } from '../contract/listener-spec.ts'
import { parseAuthorities, parseKeyPair, type KeyPair, type KeyPairFault } from './parse-pem.ts'
import type { FileContent } from './watched-files.ts'

/** What is wrong with a file, or odd about it. */
interface FileFinding {
  /** The option that names the file. */
  readonly path: string
  readonly file: string
  /** A phrase that goes on from the name of the file. */
  readonly message: string
}

/** What came of reading files. */
export interface Reading {
  /** Files whose content is used from now on, and was not before. */
  readonly taken: readonly string[]
  readonly faults: readonly FileFinding[]
  readonly warnings: readonly FileFinding[]
}

/** Gives the content of a file that `files` names. */
export type ContentOf = (file: string) => FileContent

interface MutableReading {
  readonly taken: string[]
  readonly faults: FileFinding[]
  readonly warnings: FileFinding[]
}

export class ListenerCertificates {
  readonly name: string
  readonly #config: ListenerTlsConfig
  /** Its place in the configuration, from 0. */
  readonly #index: number
  readonly #wallMs: () => number
  /** The last good ones, in the order of the configuration. */
  readonly #pairs: Array<KeyPair | undefined>
  #clientCa: string | undefined

  constructor (listener: { readonly name: string, readonly tls: ListenerTlsConfig }, index: number, wallMs: () => number) {
    this.name = listener.name
    this.#config = listener.tls
    this.#index = index
    this.#wallMs = wallMs
    this.#pairs = listener.tls.certificates.map(() => undefined)
  }

  /** Every file that the listener names. */
  get files (): readonly string[] {
    const { certificates, clientCertificates } = this.#config
    return [...certificates.flatMap(({ cert, key }) => [cert, key]), ...clientCertificates === undefined ? [] : [clientCertificates.ca]]
  }

  /** Reads what depends on these files. What has no fault is used from now on. */
  read (files: ReadonlySet<string>, contentOf: ContentOf): Reading {
    const reading: MutableReading = { taken: [], faults: [], warnings: [] }
    const { certificates, clientCertificates } = this.#config
    for (const [place, { cert, key }] of certificates.entries()) {
      if (files.has(cert) || files.has(key)) this.#readPair(place, parseKeyPair(contentOf(cert), contentOf(key)), reading)
    }
    if (clientCertificates !== undefined && files.has(clientCertificates.ca)) {
      this.#readAuthorities(clientCertificates.ca, contentOf, reading)
    }
    return reading
  }

  #readPair (place: number, pair: KeyPair | KeyPairFault, reading: MutableReading): void {
    const fault = 'fault' in pair ? pair : this.#faultInUse(place, pair)
    if (fault !== undefined) {
      reading.faults.push(this.#finding(place, fault.of, fault.fault))
    } else if (!('fault' in pair)) {
      const before = this.#pairs[place]
      this.#pairs[place] = pair
      if (before?.cert === pair.cert && before.key === pair.key) return
      reading.taken.push(this.#fileAt(place, 'cert'))
      reading.warnings.push(...this.#oddities(place, pair))
    }
  }

  /** What only shows when a worker would use the pair. */
  #faultInUse (place: number, pair: KeyPair): KeyPairFault | undefined {
    if (place > 0 && pair.names.length === 0) return { of: 'cert', fault: 'names no host (subjectAltName), so no client would ever get it' }
    try {
      tls.createSecureContext(serverContextOptions(pair, this.#config.minVersion))
      return undefined
    } catch (error) {
      return { of: 'cert', fault: `can't be used: ${errorText(error)}` }
    }
  }

  #oddities (place: number, pair: KeyPair): readonly FileFinding[] {
    const now = this.#wallMs()
    const odd: string[] = []
    if (pair.validToMs < now) odd.push(`expired on ${dateOf(pair.validToMs)}; clients will refuse it`)
    if (pair.validFromMs > now) odd.push(`is not valid before ${dateOf(pair.validFromMs)}; clients will refuse it`)
    if (pair.names.length === 0) odd.push('names no host (subjectAltName); clients that verify it will refuse it, unless it names their IP address')
    for (const name of pair.names) {
      const first = this.#pairs.findIndex((other, position) => position < place && other?.names.includes(name) === true)
      if (first >= 0) odd.push(`names ${name}, for which ${this.#fileAt(first, 'cert')} is used because it stands first`)
    }
    return odd.map(message => this.#finding(place, 'cert', message))
  }

  #readAuthorities (file: string, contentOf: ContentOf, reading: MutableReading): void {
    const path = formatPath(['listeners', this.#index, 'tls', 'clientCertificates', 'ca'])
    const authorities = parseAuthorities(contentOf(file))
    if ('fault' in authorities) {
      reading.faults.push({ path, file, message: authorities.fault })
      return
    }
    if (this.#clientCa !== authorities.pem) reading.taken.push(file)
    this.#clientCa = authorities.pem
  }

  #finding (place: number, of: 'cert' | 'key', message: string): FileFinding {
    return { path: formatPath(['listeners', this.#index, 'tls', 'certificates', place, of]), file: this.#fileAt(place, of), message }
  }

  #fileAt (place: number, of: 'cert' | 'key'): string {
    return this.#config.certificates[place]?.[of] ?? ''
  }

  /** What workers need; to be asked for once all files were read without a fault. */
  get material (): TlsMaterial {
    const { minVersion, clientCertificates } = this.#config
    return {
      minVersion,
      certificates: this.#pairs.flatMap(pair => pair === undefined ? [] : [{ cert: pair.cert, key: pair.key, names: pair.names }]),
      clientCertificates: clientCertificates === undefined ? undefined : { ca: this.#clientCa ?? '', required: clientCertificates.required }
    }
  }

  /** When each certificate expires, by its file. */
  expiries (): ReadonlyArray<{ readonly file: string, readonly atMs: number }> {
    return this.#pairs.flatMap((pair, place) => pair === undefined ? [] : [{ file: this.#fileAt(place, 'cert'), atMs: pair.validToMs }])
  }
}

function dateOf (ms: number): string {
  return new Date(ms).toISOString()
}
