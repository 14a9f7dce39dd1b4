/**
 * Clients that keep their connections: each connects, makes one request, and then makes one every `--interval` seconds,
 * or none with 0. Prints `{"event":"ready"}` when every client has had its first answer, and on SIGTERM, or when standard
 * input ends, `{"event":"report"}` with what happened since.
 */
import { createConnection, type Socket } from 'node:net'
import { setInterval } from 'node:timers'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    path: { type: 'string' },
    connections: { type: 'string' },
    interval: { type: 'string', default: '0' }
  }
})
const port = Number(values.port)
const total = Number(values.connections)
const intervalSeconds = Number(values.interval)

/** Below the backlog of every listener here, and kind to the others on this machine. */
const CONNECTING_AT_ONCE = 64
/** Clients share a source address until its ports would run short. */
const CLIENTS_PER_ADDRESS = 5_000
const TICK_MS = 20

const REQUEST = Buffer.from([
  `GET ${values.path ?? '/'} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'User-Agent: weir-bench/1', 'Accept: */*',
  'Accept-Encoding: gzip, deflate, br', 'Accept-Language: en-GB,en;q=0.9', '', ''
].join('\r\n'))

/** One connection. Answers are taken by Content-Length, which the origins of the benchmarks always send. */
class Client {
  answers = 0
  failed = false
  readonly #socket: Socket
  readonly #onSettled: () => void
  #received = ''
  #missing = 0
  #waiting = false

  constructor (index: number, onSettled: () => void) {
    this.#onSettled = onSettled
    const localAddress = `127.0.0.${1 + Math.floor(index / CLIENTS_PER_ADDRESS)}`
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress })
    this.#socket.once('connect', () => { this.request() })
    this.#socket.on('data', (chunk: Buffer) => { this.#read(chunk) })
    this.#socket.on('error', () => { this.#fail() })
    this.#socket.on('close', () => { this.#fail() })
  }

  /** Nothing is sent while an answer is awaited: a client that is behind skips its turn. */
  request (): void {
    if (this.#waiting || this.failed) return
    this.#waiting = true
    this.#socket.write(REQUEST)
  }

  close (): void {
    this.failed = true
    this.#socket.destroy()
  }

  #read (chunk: Buffer): void {
    if (this.#missing > 0) {
      this.#missing -= chunk.length
      if (this.#missing <= 0) this.#answered()
      return
    }
    this.#received += chunk.toString('latin1')
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /^content-length: *([0-9]+)/im.exec(this.#received.slice(0, end))?.[1]
    if (!this.#received.startsWith('HTTP/1.1 200') || length === undefined) {
      this.#fail()
      return
    }
    this.#missing = end + 4 + Number(length) - this.#received.length
    this.#received = ''
    if (this.#missing <= 0) this.#answered()
  }

  #answered (): void {
    this.#missing = 0
    this.#waiting = false
    this.answers++
    if (this.answers === 1) this.#onSettled()
  }

  #fail (): void {
    if (this.failed) return
    this.failed = true
    this.#socket.destroy()
    if (this.answers === 0) this.#onSettled()
  }
}

const clients: Client[] = []

/** Clients that have had their first answer or have failed before it. */
let settled = 0

function connectOne (): void {
  if (clients.length < total) clients.push(new Client(clients.length, onSettled))
}

function onSettled (): void {
  settled++
  connectOne()
  if (settled !== total) return
  print('ready')
  if (intervalSeconds > 0) pace()
}

/** Spreads the requests over the interval. */
function pace (): void {
  let next = 0
  const each = total / intervalSeconds * TICK_MS / 1_000
  let due = 0
  setInterval(() => {
    for (due += each; due >= 1; due--) {
      clients[next]?.request()
      next = (next + 1) % total
    }
  }, TICK_MS)
}

function print (event: string): void {
  const answers = clients.reduce((sum, client) => sum + client.answers, 0)
  const failed = clients.reduce((sum, client) => sum + (client.failed ? 1 : 0), 0)
  process.stdout.write(`${JSON.stringify({ event, connections: clients.length, answers, failed })}\n`)
}

function finish (): void {
  print('report')
  for (const client of clients) client.close()
  process.exit()
}

process.once('SIGTERM', finish)
process.stdin.once('end', finish).resume()
for (let index = 0; index < CONNECTING_AT_ONCE; index++) connectOne()
