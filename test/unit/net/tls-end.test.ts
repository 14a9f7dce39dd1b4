import tls from 'node:tls'
import t, { type Test } from 'tap'
import { createReadBuffer, type ByteStreamHandler } from '../../../src/net/byte-stream.ts'
import { createRecordBuffer, TlsStream } from '../../../src/net/tls-stream.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { TcpRelay } from '../../helpers/tcp-relay.ts'
import { originTls } from '../../helpers/upstream-certificates.ts'

/** Notes what it is told, and stops reading at the first bytes until the test goes on. */
class Reader implements ByteStreamHandler {
  readonly stream: TlsStream
  bytes = 0
  heard: string | undefined
  paused = false
  readonly #waiting = new Set<() => void>()

  constructor (port: number, onConnect: () => void) {
    const secureContext = tls.createSecureContext()
    this.stream = TlsStream.connect({ address: '127.0.0.1', port, record: createRecordBuffer(), io: 'direct', tls: { secureContext, rejectUnauthorized: false } }, this, createReadBuffer(0, 4_096, 0), onConnect)
  }

  onBytes (_: Buffer, start: number, end: number): void {
    if (this.bytes === 0) {
      this.stream.pause()
      this.paused = true
    }
    this.bytes += end - start
    this.#wake()
  }

  onEnd (): void {
    this.heard = 'end'
    this.#wake()
    this.stream.destroy()
  }

  onClose (error: string | undefined): void {
    this.heard ??= error ?? 'close'
    this.#wake()
  }

  onDrain (): void {}
  onDefect (error: unknown): void { throw error }

  #wake (): void {
    for (const check of [...this.#waiting]) check()
  }

  async until (condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>(resolve => {
        const check = (): void => {
          this.#waiting.delete(check)
          resolve()
        }
        this.#waiting.add(check)
      })
    }
  }
}

async function connect (t: Test, options: tls.TlsOptions): Promise<{ readonly reader: Reader, readonly relay: TcpRelay, readonly origin: RawOrigin }> {
  const origin = await RawOrigin.startSecure({ ...originTls('named'), ...options })
  const relay = await TcpRelay.start(origin.port)
  const reader = await new Promise<Reader>(resolve => {
    const reader: Reader = new Reader(relay.port, () => { resolve(reader) })
  })
  t.teardown(async () => {
    reader.stream.destroy()
    await Promise.all([relay.close(), origin.close()])
  })
  return { reader, relay, origin }
}

/** Lets everything arrive that is on its way. */
async function turns (): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const length of [1, 20_000, 60_000, 110_000, 400_000]) {
    t.test(`${maxVersion}: ${length} bytes and their end that come at once, to a reader that pauses`, async t => {
      const { reader, relay, origin } = await connect(t, { maxVersion })
      const far = await origin.connection()
      relay.hold()
      far.send(Buffer.alloc(length))
      await new Promise<void>(resolve => { far.socket.end(resolve) })
      relay.release()
      await reader.until(() => reader.paused)
      await turns()
      reader.stream.resume()
      await reader.until(() => reader.heard !== undefined)
      t.same([reader.bytes, reader.heard], [length, 'end'])
    })

    t.test(`${maxVersion}: ${length} bytes and a FIN alone, to a reader that pauses`, async t => {
      const { reader, relay, origin } = await connect(t, { maxVersion })
      const far = await origin.connection()
      const before = relay.bytesBack
      far.send(Buffer.alloc(length))
      await reader.until(() => reader.paused && relay.bytesBack - before >= Math.min(length, 60_000))
      relay.finish()
      await turns()
      reader.stream.resume()
      await reader.until(() => reader.heard !== undefined)
      t.equal(reader.heard, 'ENDED_WITHOUT_CLOSE_NOTIFY')
    })
  }
}
