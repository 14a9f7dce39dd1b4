/** A worker thread is killed under load: only its own connections break, and it is replaced at once. */
import t from 'tap'
import { systemClock } from '../../src/core/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { dataPlaneOptions, routeSpecs } from '../../src/runtime/data-plane-options.ts'
import { WorkerPool } from '../../src/runtime/worker-pool.ts'
import { WorkerThread } from '../../src/runtime/worker-thread.ts'
import { CounterBook } from '../../src/telemetry/counter-book.ts'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { freePort } from '../helpers/free-port.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { eventually } from '../helpers/weir-process.ts'

const DEATHS = scaled(2, 10)
/** The promise is a second; machines that run the whole suite are slower. */
const REPLACED_MS = scaled(5_000, 1_000)

t.setTimeout(scaled(60_000, 600_000))

t.test(`a worker of two is killed ${DEATHS} times under load`, async t => {
  const { pods } = await startPods(t, ['pod-1', 'pod-2'])
  const port = await freePort()
  const text = JSON.stringify({ listeners: [{ name: 'web', address: '127.0.0.1', port }], routes: [{ name: 'hello', versions: [versionOf('v1', 1, pods)] }] })
  const { config } = await loadConfig({ file: `${t.testdir({ 'weir.yaml': text })}/weir.yaml`, env: {}, args: [] })
  const book = new CounterBook(systemClock)
  const threads: WorkerThread[] = []
  const pool = new WorkerPool({
    clock: systemClock,
    log: new RecordingLogger(),
    book,
    spawn: (data, startedMs, events) => {
      const thread = new WorkerThread(data, startedMs, events)
      threads.push(thread)
      return thread
    },
    health: { report: () => {}, forget: () => {} },
    appendAccessLog: (_, done) => { done() },
    onRestart: () => {}
  }, { count: 2, listeners: config.listeners, reusePort: true }, dataPlaneOptions(config))
  t.teardown(async () => { await pool.stop() })
  pool.start()
  pool.sendEndpoints('hello', 'v1', pods.map(({ spec }) => ({ address: spec.address, port: spec.port, ready: true, serving: true, terminating: false })))
  await pool.publish({ route: 'hello', epoch: 1, weights: { v1: 1 } }, 10_000)
  pool.sendRoutes(dataPlaneOptions(config), routeSpecs(config, (route, version) => book.slotFor(route, version), file => ({ digest: file, pem: '' })))
  await pool.listen()

  const load = new PacedLoad({ port, ...CHAOS_LOAD, posts: 0 })
  await load.more(100)
  let broken = 0
  for (let death = 0; death < DEATHS; death++) {
    // The victim is the one that runs in the place of worker 0.
    const victim = death === 0 ? threads[0] : threads.at(-1)
    const accepted = book.readWorker(0).connectionsAccepted
    broken += book.readWorker(0).connectionsOpen
    const killedMs = performance.now()
    await victim?.terminate()
    await eventually(async () => book.readWorker(0).connectionsAccepted > accepted || threads.length > death + 2 ? true : undefined)
    // Connections of clients that have to connect again are spread over both.
    await eventually(async () => {
      await load.more(10)
      const connections = await Promise.all(Array.from({ length: 8 }, async () => await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })))
      await Promise.all(connections.map(async response => await response.text()))
      return book.readWorker(0).connectionsAccepted > accepted ? true : undefined
    })
    const tookMs = performance.now() - killedMs
    t.ok(tookMs < REPLACED_MS, `the replacement served after ${Math.round(tookMs)} ms`)
  }
  await load.stop()

  t.same(load.failures.filter(({ status }) => status !== 0), [], 'nobody got an error for an answer')
  t.ok(load.failures.length <= broken, `${load.failures.length} requests were lost, with ${broken} connections of the dead`)
  t.ok(load.connects <= CHAOS_LOAD.clients + broken, 'the connections of the other one went on')
  t.equal(load.sent, load.answered + load.failed('GET').length)
  t.equal(threads.length, 2 + DEATHS)
  t.comment(load.summary())
  t.equal(await pool.drain(5_000), 0)
})
