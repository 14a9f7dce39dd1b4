import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

/** Where Linux shows what a process has open; elsewhere nothing is counted. */
const DESCRIPTORS = '/proc/self/fd'
const TRIES = 200
const WAIT_MS = 20

function count (): number {
  if (!existsSync(DESCRIPTORS)) return 0
  return readdirSync(DESCRIPTORS).filter(descriptor => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${descriptor}`).startsWith('socket:')
    } catch {
      // Closed meanwhile.
      return false
    }
  }).length
}

/** The sockets that the kernel knows of, whoever has forgotten them. */
export class OpenSockets {
  readonly #before = count()

  /** @throws Error when more stay open than there were */
  async assertClosed (): Promise<void> {
    for (let tries = 0; tries < TRIES && count() > this.#before; tries++) await wait(WAIT_MS)
    const left = count() - this.#before
    if (left > 0) throw new Error(`${left} sockets are never closed`)
  }
}
