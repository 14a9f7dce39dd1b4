/**
 * The certificates of all listeners that speak TLS: read at the start, read again when their files change, and the last
 * good ones kept when they are wrong then. It also makes the keys of session tickets.
 */
import { randomBytes } from 'node:crypto'
import { ConfigError, fileFault, type ConfigFault } from '../config/config-error.ts'
import type { ListenerConfig } from '../config/schema.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { TlsMaterial } from '../contract/listener-spec.ts'
import type { Logger } from '../core/logger.ts'
import { ListenerCertificates, type ContentOf } from './listener-certificates.ts'
import { readSmallFile, WatchedFiles } from './watched-files.ts'

/** Forward secrecy of TLS 1.2 sessions that were resumed by ticket begins when the keys are gone. */
const TICKET_KEYS_LIFE_MS = 86_400_000
const TICKET_KEYS_BYTES = 48
/** A certificate and its key may be written one after the other. */
const GRACE_MS = 2_000
const EXPIRES_SOON_MS = 14 * 86_400_000

export interface CertificateStoreOptions {
  readonly listeners: readonly ListenerConfig[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: {
    certificateExpires (listener: string, certificate: string, atMs: number): void
    certificateReloaded (result: 'success' | 'failure'): void
  }
  /** A listener has other certificates; called for each at the start. */
  readonly onMaterial: (listener: string, material: TlsMaterial) => void
  readonly onTicketKeys: (keys: Uint8Array) => void
}

export class CertificateStore {
  readonly #options: CertificateStoreOptions
  readonly #listeners: readonly ListenerCertificates[]
  readonly #files: WatchedFiles
  #daily: TimerHandle | null = null
  #stopped = false

  constructor (options: CertificateStoreOptions) {
    const { clock, listeners } = options
    this.#options = options
    this.#listeners = certificatesOf(listeners, clock)
    this.#files = new WatchedFiles({ clock, onChange: paths => { this.#reread(paths, false) } })
  }

  /**
   * Reads everything, tells it, and watches from then on.
   * @param source the file of the configuration, for faults
   * @returns what is odd
   * @throws ConfigError when a file can't be used
   */
  async load (source: string): Promise<readonly ConfigFault[]> {
    const files = new Set(this.#listeners.flatMap(listener => listener.files))
    await this.#files.add(files)
    const { faults, warnings } = readAll(this.#listeners, files, this.#contentOf, source)
    if (faults.length > 0) throw new ConfigError(faults)
    this.#renewTicketKeys()
    for (const listener of this.#listeners) this.#tell(listener)
    return warnings
  }

  /** Ends watching. Nothing is told any more. */
  stop (): void {
    this.#stopped = true
    this.#files.stop()
    this.#daily?.cancel()
  }

  readonly #contentOf: ContentOf = file => this.#files.contentOf(file) ?? { fault: 'was not read' }

  #tell (listener: ListenerCertificates): void {
    const { metrics, onMaterial } = this.#options
    onMaterial(listener.name, listener.material)
    for (const { file, atMs } of listener.expiries()) metrics.certificateExpires(listener.name, file, atMs)
  }

  /** @param certain the files had the time to be complete */
  #reread (paths: ReadonlySet<string>, certain: boolean): void {
    const { clock, log, metrics } = this.#options
    if (this.#stopped) return
    let faulty = false
    for (const listener of this.#listeners) {
      const { taken, faults, warnings } = listener.read(paths, this.#contentOf)
      for (const file of taken) {
        metrics.certificateReloaded('success')
        log.info('a certificate was read again; new connections use it', { listener: listener.name, file })
      }
      if (taken.length > 0) this.#tell(listener)
      for (const { file, message } of warnings) log.warn('a certificate is odd', { listener: listener.name, file, message })
      faulty ||= faults.length > 0
      if (!certain) continue
      for (const { file, message } of faults) {
        metrics.certificateReloaded('failure')
        log.error('a certificate can\'t be read again; the last good one stays in force', { listener: listener.name, file, fault: message })
      }
    }
    if (faulty && !certain) clock.after(GRACE_MS, () => { this.#reread(paths, true) })
  }

  #renewTicketKeys (): void {
    const { clock, onTicketKeys } = this.#options
    onTicketKeys(randomBytes(TICKET_KEYS_BYTES))
    this.#warnOfExpiry()
    this.#daily = clock.after(TICKET_KEYS_LIFE_MS, () => { this.#renewTicketKeys() })
  }

  #warnOfExpiry (): void {
    const { clock, log } = this.#options
    for (const listener of this.#listeners) {
      for (const { file, atMs } of listener.expiries()) {
        if (atMs - clock.wallMs() < EXPIRES_SOON_MS) log.warn('a certificate expires soon, or has expired', { listener: listener.name, file, expires: new Date(atMs).toISOString() })
      }
    }
  }
}

/** What is wrong and what is odd with the files of a configuration. */
export async function checkCertificates (
  listeners: readonly ListenerConfig[], source: string, clock: Clock
): Promise<{ readonly faults: readonly ConfigFault[], readonly warnings: readonly ConfigFault[] }> {
  const certificates = certificatesOf(listeners, clock)
  const files = new Set(certificates.flatMap(listener => listener.files))
  const contents = new Map(await Promise.all([...files].map(async file => [file, await readSmallFile(file)] as const)))
  return readAll(certificates, files, file => contents.get(file) ?? { fault: 'was not read' }, source)
}

function certificatesOf (listeners: readonly ListenerConfig[], clock: Clock): readonly ListenerCertificates[] {
  return listeners.flatMap(({ name, tls }, index) => tls === undefined
    ? []
    : [new ListenerCertificates({ name, tls }, index, () => clock.wallMs())])
}

function readAll (
  listeners: readonly ListenerCertificates[], files: ReadonlySet<string>, contentOf: ContentOf, source: string
): { readonly faults: readonly ConfigFault[], readonly warnings: readonly ConfigFault[] } {
  const readings = listeners.map(listener => listener.read(files, contentOf))
  return {
    faults: readings.flatMap(({ faults }) => faults.map(finding => fileFault(finding, source))),
    warnings: readings.flatMap(({ warnings }) => warnings.map(finding => fileFault(finding, source)))
  }
}
