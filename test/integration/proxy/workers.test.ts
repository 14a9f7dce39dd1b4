/** Real worker threads: what the tests in one thread cannot show. */
import t, { type Test } from 'tap'
import { planeOptions } from '../../helpers/data-plane.ts'
import { freePort } from '../../helpers/free-port.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { get, post, RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok, RawOrigin } from '../../helpers/raw-origin.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'
import { ThreadPool } from '../../helpers/thread-pool.ts'
import { until } from '../../helpers/until.ts'

const WORKERS = 2

interface Running extends Pick<ThreadPool, 'pool' | 'book' | 'threads' | 'accessLines'> {
  readonly port: number
}

/** Two workers with one route of two versions, whose origins answer with their names. */
async function start (t: Test): Promise<Running> {
  const origins = await Promise.all(['stable', 'canary'].map(async name => await RawOrigin.start((request, connection) => { connection.send(ok(`${name} ${request.body.toString()}`)) })))
  const port = await freePort()
  const options = planeOptions({ accessLog: { mode: 'on', sampleRate: 1 } })
  const { pool, book, threads, accessLines } = new ThreadPool({ count: WORKERS, listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: true }, options)
  pool.start()
  for (const [index, version] of ['stable', 'canary'].entries()) {
    pool.sendEndpoints('test', version, [{ address: '127.0.0.1', port: origins[index]?.port ?? 0, ready: true, serving: true, terminating: false }])
  }
  t.equal((await pool.publish({ route: 'test', epoch: 1, weights: { stable: 1, canary: 0 }, salt: '' }, PATIENCE_MS)).applied, WORKERS)
  pool.sendRoutes(options, [{
    name: 'test',
    match: {},
    affinity: { by: 'none', level: 'version' },
    balancing: 'least-request',
    policy: testPolicy(),
    placement: null,
    mirror: null,
    versions: ['stable', 'canary'].map(name => ({ name, slot: book.slotFor('test', name) }))
  }])
  await pool.listen()
  t.teardown(async () => {
    await pool.stop()
    await Promise.all(origins.map(async origin => { await origin.close() }))
  })
  return { pool, book, port, threads, accessLines }
}

t.test('two workers share a port, take weights, count and log', async t => {
  const { pool, book, port, accessLines } = await start(t)
  const clients = await Promise.all(Array.from({ length: 32 }, async () => await RawClient.connect(port)))
  for (const client of clients) t.equal((await client.ask(post('/', 'x'))).body.toString(), 'stable x')
  const receipt = await pool.publish({ route: 'test', epoch: 2, weights: { stable: 0, canary: 1 }, salt: '' }, PATIENCE_MS)
  t.match(receipt, { workers: WORKERS, applied: WORKERS })
  for (const client of clients) t.equal((await client.ask(get())).body.toString(), 'canary ', 'every request after the receipt')
  t.same([0, 1].map(id => book.readWorker(id).connectionsAccepted > 0), [true, true], 'the kernel spreads connections')
  await until(() => book.read('test', 'canary')?.requestsByClass[1] === 32)
  t.match(book.read('test', 'stable'), { requestsByClass: [0, 32, 0, 0, 0], requestBodyBytes: 32, inFlight: 0 })
  t.match(book.read('test', 'canary'), { requestsByClass: [0, 32, 0, 0, 0] })
  await until(() => accessLines.length === 64)
  t.equal(accessLines.filter(line => JSON.parse(line).version === 'canary').length, 32)
  for (const client of clients) client.destroy()
})

t.test('a worker that dies is replaced, and its replacement knows everything', async t => {
  const { pool, book, port, threads } = await start(t)
  await pool.publish({ route: 'test', epoch: 2, weights: { stable: 0, canary: 1 }, salt: '' }, PATIENCE_MS)
  const before = await RawClient.connect(port)
  t.equal((await before.ask(get())).body.toString(), 'canary ')
  before.destroy()
  // A worker counts when the answer is out already.
  await until(() => book.read('test', 'canary')?.requestsByClass[1] === 1)
  await threads[0]?.terminate()
  await until(() => threads.length === WORKERS + 1 && pool.workers().every(({ appliedEpoch }) => appliedEpoch('test') === 2) && pool.workers().length === WORKERS)
  // The replacement is listening as soon as connections are spread over both again.
  const accepted = book.readWorker(0).connectionsAccepted
  const clients: RawClient[] = []
  await until(() => {
    void RawClient.connect(port).then(client => { clients.push(client) })
    return book.readWorker(0).connectionsAccepted > accepted
  })
  for (let round = 0; round < 20; round++) {
    const client = await RawClient.connect(port)
    clients.push(client)
    t.equal((await client.ask(get())).body.toString(), 'canary ')
  }
  await until(() => book.read('test', 'canary')?.requestsByClass[1] === 21)
  t.match(book.read('test', 'canary'), { requestsByClass: [0, 21, 0, 0, 0] }, 'what its predecessor counted is kept')
  for (const client of clients) client.destroy()
})

t.test('a drain finishes what is in flight and closes the listeners', async t => {
  const { pool, port } = await start(t)
  const busy = await RawClient.connect(port)
  busy.expect('POST')
  busy.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo')
  const idle = await RawClient.connect(port)
  t.equal(statusOf(await idle.ask(get())), 200)
  const drained = pool.drain(5_000)
  await idle.untilEnded()
  idle.end()
  busy.send('dy')
  t.equal((await busy.answer()).body.toString(), 'stable body')
  await busy.untilEnded()
  busy.end()
  t.equal(await drained, 0, 'nothing was cut')
  const refused = await RawClient.connect(port)
  t.equal(refused.error, 'ECONNREFUSED')
})
