/**
 * Clients that leave a proxy with as much as they can, and wait. The path says how:
 *   /slow     a request that is not answered, and 128 KiB of others behind it
 *   /head     the beginning of a head of 30 KB
 *   /upload   a body, as much of it as is taken
 *   /big      an answer that is not read
 *   /hints    interim responses that are not read
 * Prints `{"event":"ready"}` when every client has begun, and on SIGTERM, or when standard input ends, `{"event":"report"}`. Failed are
 * those that have been closed or answered.
 */
import { createConnection, type Socket } from 'node:net'
import { setTimeout } from 'node:timers'
import { crowdAddress, crowdArguments, runCrowd, type CrowdClient } from '../harness/client-crowd.ts'

const crowd = crowdArguments()
const { port, path } = crowd

const AHEAD_BYTES = 131_072
const BEGUN_MS = 50

function request (target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields}\r\n`
}

function messageFor (target: string): Buffer {
  const ahead = request('/64', `X-Fill: ${'x'.repeat(1_000)}\r\n`)
  switch (target) {
    case '/slow': return Buffer.from(request(target) + ahead.repeat(Math.ceil(AHEAD_BYTES / ahead.length)))
    case '/head': return Buffer.from(request('/64', `X-Fill: ${'x'.repeat(30_000)}`).trimEnd())
    case '/upload': return Buffer.concat([
      Buffer.from(`PUT ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: ${2 ** 40}\r\n\r\n`),
      Buffer.alloc(8_388_608)
    ])
    case '/hints': return Buffer.from(request(target).repeat(8))
    default: return Buffer.from(request(target))
  }
}

const MESSAGE = messageFor(path)

class StuckClient implements CrowdClient {
  readonly answers = 0
  failed = false
  readonly #socket: Socket

  constructor (index: number, onSettled: () => void) {
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress: crowdAddress(index), noDelay: true })
    this.#socket.once('connect', () => {
      this.#socket.write(MESSAGE)
      setTimeout(onSettled, BEGUN_MS)
    })
    // Whoever is not to be answered sees the answer; the others leave it unread.
    if (path !== '/big' && path !== '/hints') this.#socket.on('data', () => { this.failed = true })
    this.#socket.on('error', () => { this.failed = true })
    this.#socket.on('close', () => { this.failed = true })
  }

  go (): void {}

  close (): void {
    this.#socket.destroy()
  }
}

runCrowd(crowd, { connectingAtOnce: 64, tickMs: 2 }, (index, onSettled) => new StuckClient(index, onSettled))
