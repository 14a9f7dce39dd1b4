import t from 'tap'
import { AccessLog, type AccessLogOptions, type AccessLogPolicy } from '../../../src/telemetry/access-log.ts'
import { WORKER, WORKER_LENGTH } from '../../../src/telemetry/counter-layout.ts'
import { accessEntry } from '../../helpers/access-entry.ts'

interface SetUp {
  readonly log: AccessLog
  readonly batches: string[]
  readonly lines: () => readonly string[]
  readonly dropped: () => number
}

function setUp (policy: AccessLogPolicy, options: Partial<AccessLogOptions> = {}): SetUp {
  const batches: string[] = []
  const page = new Float64Array(WORKER_LENGTH)
  const log = new AccessLog({
    policy,
    random: () => { throw new Error('no draw was needed') },
    send: batch => { batches.push(Buffer.from(batch).toString('utf8')) },
    page,
    ...options
  })
  return { log, batches, lines: () => batches.join('').split('\n').slice(0, -1), dropped: () => page[WORKER.accessLogDropped] ?? NaN }
}

const on = { mode: 'on', sampleRate: 0 } as const

t.test('a request is one line of JSON', t => {
  const { log, lines } = setUp(on)
  log.record(accessEntry())
  log.flush()
  t.strictSame(lines().map((line): unknown => JSON.parse(line)), [{
    time: '2026-01-02T03:04:05.067Z',
    route: 'hello',
    version: 'stable',
    endpoint: '10.0.0.1:8080',
    method: 'GET',
    host: 'hello.example.com',
    path: '/',
    protocol: 'HTTP/1.1',
    status: 200,
    error: null,
    fault: null,
    stickyKey: 'client-ip',
    keyHash: '1b4ba205',
    epoch: 3,
    requestId: '0123456789abcdef',
    clientIp: '203.0.113.9',
    bytesIn: 0,
    bytesOut: 64,
    durationMs: 1.235,
    connectMs: null,
    firstByteMs: 1,
    attempts: 1,
    reused: true,
    retried: null,
    fallbackFrom: null,
    failedOverFrom: null,
    placement: null,
    placedBy: null
  }])
  t.end()
})

t.test('times are right on both sides of a second', t => {
  const { log, lines } = setUp(on)
  const second = Date.UTC(2026, 0, 1)
  for (const wallMs of [second - 1, second, second + 999.9, second + 1000]) log.record(accessEntry({ wallMs }))
  log.flush()
  t.strictSame(lines().map(line => /"time":"([^"]*)"/.exec(line)?.[1]), [
    '2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.999Z', '2026-01-01T00:00:01.000Z'
  ])
  t.end()
})

t.test('off wants and records nothing, until it is switched on', t => {
  const { log, batches } = setUp({ mode: 'off', sampleRate: 1 })
  t.equal(log.wants(502, true), false)
  log.record(accessEntry({ status: 502, error: 'upstream_reset' }))
  log.flush()
  t.strictSame(batches, [])
  log.configure(on)
  t.equal(log.wants(200, false), true)
  log.record(accessEntry())
  log.flush()
  t.equal(batches.length, 1)
  t.end()
})

t.test('lines recorded before the log is switched off are still sent', t => {
  const { log, batches } = setUp(on)
  log.record(accessEntry())
  log.configure({ mode: 'off', sampleRate: 0 })
  log.flush()
  t.equal(batches.length, 1)
  t.end()
})

t.test('sampled wants every failure and its share of the rest', t => {
  const draws = [0.24, 0.25, 0, 0.9]
  const { log } = setUp({ mode: 'sampled', sampleRate: 0.25 }, { random: () => draws.shift() ?? NaN })
  t.equal(log.wants(200, false), true)
  t.equal(log.wants(200, false), false)
  t.equal(log.wants(500, false), true, 'an answer of the origin that failed')
  t.equal(log.wants(499, true), true, 'a failure that is no 5xx')
  t.equal(log.wants(404, false), true)
  t.equal(log.wants(404, false), false)
  t.equal(draws.length, 0)
  t.end()
})

t.test('sampled at 0 still wants failures, at 1 everything', t => {
  const { log } = setUp({ mode: 'sampled', sampleRate: 0 }, { random: () => 0 })
  t.equal(log.wants(200, false), false)
  t.equal(log.wants(503, true), true)
  log.configure({ mode: 'sampled', sampleRate: 1 })
  t.equal(log.wants(200, false), true)
  t.end()
})

t.test('a full buffer goes out by itself, in whole lines and in memory of its own', t => {
  const sent: Array<Uint8Array<ArrayBuffer>> = []
  const { log } = setUp(on, { send: batch => { sent.push(batch) } })
  for (let index = 0; index < 1_000; index++) log.record(accessEntry({ requestId: `id-${index}` }))
  log.flush()
  log.flush()
  const texts = sent.map(batch => Buffer.from(batch).toString())
  t.ok(sent.length > 1)
  t.ok(texts.every(text => text.endsWith('\n') && text.length <= 65_536))
  t.ok(sent.every(batch => batch.buffer.byteLength === batch.byteLength), 'a transfer moves nothing else')
  const ids = texts.join('').split('\n').slice(0, -1).map(line => /"requestId":"([^"]*)"/.exec(line)?.[1])
  t.strictSame(ids, Array.from({ length: 1_000 }, (_, index) => `id-${index}`))
  t.end()
})

t.test('while the control plane lags, lines are dropped and counted, and memory is bounded', t => {
  const { log, batches, lines, dropped } = setUp(on, { maxOutstandingBytes: 128 * 1024 })
  for (let index = 0; index < 2_000; index++) log.record(accessEntry())
  log.flush()
  const sentBytes = batches.join('').length
  t.ok(sentBytes <= 128 * 1024)
  t.ok(dropped() > 0)
  log.acknowledge(sentBytes)
  log.flush()
  t.equal(lines().length + dropped(), 2_000, 'every line is written or counted')
  log.acknowledge(Number.MAX_SAFE_INTEGER)
  const before = dropped()
  log.record(accessEntry())
  log.flush()
  t.equal(dropped(), before, 'and it goes on afterwards')
  t.end()
})
