import net from 'node:net'
import { readStrictRequests, readStrictResponse } from '../helpers/strict-reader.ts'
import { ByteLog } from './byte-log.ts'
import type { ClientPlan } from './conversation-plan.ts'
import { turn, type Stillness } from './stillness.ts'

/** A client sends no more pieces than this; the rest goes in one. */
const MAX_PIECES = 80

/** What a client sent and saw. */
export interface ClientRecord {
  /** Where it came from; Weir tells the origin. */
  readonly address: string
  readonly plan: ClientPlan
  readonly written: Buffer
  /** How much was written after each write: Weir may have had to wait for the next one. */
  readonly cuts: readonly number[]
  readonly received: Buffer
  /** How the connection ended for the client: by Weir's FIN, by its reset, or by its own doing. */
  readonly ended: 'fin' | 'reset' | 'own'
}

/** Cuts bytes into pieces of these lengths, again and again; nothing at or behind `bound` is cut off. */
export function cutInto (bytes: Buffer, lengths: readonly number[], bound = bytes.length): readonly Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    const length = lengths[pieces.length % lengths.length] ?? bytes.length
    const end = pieces.length >= MAX_PIECES || at + length >= bound ? bytes.length : at + length
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

/** A client that does what its plan says, until its connection is closed. */
export class ConversationClient {
  readonly #plan: ClientPlan
  readonly #address: string
  readonly #stillness: Stillness
  readonly #socket: net.Socket
  readonly #written = new ByteLog()
  readonly #cuts: number[] = []
  readonly #received = new ByteLog()
  #finished = false
  #reset = false
  #closed = false
  #wake: () => void = () => {}

  constructor (plan: ClientPlan, address: string, stillness: Stillness) {
    this.#plan = plan
    this.#address = address
    this.#stillness = stillness
    this.#socket = new net.Socket({ allowHalfOpen: true })
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received.append(bytes)
      this.#moved()
    })
    this.#socket.on('end', () => {
      this.#finished = true
      this.#moved()
    })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'ECONNRESET') this.#reset = true })
    this.#socket.on('close', () => {
      this.#closed = true
      this.#moved()
    })
    this.#socket.on('connect', () => { this.#moved() })
    this.#socket.on('drain', () => { this.#moved() })
  }

  get closed (): boolean { return this.#closed }

  get record (): ClientRecord {
    const ended = this.#reset ? 'reset' : this.#finished ? 'fin' : 'own'
    return { address: this.#address, plan: this.#plan, written: this.#written.bytes, cuts: this.#cuts, received: this.#received.bytes, ended }
  }

  #moved (): void {
    this.#stillness.moved()
    this.#wake()
  }

  async run (port: number): Promise<void> {
    for (let times = 0; times < this.#plan.late; times++) await this.#stillness.alone()
    this.#socket.connect({ host: '127.0.0.1', port, localAddress: this.#address })
    await this.#until(() => !this.#socket.connecting)
    if (this.#plan.slow) {
      this.#socket.pause()
      void this.#stillness.soon().then(() => { this.#socket.resume() })
    }
    for (const part of this.#plan.parts) {
      await this.#sendPart(Buffer.from(part, 'latin1'))
      if (!this.#plan.pipelined) await this.#until(() => this.#allAnswered())
    }
    await this.#finish()
    await this.#until(() => this.#finished, false)
    this.#socket.end()
    await this.#until(() => false)
    this.destroy()
  }

  async #sendPart (bytes: Buffer): Promise<void> {
    const { hold } = this.#plan
    const headEnd = bytes.indexOf('\r\n\r\n', 0, 'latin1')
    if (hold === undefined || headEnd < 0 || headEnd + 4 + hold >= bytes.length) return await this.#send(bytes)
    await this.#send(bytes.subarray(0, headEnd + 4 + hold))
    await this.#stillness.soon()
    await this.#send(bytes.subarray(headEnd + 4 + hold))
  }

  async #send (bytes: Buffer): Promise<void> {
    for (const piece of cutInto(bytes, this.#plan.pieces)) {
      if (this.#closed) return
      this.#written.append(piece)
      this.#cuts.push(this.#written.length)
      this.#socket.write(piece)
      this.#stillness.moved()
      await turn()
    }
  }

  async #finish (): Promise<void> {
    const { ending } = this.#plan
    if (ending === 'finish') await this.#until(() => this.#allAnswered())
    if (ending === 'finish' || ending === 'half-close') this.#socket.end()
    if (ending === 'reset') this.#socket.resetAndDestroy()
    if (ending === 'leave') this.#socket.destroy()
  }

  /** Has every request so far got its final answer? */
  #allAnswered (): boolean {
    if (this.#finished) return true
    let at = 0
    for (const { message } of readStrictRequests(this.#written.bytes)) {
      for (let status = 100; status < 200;) {
        const reading = readStrictResponse(this.#received.bytes, at, message?.method ?? '', false)
        if (reading.state !== 'complete') return false
        at = reading.end
        status = reading.message?.status ?? 0
        if (status === 101) return true
      }
    }
    return true
  }

  /** Waits until the condition holds, the connection is closed or, if it may, until nothing moves any more. */
  async #until (condition: () => boolean, mayGiveUp = true): Promise<void> {
    let released = false
    while (!released && !this.#closed && !condition()) {
      await new Promise<void>(resolve => {
        const takeBack = mayGiveUp
          ? this.#stillness.giveUp(() => {
            released = true
            resolve()
          })
          : () => {}
        this.#wake = () => {
          takeBack()
          resolve()
        }
      })
    }
    this.#wake = () => {}
  }

  destroy (): void { this.#socket.destroy() }
}
