/** What real worker threads tell the control plane of a rollout. */
import t, { type Test } from 'tap'
import { planeOptions } from '../../helpers/data-plane.ts'
import { EvidenceSum, testWatch } from '../../helpers/evidence-sum.ts'
import { freePort } from '../../helpers/free-port.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { get, RawClient } from '../../helpers/raw-client.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'
import { ThreadPool } from '../../helpers/thread-pool.ts'
import { NO_EJECTION, unavailable } from '../../helpers/two-endpoints.ts'
import { until } from '../../helpers/until.ts'

const WORKERS = 2
const CLIENTS = 32

interface Running extends Pick<ThreadPool, 'pool' | 'threads'> {
  readonly port: number
  readonly sum: EvidenceSum
  /** Who has told something. */
  readonly sources: ReadonlySet<string>
}

/** Two workers with a watched route whose clients all belong to the canary, which fails. */
async function start (t: Test): Promise<Running> {
  const canary = await RawOrigin.start((_, connection) => { connection.send(unavailable(500)) })
  const port = await freePort()
  const options = planeOptions()
  const { pool, book, threads } = new ThreadPool({ count: WORKERS, listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: true }, options)
  const sum = new EvidenceSum()
  const sources = new Set<string>()
  pool.onEvidence((_, __, report, source) => {
    sum.add(report)
    sources.add(source)
  })
  pool.start()
  pool.sendEndpoints('test', 'canary', [{ address: '127.0.0.1', port: canary.port, ready: true, serving: true, terminating: false }])
  await pool.publish({ route: 'test', epoch: 4, weights: { stable: 0, canary: 1 }, salt: 'rollout-1' }, PATIENCE_MS)
  pool.watch('test', testWatch())
  pool.sendRoutes(options, [{
    name: 'test',
    match: {},
    affinity: { by: 'header', header: 'x-user', level: 'version' },
    balancing: 'least-request',
    policy: testPolicy(NO_EJECTION),
    placement: null,
    mirror: null,
    versions: ['stable', 'canary'].map(name => ({ name, slot: book.slotFor('test', name) }))
  }])
  await pool.listen()
  t.teardown(async () => {
    await pool.stop()
    await canary.close()
  })
  return { pool, threads, port, sum, sources }
}

async function connectAll (port: number): Promise<readonly RawClient[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, async () => await RawClient.connect(port)))
}

const user = (number: number): string => get('/', `X-User: user-${number}\r\n`)

t.test('two workers tell what each has seen; of a client that has been to both there are two signs, of one bucket', async t => {
  const { port, sum, sources } = await start(t)
  const clients = await connectAll(port)
  for (const [number, client] of clients.entries()) await client.ask(user(number))
  for (const client of clients) await client.ask(user(0))
  await until(() => sum.of('to').requests === 2 * CLIENTS)
  t.same([sum.of('to', 4), sum.of('from'), sum.dropped], [{ requests: 2 * CLIENTS, failures: 2 * CLIENTS }, {}, 0])
  t.equal(sources.size, WORKERS)
  t.equal(sum.signs.length, CLIENTS + 1, 'all clients have been to both workers: the first')
  t.equal(new Set(sum.signs.map(({ bucket }) => bucket)).size, CLIENTS)
  for (const client of clients) client.destroy()
})

t.test('a worker that replaces another looks on from its first request, and says again what it can\'t know', async t => {
  const { pool, port, sum, sources, threads } = await start(t)
  const before = await connectAll(port)
  for (const client of before) await client.ask(user(0))
  await until(() => sum.of('to').requests === CLIENTS)
  await threads[0]?.terminate()
  await until(() => threads.length === WORKERS + 1 && pool.workers().length === WORKERS && pool.workers().every(({ appliedEpoch }) => appliedEpoch('test') === 4))
  for (const client of before) client.destroy()
  const told = sources.size
  const asked = sum.of('to').requests ?? 0
  let more = 0
  await until(() => {
    if (sources.size > told) return true
    more++
    void RawClient.connect(port).then(async client => {
      await client.ask(user(0))
      client.destroy()
    }).catch(() => {})
    return false
  })
  await until(() => sum.of('to').requests === asked + more)
  t.equal(sum.signs.length, WORKERS + 1)
  t.equal(new Set(sum.signs.map(({ bucket }) => bucket)).size, 1, 'the control plane knows it for the same client')
})

t.test('what was seen before the end of a drain is told', async t => {
  const { pool, port, sum } = await start(t)
  const clients = await connectAll(port)
  const answers = clients.map(async client => {
    await client.ask(user(1))
    client.destroy()
  })
  await Promise.all(answers)
  await pool.drain(5_000)
  t.same(sum.of('to'), { requests: CLIENTS, failures: CLIENTS })
})
