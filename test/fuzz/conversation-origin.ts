import net from 'node:net'
import { readForwardedRequest, readOriginResponse, readStrictRequest, type StrictReading } from '../helpers/strict-reader.ts'
import { ByteLog } from './byte-log.ts'
import { cutInto } from './conversation-client.ts'
import { renderAnswer, surplusBytes, type AnswerPlan } from './conversation-plan.ts'
import { turn, type Stillness } from './stillness.ts'

/**
 * Weir reads so much of a response at once. Surplus has to be in the same read as the end of the answer: what comes later
 * can't be told from an answer to the next request by anybody.
 */
const ONE_READ = 4_000

/** One request as the origin got it, and what it did with it. */
export interface AttemptRecord {
  readonly serial: number
  /** The number of the connection it came on. */
  readonly connection: number
  readonly plan: AnswerPlan
  readonly reading: StrictReading
  /** The request's bytes, and in a tunnel everything behind them too. */
  readonly received: Buffer
  /** The answer's bytes, and everything else until the next request. */
  readonly sent: Buffer
  /** What the origin did with the connection behind the answer. */
  readonly ended: 'open' | 'fin' | 'reset'
  /** It came when the origin had ended the connection: Weir may have learned that long before. */
  readonly lost: boolean
}

interface Attempt {
  readonly serial: number
  readonly plan: AnswerPlan
  reading: StrictReading
  received: Buffer
  sent: Buffer
  ended: AttemptRecord['ended']
  lost: boolean
  state: 'reading' | 'answering' | 'answered'
}

/** The final response in the bytes, behind the interim ones. */
export function finalResponse (bytes: Buffer, method: string, ended: boolean): { readonly interims: readonly StrictReading[], readonly final: StrictReading } {
  const interims: StrictReading[] = []
  let at = 0
  for (;;) {
    const reading = readOriginResponse(bytes, at, method, ended)
    const status = reading.message?.status ?? 0
    if (reading.state !== 'complete' || status >= 200 || status === 101) return { interims, final: reading }
    interims.push(reading)
    at = reading.end
  }
}

/** The origin of a conversation: a raw server that answers as planned and sees to it that Weir keeps in step. */
export class ConversationOrigin {
  readonly #server: net.Server
  readonly #stillness: Stillness
  readonly #connections = new Set<OriginSide>()
  #plans: readonly AnswerPlan[] = []
  attempts: Attempt[] = []
  #connectionOf = new Map<Attempt, number>()
  /** What Weir did that it never may. */
  violations: string[] = []
  #accepted = 0

  constructor (stillness: Stillness) {
    this.#stillness = stillness
    this.#server = net.createServer({ noDelay: true, allowHalfOpen: true }, socket => {
      this.#connections.add(new OriginSide(socket, this, this.#accepted++))
      stillness.moved()
    })
  }

  async listen (): Promise<number> {
    await new Promise<void>(resolve => { this.#server.listen(0, '127.0.0.1', resolve) })
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Forgets what was, and answers by these plans from now on. */
  begin (plans: readonly AnswerPlan[]): void {
    this.#plans = plans
    this.attempts = []
    this.#connectionOf = new Map()
    this.violations = []
    this.#accepted = 0
  }

  get records (): readonly AttemptRecord[] {
    return this.attempts.map(attempt => ({ ...attempt, connection: this.#connectionOf.get(attempt) ?? -1 }))
  }

  get open (): number { return this.#connections.size }
  get stillness (): Stillness { return this.#stillness }

  newAttempt (connection: number): Attempt {
    const serial = this.attempts.length
    const plan = this.#plans[serial % this.#plans.length]
    if (plan === undefined) throw new Error('a plan has answers')
    const attempt: Attempt = {
      serial, plan, reading: readStrictRequest(Buffer.alloc(0)), received: Buffer.alloc(0), sent: Buffer.alloc(0), ended: 'open', lost: false, state: 'reading'
    }
    this.attempts.push(attempt)
    this.#connectionOf.set(attempt, connection)
    return attempt
  }

  forget (connection: OriginSide): void {
    this.#connections.delete(connection)
    this.#stillness.moved()
  }

  /**
   * Comes back when all connections that were opened so far have been seen, and what came on them before they ended: they are
   * accepted in their order, and this one is the last. Weir has forgotten one that it gave up before this thread had a turn.
   */
  async settle (): Promise<void> {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) return
    await new Promise<void>(resolve => {
      const probe = net.connect({ host: '127.0.0.1', port: address.port }, () => { probe.end() })
      probe.resume().on('error', () => {}).on('close', () => { resolve() })
    })
  }

  async close (): Promise<void> {
    for (const connection of this.#connections) connection.destroy()
    await new Promise<void>(resolve => { this.#server.close(() => { resolve() }) })
  }
}

class OriginSide {
  readonly #socket: net.Socket
  readonly #origin: ConversationOrigin
  readonly #number: number
  /** Bytes of the current request and, in a tunnel, what follows. */
  readonly #bytes = new ByteLog()
  #current: Attempt | undefined
  #before: Attempt | undefined
  /** The last request that was not taken at once. */
  #slow: Attempt | undefined
  #tunnel = false
  /** Nothing more can be said: a FIN or a reset was sent. */
  #ended = false

  constructor (socket: net.Socket, origin: ConversationOrigin, number: number) {
    this.#socket = socket
    this.#origin = origin
    this.#number = number
    socket.on('data', (bytes: Buffer) => {
      origin.stillness.moved()
      this.#bytes.append(bytes)
      this.#read()
    })
    // As servers do: an end of the other side is the end of the connection.
    socket.on('end', () => {
      origin.stillness.moved()
      this.#ended = true
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      origin.forget(this)
    })
  }

  destroy (): void { this.#socket.destroy() }

  #read (): void {
    while (this.#bytes.length > 0) {
      const attempt = this.#current ??= this.#begin()
      attempt.received = this.#bytes.bytes
      if (this.#tunnel) return
      attempt.reading = readForwardedRequest(this.#bytes.bytes)
      const { state, fault, message, end } = attempt.reading
      if (state === 'invalid') {
        this.#violated(`the origin got bytes that are no request: ${fault}`)
        this.#socket.destroy()
        return
      }
      if (state === 'complete' && attempt.state !== 'answered' && this.#bytes.length > end) this.#violated('the origin got more bytes before it had answered')
      if (attempt.state === 'reading' && message !== undefined && !this.#ended && isTime(attempt)) {
        attempt.state = 'answering'
        void this.#answer(attempt, message.method)
      }
      if (message !== undefined && attempt.plan.slow) this.#readLater(attempt)
      // An answer in one piece is out by now, and the request it was for is done with.
      if (this.#current !== attempt) continue
      if (state !== 'complete' || this.#tunnel || attempt.state !== 'answered') return
      this.#next(attempt, end)
    }
  }

  #readLater (attempt: Attempt): void {
    if (this.#slow === attempt) return
    this.#slow = attempt
    this.#socket.pause()
    void this.#origin.stillness.soon().then(() => { this.#socket.resume() })
  }

  #next (attempt: Attempt, end: number): void {
    attempt.received = this.#bytes.bytes.subarray(0, end)
    this.#bytes.drop(end)
    this.#before = attempt
    this.#current = undefined
  }

  #begin (): Attempt {
    const before = this.#before
    if (before !== undefined && !inStep(before)) this.#violated(`a request came on a connection that is not in step, behind answer ${before.serial}`)
    const attempt = this.#origin.newAttempt(this.#number)
    // It was on its way when the connection ended. Weir knows by now, and may have tried again elsewhere.
    attempt.lost = this.#ended
    return attempt
  }

  #violated (what: string): void {
    this.#origin.violations.push(`${what} (connection ${this.#number}): ${JSON.stringify(this.#bytes.bytes.toString('latin1', 0, 2_000))}`)
  }

  async #answer (attempt: Attempt, method: string): Promise<void> {
    const { plan } = attempt
    const planned = renderAnswer(plan, method, attempt.serial)
    const { final } = finalResponse(planned, method, false)
    const whole = final.state === 'complete'
    let bytes = planned
    if (whole && plan.surplus === 'glued') bytes = Buffer.concat([planned, surplusBytes()])
    const bound = whole ? final.end - 1 : bytes.length
    if (whole && bytes.length > ONE_READ) bytes = bytes.subarray(0, final.end)
    for (const [index, piece] of cutInto(bytes, plan.pieces, bound).entries()) {
      if (index > 0) await turn()
      if (this.#ended) break
      this.#write(attempt, piece)
    }
    // At once: the next request may be here before this thread's next turn.
    attempt.state = 'answered'
    this.#end(attempt, final)
    if (whole && final.message?.status === 101) this.#tunnel = true
    this.#read()
  }

  #write (attempt: Attempt, bytes: Buffer): void {
    attempt.sent = Buffer.concat([attempt.sent, bytes])
    this.#origin.stillness.moved()
    this.#socket.write(bytes)
  }

  #end (attempt: Attempt, final: StrictReading): void {
    const { plan } = attempt
    if (this.#ended) return
    const untilClose = final.message?.framing === 'close' && plan.raw === undefined
    if (plan.ending === 'reset') {
      attempt.ended = 'reset'
      this.#ended = true
      this.#socket.resetAndDestroy()
    } else if (plan.ending === 'close' || (untilClose && plan.cut === undefined)) {
      attempt.ended = 'fin'
      this.#ended = true
      this.#socket.end()
    } else if (plan.surplus === 'late') {
      void this.#origin.stillness.alone().then(() => {
        const idle = this.#current === undefined ? this.#before === attempt : this.#current === attempt && attempt.state === 'answered'
        if (!this.#ended && idle) this.#write(attempt, surplusBytes())
      })
    }
  }
}

function isTime ({ plan, reading }: Attempt): boolean {
  return plan.when === 'head' || (plan.when === 'request' && reading.state === 'complete')
}

/** Is the connection good for another request behind this answer? */
function inStep ({ reading, sent }: Attempt): boolean {
  const { final } = finalResponse(sent, reading.message?.method ?? '', false)
  return final.state === 'complete' && final.message?.keepsAlive === true && final.end === sent.length
}
