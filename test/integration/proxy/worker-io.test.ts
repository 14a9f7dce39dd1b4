/** What a real worker thread decides of the way that its streams take, and whom it tells. */
import t, { type Test } from 'tap'
import { tellIo } from '../../../src/worker/worker-app.ts'
import { planeOptions } from '../../helpers/data-plane.ts'
import { freePort } from '../../helpers/free-port.ts'
import { get, RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ThreadPool } from '../../helpers/thread-pool.ts'

async function started (t: Test, io: 'auto' | 'events'): Promise<{ readonly threads: ThreadPool, readonly status: number }> {
  const port = await freePort()
  const options = planeOptions()
  const threads = new ThreadPool({ count: 1, listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: false, io }, options)
  threads.pool.start()
  threads.pool.sendRoutes(options, [])
  await threads.pool.listen()
  t.teardown(async () => { await threads.pool.stop() })
  const client = await RawClient.connect(port)
  const status = statusOf(await client.ask(get()))
  client.destroy()
  return { threads, status }
}

t.test('a worker on a Node that was checked works on handles, and has nothing to say about it', async t => {
  const { threads, status } = await started(t, 'auto')
  t.same([threads.io, status, threads.log.lines.filter(({ level }) => level !== 'debug')], ['direct', 404, []])
})

t.test('io: events leaves them out: it serves the same, is known, and the log says what it costs', async t => {
  const { threads, status } = await started(t, 'events')
  t.same([threads.io, status], ['events', 404])
  t.match(threads.log.lines, [{ level: 'warn', message: /^TCP connections work on events/, fields: { reason: 'the option io says so', remedy: /CPU/ } }])
})

t.test('a Node that was not checked is named when its trial has passed', async t => {
  t.match(tellIo({ part: 'TLS', mode: 'direct', reason: '', nodeVersion: '26.99.0' }), [{ type: 'io', mode: 'direct' }, { type: 'log', level: 'info', fields: { node: '26.99.0' } }])
  t.same(tellIo({ part: 'TLS', mode: 'direct', reason: '', nodeVersion: '26.12.1' }), [{ type: 'io', mode: 'direct' }])
  t.match(tellIo({ part: 'TCP', mode: 'events', reason: 'a write is lost', nodeVersion: '26.99.0' }), [{ type: 'io', mode: 'events' }, { level: 'warn', fields: { reason: 'a write is lost' } }])
})
