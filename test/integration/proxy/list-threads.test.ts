/** What real worker threads make of a list that changes while they serve. */
import t, { type Test } from 'tap'
import { wireText } from '../../../src/routing/plain-request.ts'
import { planeOptions } from '../../helpers/data-plane.ts'
import { freePort } from '../../helpers/free-port.ts'
import { listBench, pieces } from '../../helpers/list-bench.ts'
import { PATIENCE_MS } from '../../helpers/patience.ts'
import { get, RawClient } from '../../helpers/raw-client.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'
import { ThreadPool } from '../../helpers/thread-pool.ts'
import { until } from '../../helpers/until.ts'

const WORKERS = 2
/** So many that the kernel gives some to each worker. */
const CLIENTS = 32
const META = { actor: 'ops', reason: '' }
const BETA = { route: 'test', list: 'beta' }

/** Two workers, everybody on stable but for those on the list, and connections to both. */
async function start (t: Test) {
  const origins = await Promise.all(['stable', 'canary'].map(async name => await RawOrigin.start((_, connection) => {
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
  })))
  const port = await freePort()
  const options = planeOptions()
  const { pool, book, threads } = new ThreadPool({ count: WORKERS, listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: true }, options)
  pool.start()
  const lists = await listBench({ publish: (route, list, table) => { pool.sendList(route, list, table) } }, {
    routes: [{ name: 'test', lists: [{ name: 'beta', version: 'canary', by: 'header', header: 'X-User' }] }], limits: { maxListMembers: 200_000 }
  })
  for (const [index, version] of ['stable', 'canary'].entries()) {
    pool.sendEndpoints('test', version, [{ address: '127.0.0.1', port: origins[index]?.port ?? 0, ready: true, serving: true, terminating: false }])
  }
  await pool.publish({ route: 'test', epoch: 1, weights: { stable: 1, canary: 0 }, salt: '' }, PATIENCE_MS)
  pool.sendRoutes(options, [{
    name: 'test',
    match: {},
    affinity: { by: 'client-ip', level: 'version' },
    balancing: 'least-request',
    policy: testPolicy(),
    placement: { overrides: null, lists: [{ name: 'beta', version: 'canary', by: 'header', field: 'X-User' }], matches: [] },
    mirror: null,
    versions: ['stable', 'canary'].map(name => ({ name, slot: book.slotFor('test', name) }))
  }])
  await pool.listen()
  const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => await RawClient.connect(port)))
  t.teardown(async () => {
    for (const client of clients) client.destroy()
    await pool.stop()
    await Promise.all(origins.map(async origin => { await origin.close() }))
  })
  /** What the user gets on every connection, and so from each worker. */
  const seen = async (user: string): Promise<readonly string[]> => {
    const answers: string[] = []
    for (const client of clients) answers.push((await client.ask(get('/', `X-User: ${wireText(user)}\r\n`))).body.toString())
    return [...new Set(answers)]
  }
  return { lists: lists.book, pool, threads, port, seen, clients }
}

t.test('a change is seen by the next request in every worker, without a message', async t => {
  const { lists, seen, threads } = await start(t)
  t.same(await seen('jörg'), ['stable'])
  t.match(await lists.add(BETA, 'jörg', META), { ok: true })
  t.same(await seen('jörg'), ['canary'])
  t.same(await seen('user-2'), ['stable'])
  t.match(await lists.remove(BETA, 'jörg', META), { ok: true })
  t.same(await seen('jörg'), ['stable'])
  t.equal(threads.length, WORKERS)
})

t.test('100,000 members are imported, and a change of them is seen at once; so it is by a worker that replaces another', async t => {
  const { lists, seen, threads, pool, port } = await start(t)
  const lines = Array.from({ length: 100_000 }, (_, id) => `"user-${id}"\n`).join('')
  const startMs = performance.now()
  t.match(await lists.import(BETA, pieces(lines), { ...META, replaces: true }), { ok: true, members: 100_000 })
  const storedMs = performance.now()
  while ((await seen('user-99999')).join() !== 'canary') t.ok(performance.now() - storedMs < PATIENCE_MS)
  t.comment(`stored after ${Math.round(storedMs - startMs)} ms, seen by all ${CLIENTS} connections within ${Math.round(performance.now() - storedMs)} ms`)
  t.match(await lists.remove(BETA, 'user-7', META), { ok: true, members: 99_999 })
  t.same(await seen('user-7'), ['stable'])
  t.match(await lists.add(BETA, 'one more', META), { ok: true, members: 100_000 })
  t.same(await seen('one more'), ['canary'])
  await threads[0]?.terminate()
  await until(() => threads.length === WORKERS + 1 && pool.workers().length === WORKERS && pool.workers().every(({ appliedEpoch }) => appliedEpoch('test') === 1))
  for (let client = 0; client < 8; client++) {
    const next = await RawClient.connect(port)
    t.equal((await next.ask(get('/', 'X-User: one more\r\n'))).body.toString(), 'canary')
    next.destroy()
  }
})
