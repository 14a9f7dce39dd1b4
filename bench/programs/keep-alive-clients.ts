/**
 * Clients that keep their connections: each connects, makes one request, and then makes one every `--interval` seconds,
 * or none with 0. Prints `{"event":"ready"}` when every client has had its first answer, and on SIGTERM, or when standard
 * input ends, `{"event":"report"}` with what happened since.
 */
import { createConnection, type Socket } from 'node:net'
import { crowdAddress, crowdArguments, runCrowd, type CrowdClient } from '../harness/client-crowd.ts'

const crowd = crowdArguments()
const { port, path } = crowd

const REQUEST = Buffer.from([
  `GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'User-Agent: weir-bench/1', 'Accept: */*',
  'Accept-Encoding: gzip, deflate, br', 'Accept-Language: en-GB,en;q=0.9', '', ''
].join('\r\n'))

/** One connection. Answers are taken by Content-Length, which the origins of the benchmarks always send. */
class KeepAliveClient implements CrowdClient {
  answers = 0
  failed = false
  readonly #socket: Socket
  readonly #onSettled: () => void
  #received = ''
  #missing = 0
  #waiting = false

  constructor (index: number, onSettled: () => void) {
    this.#onSettled = onSettled
    this.#socket = createConnection({ host: '127.0.0.1', port, localAddress: crowdAddress(index) })
    this.#socket.once('connect', () => { this.go() })
    this.#socket.on('data', (chunk: Buffer) => { this.#read(chunk) })
    this.#socket.on('error', () => { this.#fail() })
    this.#socket.on('close', () => { this.#fail() })
  }

  /** Nothing is sent while an answer is awaited: a client that is behind skips its turn. */
  go (): void {
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

// Few at once, to be kind to the others on this machine.
runCrowd(crowd, { connectingAtOnce: 64, tickMs: 20 }, (index, onSettled) => new KeepAliveClient(index, onSettled))
