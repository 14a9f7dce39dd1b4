import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { adminFixture, type AdminFixture, type AdminFixtureOptions } from './admin-fixture.ts'

export interface ListeningAdmin extends AdminFixture {
  readonly port: number
}

/** The admin API of the fixture on a port of its own, until the end of the test. */
export async function listenAdmin (t: Pick<Test, 'teardown'>, options: AdminFixtureOptions = {}): Promise<ListeningAdmin> {
  const fixture = await adminFixture(options)
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(async () => {
    fixture.app.server.closeAllConnections()
    await fixture.app.close()
  })
  // A TCP server's address is never a path.
  const { port } = fixture.app.server.address() as AddressInfo
  return { ...fixture, port }
}

/** A client that writes bytes as they are and keeps what it gets. */
export class AdminClient {
  readonly socket: Socket
  received = ''
  closed = false
  readonly #waiting = new Set<() => void>()

  constructor (t: Pick<Test, 'teardown'>, port: number, localAddress?: string) {
    this.socket = connect({ host: '127.0.0.1', port, ...(localAddress === undefined ? {} : { localAddress }) })
    t.teardown(() => { this.socket.destroy() })
    this.socket.setEncoding('latin1')
    // A reset is an answer too; what came before it counts.
    this.socket.on('error', () => {})
    this.socket.on('data', (text: string) => { this.#change(() => { this.received += text }) })
    this.socket.on('close', () => { this.#change(() => { this.closed = true }) })
  }

  #change (change: () => void): void {
    change()
    for (const look of this.#waiting) look()
  }

  write (text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** The statuses of the answers so far, interim ones included. */
  get statuses (): readonly number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
  }

  /** Resolves when `condition` holds, which is looked at whenever something has come. */
  async until (condition: (client: this) => boolean): Promise<this> {
    await new Promise<void>(resolve => {
      const look = (): void => {
        if (!condition(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
    return this
  }

  /** Resolves with the statuses when so many are there. */
  async answers (count: number): Promise<readonly number[]> {
    return (await this.until(({ statuses }) => statuses.length >= count)).statuses
  }

  /** Resolves with all that has come when the server has closed. */
  async end (): Promise<string> {
    return (await this.until(({ closed }) => closed)).received
  }
}
