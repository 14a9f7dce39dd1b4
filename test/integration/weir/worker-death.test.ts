/**
 * Real worker threads, one of which is killed: clients of its peer notice nothing, and its replacement serves like any other.
 */
import t from 'tap'
import { loadConfig } from '../../../src/config/load.ts'
import { dataPlaneOptions, routeSpecs } from '../../../src/routes/configured-options.ts'
import { freePort } from '../../helpers/free-port.ts'
import { connectClient, type KeepAliveClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { ThreadPool } from '../../helpers/thread-pool.ts'
import { eventually } from '../../helpers/weir-process.ts'

const CLIENTS = 40

async function connectMany (port: number): Promise<readonly KeepAliveClient[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, async () => await connectClient({ port })))
}

t.test('one of two workers is killed under open connections', async t => {
  const [hello] = await startOrigins(t, ['hello'])
  const port = await freePort()
  const text = JSON.stringify({ listeners: [{ name: 'web', address: '127.0.0.1', port }], routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }] })
  const { config } = await loadConfig({ file: `${t.testdir({ 'weir.yaml': text })}/weir.yaml`, env: {}, args: [] })
  const running = new ThreadPool({ count: 2, listeners: config.listeners, reusePort: true }, dataPlaneOptions(config, 268_435_456))
  const { pool, book, threads } = running
  t.teardown(async () => { await pool.stop() })
  const published = async (epoch: number) => await pool.publish({ route: 'hello', epoch, weights: { v1: 1 }, salt: '' }, 10_000)

  pool.start()
  pool.sendEndpoints('hello', 'v1', [{ address: '127.0.0.1', port: hello.port, ready: true, serving: true, terminating: false }])
  t.match(await published(1), { workers: 2, applied: 2 })
  const options = dataPlaneOptions(config, 268_435_456)
  pool.sendRoutes(
    options,
    routeSpecs(config.routes, {
      common: { ...options, overrides: config.overrides },
      slotFor: (route, version) => book.slotFor(route, version),
      files: { authoritiesOf: file => ({ digest: file, pem: '' }), keysOf: () => [] }
    })
  )
  await pool.listen()

  const clients = await connectMany(port)
  for (const client of clients) t.match(await client.get(), { status: 200, body: 'hello' })
  const requests = (): number => (book.read('hello', 'v1')?.requestsByClass ?? []).reduce((sum, count) => sum + count, 0)
  // What has been answered is counted a moment after.
  await eventually(async () => requests() === CLIENTS ? true : undefined)
  const ofVictim = book.readWorker(0).connectionsOpen
  t.ok(ofVictim > 0 && ofVictim < CLIENTS, `the victim has ${ofVictim} of ${CLIENTS} connections`)

  await threads[0]?.terminate()
  await eventually(async () => clients.filter(({ closed }) => closed).length === ofVictim ? true : undefined)
  const survivors = clients.filter(({ closed }) => !closed)
  for (const client of survivors) await client.get()
  await eventually(async () => requests() >= CLIENTS + survivors.length ? true : undefined)
  t.equal(requests(), CLIENTS + survivors.length, 'its clients lose their connections, those of its peer notice nothing, and counters only rise')
  t.equal(running.restarts, 1)

  t.match(await published(2), { workers: 2, applied: 2 }, 'a change waits for the replacement')
  t.equal(threads.length, 3)
  const replacement = async (): Promise<number> => {
    const more = await connectMany(port)
    for (const client of more) t.match(await client.get(), { status: 200 })
    for (const client of more) client.close()
    return book.readWorker(0).connectionsAccepted
  }
  t.ok(await eventually(async () => await replacement() > ofVictim ? true : undefined), 'the replacement serves, with routes and endpoints from its first request on')

  for (const client of clients) client.close()
  t.equal(await pool.drain(5_000), 0)
})
