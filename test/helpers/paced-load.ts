/**
 * Many clients that ask at a steady rate over kept-alive connections of raw sockets, and know exactly what became of every request.
 * A client sends one request at a time and takes `Connection: close` for what it says.
 */
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { PATIENCE_MS } from './patience.ts'

export interface LoadOptions {
  readonly port: number
  /** What it asks for; hello.test by default. */
  readonly host?: string
  readonly clients: number
  /** Requests a second, of all clients together. */
  readonly rate: number
  /** The share of the requests that are POSTs, 0 to 1. */
  readonly posts: number
}

/** A request that was not answered with 200. */
export interface LoadFailure {
  readonly method: string
  readonly path: string
  /** 0 when there was no answer. */
  readonly status: number
  /** The body of the answer, or how the connection ended. */
  readonly what: string
  /** When it was asked, and when it had failed, by performance.now(). */
  readonly beganMs: number
  readonly atMs: number
}

interface Reply {
  readonly status: number
  readonly body: string
}

/** One connection: a request, its answer, the next one. */
class Connection {
  /** It can't be used for another request. */
  over = false
  /** The other side has ended it without having said so before. */
  lost = false
  readonly #socket: net.Socket
  #text = ''
  #waiting: ((reply: Reply | string) => void) | undefined

  constructor (socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#text += text
      this.#read()
    })
    socket.on('error', error => { this.#end(error.message) })
    socket.on('end', () => { this.#end('closed') })
    socket.on('close', () => { this.#end('closed') })
  }

  static async open (port: number): Promise<Connection | string> {
    const socket = net.connect({ port, host: '127.0.0.1' })
    return await new Promise(resolve => {
      socket.once('connect', () => {
        socket.removeAllListeners('error')
        resolve(new Connection(socket))
      })
      socket.once('error', error => { resolve(error.message) })
    })
  }

  /** The answer, or why there is none. */
  async ask (request: string): Promise<Reply | string> {
    return await new Promise(resolve => {
      this.#waiting = resolve
      this.#socket.write(request, 'latin1')
    })
  }

  close (): void {
    this.over = true
    this.#socket.destroy()
  }

  #read (): void {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    if (this.#text.length < end + 4 + length) return
    const body = this.#text.slice(end + 4, end + 4 + length)
    this.#text = this.#text.slice(end + 4 + length)
    if (/^connection: *close/im.test(head)) this.close()
    this.#settle({ status: Number(head.slice(9, 12)), body })
  }

  #end (how: string): void {
    if (!this.over) this.lost = true
    this.over = true
    this.#settle(this.#text === '' ? how : `${how} within an answer`)
    this.#socket.destroy()
  }

  #settle (reply: Reply | string): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(reply)
  }
}

export class PacedLoad {
  sent = 0
  /** With 200. */
  answered = 0
  connects = 0
  readonly failures: LoadFailure[] = []
  /** Answers by their body. */
  readonly byBody = new Map<string, number>()
  /** The paths of POSTs that were answered with 200. */
  readonly posted: string[] = []
  /** The longest that an answer has taken. */
  slowestMs = 0
  /** Connections that have ended without having said so before. */
  broken = 0
  /** From now on nothing may listen: a connection that is refused is the end of its client. */
  refusalEnds = false
  /** When a connection was refused for the first time since then, by the clock of the wall. */
  refusedAt = Number.POSITIVE_INFINITY
  readonly #options: LoadOptions
  readonly #running: Promise<unknown>
  #stopped = false
  /** Clients that use a connection from before open another one. */
  #renewals = 0
  /** The paths of requests that have not come to an end. */
  readonly #open = new Set<string>()

  constructor (options: LoadOptions) {
    this.#options = options
    this.#running = Promise.all(Array.from({ length: options.clients }, async (_, index) => { await this.#run(index) }))
  }

  async #run (index: number): Promise<void> {
    const { port, clients, rate, posts } = this.#options
    const intervalMs = clients * 1_000 / rate
    let dueMs = performance.now() + intervalMs * index / clients
    let connection: Connection | undefined
    let renewals = 0
    while (!this.#stopped) {
      const earlyMs = dueMs - performance.now()
      if (earlyMs >= 1) await wait(earlyMs)
      // One that is late does not catch up: that would be a burst.
      dueMs = Math.max(dueMs + intervalMs, performance.now())
      if (connection?.lost === true) this.broken++
      else if (renewals !== this.#renewals) connection?.close()
      if (connection === undefined || connection.over) {
        renewals = this.#renewals
        const opened: Connection | string = await Connection.open(port)
        this.connects++
        if (typeof opened === 'string' && this.refusalEnds) {
          this.refusedAt = Math.min(this.refusedAt, Date.now())
          return
        }
        if (typeof opened === 'string') this.#failed({ method: 'CONNECT', path: '', status: 0, what: opened, beganMs: dueMs })
        connection = typeof opened === 'string' ? undefined : opened
      }
      if (connection !== undefined && !this.#stopped) await this.#ask(connection, this.sent % 100 < posts * 100 ? 'POST' : 'GET')
    }
    if (connection?.lost === true) this.broken++
    connection?.close()
  }

  async #ask (connection: Connection, method: string): Promise<void> {
    const path = `/${this.sent++}`
    const fields = method === 'POST' ? 'Content-Length: 4\r\n\r\nbody' : '\r\n'
    const beganMs = performance.now()
    this.#open.add(path)
    const reply = await connection.ask(`${method} ${path} HTTP/1.1\r\nHost: ${this.#options.host ?? 'hello.test'}\r\n${fields}`)
    this.#open.delete(path)
    this.slowestMs = Math.max(this.slowestMs, performance.now() - beganMs)
    if (typeof reply === 'string') return this.#failed({ method, path, status: 0, what: reply, beganMs })
    if (reply.status !== 200) return this.#failed({ method, path, status: reply.status, what: reply.body, beganMs })
    this.answered++
    this.byBody.set(reply.body, (this.byBody.get(reply.body) ?? 0) + 1)
    if (method === 'POST') this.posted.push(path)
  }

  #failed (failure: Omit<LoadFailure, 'atMs'>): void {
    this.failures.push({ ...failure, atMs: performance.now() })
  }

  failed (method: string): readonly LoadFailure[] {
    return this.failures.filter(failure => failure.method === method)
  }

  /** Resolves when so many more requests have been answered with 200. */
  async more (count: number): Promise<void> {
    const target = this.answered + count
    await this.#until(target, () => this.answered)
  }

  /** Resolves when so many more requests have been sent and have come to an end, whatever it was. */
  async over (count: number): Promise<void> {
    const target = this.answered + this.failures.length + count
    await this.#until(target, () => this.answered + this.failures.length)
  }

  /** Resolves when each request that is under way now has come to an end, whatever it was. */
  async turnover (): Promise<void> {
    const before = [...this.#open]
    await this.#until(before.length, () => before.filter(path => !this.#open.has(path)).length)
  }

  async #until (target: number, count: () => number): Promise<void> {
    const beganMs = performance.now()
    while (count() < target) {
      // The slower of its own rate and what a busy machine can do, which is a few requests a second at worst.
      if (performance.now() > beganMs + 5 * PATIENCE_MS) throw new Error(`${target - count()} of the requests that were waited for are missing: ${this.summary()}`)
      await wait(5)
    }
  }

  /** Lets each client open another connection before its next request. */
  renew (): void {
    this.#renewals++
  }

  /** Stops asking and waits for the answers that are on their way. */
  async stop (): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  /** Resolves when every client has ended by itself. */
  async end (): Promise<void> {
    await this.#running
  }

  /** All that became of the requests, for the test's report. `retried`: how many further attempts Weir has made. */
  summary (retried?: number): string {
    const kinds = new Map<string, number>()
    for (const { method, status, what } of this.failures) {
      const kind = `${method} ${status} ${/"code":"(\w+)"/.exec(what)?.[1] ?? what}`
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    const failed = [...kinds].map(([kind, count]) => `${count}× ${kind}`).join(', ')
    return `${this.sent} sent, ${this.answered} answered${retried === undefined ? '' : `, ${retried} retried`}, ` +
      `${this.failures.length} failed${failed === '' ? '' : ` (${failed})`}; ${this.connects} connections, slowest ${Math.round(this.slowestMs)} ms`
  }
}
