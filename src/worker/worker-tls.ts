/**
 * The worker's copy of certificates and ticket keys, and the terminators of its listeners that use them. node:tls is loaded
 * with the first terminator.
 */
import type { DataPlane } from './data-plane.ts'
import type { TlsMaterial } from '../contract/listener-spec.ts'
import type { TlsTerminator } from '../downstream/tls-terminator.ts'
import type { CertificatesMessage, TicketKeysMessage } from '../contract/messages.ts'

export class WorkerTls {
  readonly #plane: DataPlane
  /** Both by the name of the listener. */
  readonly #materials = new Map<string, TlsMaterial>()
  readonly #terminators = new Map<string, TlsTerminator>()
  #ticketKeys: Uint8Array = new Uint8Array(0)

  constructor (plane: DataPlane) {
    this.#plane = plane
  }

  /** Handshakes that begin from now on use these; connections that are there stay as they are. */
  applyCertificates ({ listener, material }: CertificatesMessage): void {
    this.#materials.set(listener, material)
    try {
      this.#terminators.get(listener)?.use(material)
    } catch (error) {
      // The control plane has tried them before.
      this.#plane.reportDefect(error)
    }
  }

  applyTicketKeys ({ keys }: TicketKeysMessage): void {
    this.#ticketKeys = keys
    for (const terminator of this.#terminators.values()) terminator.useTicketKeys(keys)
  }

  /**
   * The terminator of a listener; its certificates and the ticket keys have to be there.
   * @throws Error when they are not, or can't be used
   */
  async terminatorFor (listener: string): Promise<TlsTerminator> {
    const { TlsTerminator } = await import('../downstream/tls-terminator.ts')
    await this.#plane.io.decideTls()
    const material = this.#materials.get(listener)
    if (material === undefined) throw new Error('its certificates are not known')
    const terminator = new TlsTerminator(this.#plane, listener, material, this.#ticketKeys)
    this.#terminators.set(listener, terminator)
    return terminator
  }
}
