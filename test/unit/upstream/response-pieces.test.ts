import fc from 'fast-check'
import t from 'tap'
import { RESPONSE_HEADROOM } from '../../../src/http1/rewrite-response-head.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { createReadBuffer } from '../../../src/net/byte-stream.ts'
import { interimResponse } from '../../../src/http1/response-writer.ts'
import type { HttpResponse } from '../../../src/http/http-response.ts'
import { ResponseHead } from '../../../src/http1/response-head.ts'
import type { CallEvents } from '../../../src/upstream/upstream-call.ts'
import { PlainTransport } from '../../../src/upstream/transport-book.ts'
import type { Dialer } from '../../../src/upstream/transport.ts'
import { UpstreamConnection } from '../../../src/upstream/upstream-connection.ts'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { latin1 } from '../../helpers/http1-message.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { fieldsOf } from '../../helpers/weir-http1-reader.ts'
import { READ_TAILROOM } from '../../../src/http1/chunk-framing.ts'

/** An answer with every kind of part: interim heads with and without fields, a head, chunks, extensions and trailers. */
const CHUNKED = latin1('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.0 102 P\r\n\r\n' +
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: x\r\nX: 1\r\n\r\n5;a="b"\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\nHost: x\r\n\r\n')
const SIZED = latin1('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Gone\r\nContent-Length: 5\r\n\r\nhello')
/** Heads that are each larger than what room is kept for at first. */
const LONG = latin1(`HTTP/1.1 103 Early Hints\r\nLink: ${'a'.repeat(700)}\r\n\r\n`.repeat(3) + `HTTP/1.1 200 OK\r\nX: ${'b'.repeat(1_500)}\r\nContent-Length: 5\r\n\r\nhello`)
const REFUSED = latin1('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello')

/** Keeps what it is told, and spoils the room around it as a rewritten response would. */
class RecordingSink implements CallEvents {
  readonly interims: string[] = []
  head: unknown
  body = ''
  trailers = ''
  failure = ''
  done = false
  readonly #ready: () => void

  constructor (ready: () => void) { this.#ready = ready }

  onCallReady (): void { this.#ready() }

  onInterim (head: HttpResponse): void {
    if (head instanceof ResponseHead) this.interims.push(interimResponse(head).toString('latin1'))
  }

  onHead (head: HttpResponse): void {
    if (!(head instanceof ResponseHead)) throw new Error('not a head of HTTP/1.1')
    const { fields, start } = head
    this.head = [head.status, head.bodyFraming, head.length, fieldsOf(fields), [...fields.dropped.subarray(0, fields.droppedCount)]]
    fields.buf.fill(0x21, start - RESPONSE_HEADROOM, head.end)
  }

  onBody (buf: Buffer, start: number, end: number): void {
    this.body += buf.toString('latin1', start, end)
  }

  onEnd (buf: Buffer, start: number, end: number, trailers: Buffer | undefined): void {
    this.body += buf.toString('latin1', start, end)
    this.done = true
    this.trailers = trailers?.toString('latin1') ?? ''
    buf.fill(0x21, end, end + READ_TAILROOM)
  }

  onSwitch (): never { throw new Error('no upgrade was offered') }
  onCallDrain (): void {}
  onFailed (code: string, fault: string): void { this.failure = `${code}: ${fault}` }

  get outcome (): unknown {
    const { interims, head, body, trailers, failure, done } = this
    return { interims, head, body, trailers, failure, done }
  }
}

/** A connection that gets its reads from the test; each answer comes on the one that is kept, or on a new one. */
class Endpoint {
  readonly key = 'origin'
  readonly segmentBytes = 1_200
  readonly dialer: Dialer
  readonly #context = new ProxyBench({}, systemClock).plane
  #connection: UpstreamConnection | null = null

  constructor (port: number) { this.dialer = new PlainTransport(this.#context).dialerTo({ address: '127.0.0.1', port }) }

  opening (): void {}
  opened (): void {}
  closed (): void {}
  tunnelChanged (): void {}
  park (): boolean { return true }
  unpark (): void { this.#connection = null }

  close (): void { this.#connection?.cancel() }

  /** What an exchange is told of an answer that comes in pieces which end at each of `splits`. */
  async answer (bytes: Buffer, splits: readonly number[]): Promise<unknown> {
    let ready = (): void => {}
    const sink = new RecordingSink(() => { ready() })
    const connection = this.#connection ?? new UpstreamConnection(this, this.#context)
    connection.assign(sink, { idempotent: true, toHead: false, offered: '', logsIn: false })
    if (connection !== this.#connection) await new Promise<void>(resolve => { ready = resolve })
    // The request is out.
    connection.sent = true
    this.#connection = connection
    let from = 0
    for (const stop of [...splits, bytes.length]) {
      if (sink.failure !== '' || stop === from) continue
      const { memory, offset } = createReadBuffer(RESPONSE_HEADROOM, stop - from, READ_TAILROOM)
      bytes.copy(memory, offset, from, stop)
      connection.onBytes(memory, offset, offset + stop - from)
      from = stop
    }
    if (sink.failure === '') connection.release(true, true)
    else this.#connection = null
    return sink.outcome
  }
}

async function withEndpoint (run: (endpoint: Endpoint) => Promise<void>): Promise<void> {
  const origin = await RawOrigin.start()
  const endpoint = new Endpoint(origin.port)
  try {
    await run(endpoint)
  } finally {
    endpoint.close()
    await origin.close()
  }
}

t.test('the answer is what was sent', async t => {
  await withEndpoint(async endpoint => {
    t.same(await endpoint.answer(CHUNKED, []), {
      interims: ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', 'HTTP/1.1 100 \r\n\r\n', 'HTTP/1.1 102 P\r\n\r\n'],
      head: [200, 2, -1, [['Transfer-Encoding', 'chunked'], ['Keep-Alive', 'x'], ['X', '1']], [0, 1]],
      body: 'hello world',
      trailers: 'X-Sum: 1\r\n',
      failure: '',
      done: true
    })
  })
})

for (const [what, bytes] of [['interim heads and chunks', CHUNKED], ['an interim head and a length', SIZED], ['a head that is refused', REFUSED]] as const) {
  t.test(`${what}: the same whole, cut once and twice at every point, and byte after byte`, async t => {
    await withEndpoint(async endpoint => {
      const whole = await endpoint.answer(bytes, [])
      const everyByte = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1)
      t.strictSame(await endpoint.answer(bytes, everyByte), whole, 'byte after byte')
      const expected = JSON.stringify(whole)
      const wrong: string[] = []
      // A refusal costs a new connection.
      const step = bytes === REFUSED ? 17 : 3
      for (const first of everyByte) {
        if (JSON.stringify(await endpoint.answer(bytes, [first])) !== expected) wrong.push(`${first}`)
        for (let second = first + 1; second < bytes.length; second += step) {
          if (JSON.stringify(await endpoint.answer(bytes, [first, second])) !== expected) wrong.push(`${first} ${second}`)
        }
      }
      t.strictSame(wrong, [])
    })
  })
}

for (const [what, bytes] of [['interim heads and chunks', CHUNKED], ['long heads', LONG]] as const) {
  t.test(`${what}: the same however many pieces it comes in`, async t => {
    await withEndpoint(async endpoint => {
      const whole = JSON.stringify(await endpoint.answer(bytes, []))
      const byteByByte = await endpoint.answer(bytes, Array.from({ length: bytes.length - 1 }, (_, index) => index + 1))
      t.equal(JSON.stringify(byteByByte), whole)
      await fc.assert(fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 40 }), async places => {
        const cut = JSON.stringify(await endpoint.answer(bytes, places.toSorted((a, b) => a - b)))
        if (cut !== whole) throw new Error(`${cut} is not ${whole}`)
      }), { seed: 7, numRuns: 400 })
    })
  })
}

t.test('the limit of a head is that of each, not of all interim heads together', async t => {
  await withEndpoint(async endpoint => {
    const bytes = latin1(`HTTP/1.1 103 Early Hints\r\nLink: ${'a'.repeat(12_000)}\r\n\r\n`.repeat(4) + 'HTTP/1.1 204 \r\n\r\n')
    const whole = await endpoint.answer(bytes, [])
    t.match(whole, { interims: { length: 4 }, failure: '', done: true })
    for (const size of [1, 1_460, 8_000]) {
      const splits = Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, index) => (index + 1) * size)
      t.equal(JSON.stringify(await endpoint.answer(bytes, splits)) === JSON.stringify(whole), true, `pieces of ${size}`)
    }
  })
})
