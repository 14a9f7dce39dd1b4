/**
 * Clients that never come to the end of a request's head: each connects, sends the beginning of a head, and then one byte of
 * it every `--interval` seconds. Prints `{"event":"ready"}` when every client has connected and sent its beginning, and on
 * SIGTERM, or when standard input ends, `{"event":"report"}` with what happened since. Answers are bytes that came.
 */
import { createConnection, type Socket } from 'node:net'
import { setInterval, setTimeout } from 'node:timers'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    path: { type: 'string' },
    connections: { type: 'string' },
    interval: { type: 'string' }
  }
})
const port = Number(values.port)
const total = Number(values.connections)
const intervalSeconds = Number(values.interval)

/** Below the backlog of every listener here. */
const CONNECTING_AT_ONCE = 256
/** Clients share a source address until its ports would run short. */
const CLIENTS_PER_ADDRESS = 5_000
/** So short that the bytes of all clients do not come in bursts. */
const TICK_MS = 2

/** Two pieces, the second with whole lines: a reader that parses line by line has state to keep then, its dearest case. */
const FIRST = Buffer.from(`GET ${values.path ?? '/'} HTT`)
const SECOND = Buffer.from(`P/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: weir-bench/1\r\nX-Slow: `)
const BETWEEN_MS = 100
const BYTE = Buffer.from('a')

class SlowClient {
  answered = 0
  failed = false
  readonly #socket: Socket

  constructor (index: number, onSettled: () => void) {
    const localAddress = `127.0.0.${1 + Math.floor(index / CLIENTS_PER_ADDRESS)}`
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress, noDelay: true })
    this.#socket.once('connect', () => { this.#begin(onSettled) })
    this.#socket.on('data', (bytes: Buffer) => { this.answered += bytes.length })
    this.#socket.on('error', () => { this.failed = true })
    this.#socket.on('close', () => { this.failed = true })
  }

  #begin (onSettled: () => void): void {
    this.#socket.write(FIRST)
    setTimeout(() => { this.#socket.write(SECOND, onSettled) }, BETWEEN_MS)
  }

  go (): void {
    if (!this.failed) this.#socket.write(BYTE)
  }

  close (): void {
    this.#socket.destroy()
  }
}

const clients: SlowClient[] = []
let settled = 0

function connectOne (): void {
  if (clients.length < total) clients.push(new SlowClient(clients.length, onSettled))
}

function onSettled (): void {
  settled++
  connectOne()
  if (settled !== total) return
  print('ready')
  pace()
}

/** Spreads the bytes over the interval. */
function pace (): void {
  let next = 0
  const each = total / intervalSeconds * TICK_MS / 1_000
  let due = 0
  setInterval(() => {
    for (due += each; due >= 1; due--) {
      clients[next]?.go()
      next = (next + 1) % total
    }
  }, TICK_MS)
}

function print (event: string): void {
  const answers = clients.reduce((sum, client) => sum + client.answered, 0)
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
