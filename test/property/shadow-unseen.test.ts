/**
 * A mirror changes nothing real: whatever is asked and answered, and whatever the shadow does with its copies, clients and endpoints get the
 * same bytes with it as without, and nothing is counted for a version, an endpoint or its health.
 */
import fc from 'fast-check'
import t from 'tap'
import type { MirrorSpec } from '../../src/contract/mirror-spec.ts'
import { emptyShadowTally, addShadowCounts } from '../../src/contract/shadow-report.ts'
import { LATENCY_BOUNDS_S } from '../../src/telemetry/counter-layout.ts'
import { closedPort } from '../helpers/closed-port.ts'
import { ProxyBench } from '../helpers/data-plane.ts'
import { propertyRuns } from '../helpers/property-runs.ts'
import type { OriginConnection, OriginHandler } from '../helpers/raw-origin.ts'
import { NO_EJECTION } from '../helpers/two-endpoints.ts'

const MIRROR: MirrorSpec = {
  to: 'canary',
  percent: 100,
  maxBodyBytes: 20_000,
  maxAnswerBytes: 50_000,
  methods: 'all',
  cookies: true,
  authorization: true,
  removeHeaders: [],
  timeoutMs: 60_000,
  compare: { headers: null, ignoreHeaders: [], body: true, ignoreJsonPaths: ['/a'], maxJsonBytes: 1_000, exampleBytes: 10 }
}

/** What the shadow does with a copy. */
const SHADOWS = {
  answers: connection => { connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok') },
  hangs: () => {},
  resets: connection => { connection.reset() },
  closes: connection => { connection.end() },
  garbage: connection => { connection.send(Buffer.alloc(5_000, 0x41)) },
  breaks: connection => {
    connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz')
  },
  endless: connection => {
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n')
    const more = (): void => {
      while (!connection.closed && connection.send(Buffer.alloc(65_536))) { /* until the kernel takes no more */ }
      if (!connection.closed) connection.socket.once('drain', more)
    }
    more()
  },
  switches: connection => { connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n') },
  interims: connection => { connection.send(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40)}`) }
} as const satisfies Readonly<Record<string, (connection: OriginConnection) => void>>

type ShadowKind = keyof typeof SHADOWS | 'dead'

interface Exchange {
  readonly request: string
  readonly method: string
  readonly answer: string
  /** The request is sent in so many pieces. */
  readonly pieces: number
}

const body = fc.oneof(fc.constant(''), fc.constant('{"b":1,"a":2}'), fc.integer({ min: 1, max: 60_000 }).map(length => 'x'.repeat(length)))

const exchange: fc.Arbitrary<Exchange> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE'),
  sent: body,
  chunked: fc.boolean(),
  status: fc.constantFrom(200, 200, 404, 500, 503),
  got: body,
  gotChunked: fc.boolean(),
  json: fc.boolean(),
  pieces: fc.integer({ min: 1, max: 4 })
}).map(({ method, sent, chunked, status, got, gotChunked, json, pieces }) => {
  const withBody = method === 'POST' || method === 'PUT'
  const requestBody = !withBody
    ? '\r\n'
    : chunked ? `Transfer-Encoding: chunked\r\n\r\n${chunksOf(sent)}` : `Content-Length: ${sent.length}\r\n\r\n${sent}`
  const type = json ? 'Content-Type: application/json\r\n' : ''
  const answerBody = method === 'HEAD'
    ? `Content-Length: ${got.length}\r\n\r\n`
    : gotChunked ? `Transfer-Encoding: chunked\r\n\r\n${chunksOf(got)}` : `Content-Length: ${got.length}\r\n\r\n${got}`
  return {
    method,
    pieces,
    request: `${method} /p HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\nAuthorization: Basic eA==\r\n${requestBody}`,
    answer: `HTTP/1.1 ${status} Any\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n${type}${answerBody}`
  }
})

function chunksOf (text: string): string {
  return `${text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`}0\r\n\r\n`
}

interface Seen {
  readonly client: string
  readonly origin: string
  readonly counted: unknown
  readonly drawn: number
}

/** Holds the exchanges one after the other on one connection. */
async function hold (exchanges: readonly Exchange[], kind: ShadowKind, mirror: MirrorSpec | null): Promise<Seen> {
  const bench = await ProxyBench.start()
  try {
    let index = 0
    const stable = await bench.extraOrigin((_request, connection) => { connection.send(exchanges[index]?.answer ?? '') })
    const shadow: OriginHandler = (_request, connection) => { if (kind !== 'dead') SHADOWS[kind](connection) }
    const canary = kind === 'dead' ? await closedPort() : (await bench.extraOrigin(shadow)).port
    await bench.routes.shadows.load()
    bench.route([{ weights: { stable: 1, canary: 0 }, policy: NO_EJECTION, mirror }])
    bench.endpoints('stable', [stable.port])
    bench.endpoints('canary', [canary])
    const client = await bench.client()
    let got = ''
    for (const { request, method, pieces } of exchanges) {
      client.expect(method)
      const bytes = Math.ceil(request.length / pieces)
      await client.sendPieces(Array.from({ length: pieces }, (_, piece) => request.slice(piece * bytes, (piece + 1) * bytes)))
      const { startLine, fields, body: answered } = await client.answer()
      got += `${startLine} ${JSON.stringify(fields)} ${answered.toString('latin1')}\n`
      index++
    }
    const tally = emptyShadowTally(LATENCY_BOUNDS_S.length + 1)
    const sums = (): number => Object.values(tally.failed).reduce((sum, count) => sum + count, 0) +
      Object.values(tally.different).reduce((sum, count) => sum + count, 0) + Object.values(tally.dropped).reduce((sum, count) => sum + count, 0) +
      tally.same + tally.uncompared
    // Those that hang are let go of.
    if (mirror !== null && (kind === 'hangs' || kind === 'interims')) for (const member of bench.plane.deadlines.snapshot()) member.shed?.()
    if (mirror !== null) {
      await bench.until('all copies to be counted', () => {
        for (const { report } of bench.routes.shadows.take()) addShadowCounts(tally, report.counts)
        if (kind === 'hangs' || kind === 'interims') for (const member of bench.plane.deadlines.snapshot()) member.shed?.()
        return tally.drawn === exchanges.length && sums() === exchanges.length
      })
    }
    bench.routes.shadows.close()
    const { latencySumS: _, latencyBuckets: __, ...counted } = { ...bench.version('stable') } as Record<string, unknown>
    return {
      client: got,
      origin: stable.requests.map(({ startLine, fields, framing, body: sent, trailers }) => JSON.stringify([
        startLine, fields.filter(([name]) => name !== 'X-Request-Id'), framing, sent.toString('latin1'), trailers
      ])).join('\n'),
      counted: [counted, bench.version('canary').inFlight, bench.version('canary').upstreamConnects, bench.version('canary').ejections],
      drawn: tally.drawn
    }
  } finally {
    await bench.end()
  }
}

t.test('with and without a mirror, whatever the shadow does, clients and endpoints get the same', async t => {
  const kinds: readonly ShadowKind[] = ['dead', 'answers', 'hangs', 'resets', 'closes', 'garbage', 'breaks', 'endless', 'switches', 'interims']
  await fc.assert(fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 5 }), fc.constantFrom(...kinds), async (exchanges, kind) => {
    const [plain, mirrored] = [await hold(exchanges, kind, null), await hold(exchanges, kind, MIRROR)]
    t.strictSame(mirrored.client, plain.client, `the client, ${kind}`)
    t.strictSame(mirrored.origin, plain.origin, `the endpoint, ${kind}`)
    t.strictSame(mirrored.counted, plain.counted, `the counters, ${kind}`)
    t.equal(mirrored.drawn, exchanges.length)
  }), { numRuns: propertyRuns(20) })
})
