/**
 * Clients that never come to the end of a request's head: each connects, sends the beginning of a head, and then one byte of
 * it every `--interval` seconds. Prints `{"event":"ready"}` when every client has connected and sent its beginning, and on
 * SIGTERM, or when standard input ends, `{"event":"report"}` with what happened since. Answers are bytes that came.
 */
import { createConnection, type Socket } from 'node:net'
import { setTimeout } from 'node:timers'
import { crowdAddress, crowdArguments, runCrowd, type CrowdClient } from '../harness/client-crowd.ts'

const crowd = crowdArguments()
const { port, path } = crowd

/** Two pieces, the second with whole lines: a reader that parses line by line has state to keep then, its dearest case. */
const FIRST = Buffer.from(`GET ${path} HTT`)
const SECOND = Buffer.from(`P/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: weir-bench/1\r\nX-Slow: `)
const BETWEEN_MS = 100
const BYTE = Buffer.from('a')

class SlowClient implements CrowdClient {
  /** Bytes. */
  answers = 0
  failed = false
  readonly #socket: Socket

  constructor (index: number, onSettled: () => void) {
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress: crowdAddress(index), noDelay: true })
    this.#socket.once('connect', () => { this.#begin(onSettled) })
    this.#socket.on('data', (bytes: Buffer) => { this.answers += bytes.length })
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

runCrowd(crowd, { connectingAtOnce: 256, tickMs: 2 }, (index, onSettled) => new SlowClient(index, onSettled))
