/** A worker that replaces another one is told to listen and to drain in the same moment. */
import net from 'node:net'
import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import t from 'tap'
import { systemClock } from '../../../src/core/clock.ts'
import { Random } from '../../../src/core/random.ts'
import { createLedgerMemory } from '../../../src/downstream/connection-ledger.ts'
import { WorkerApp } from '../../../src/worker/worker-app.ts'
import type { ControlMessage, WorkerMessage } from '../../../src/contract/messages.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { planeOptions } from '../../helpers/data-plane.ts'
import { freePort } from '../../helpers/free-port.ts'
import { workerIo } from '../../helpers/test-io.ts'
import { turns } from '../../helpers/turns.ts'

t.test('a drain that comes while the listeners are being opened closes them before the worker says that it is drained', async t => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => { port2.close() })
  const options = planeOptions()
  const { page } = new CounterBook(systemClock).addWorker(0)
  const app = new WorkerApp(
    { port: port1, clock: systemClock, io: workerIo() },
    { workerId: 0, page, ledger: createLedgerMemory(1, 1, new Random()), io: 'auto', instance: '' },
    options
  )
  app.start()
  const drained = new Promise<void>(resolve => {
    port2.on('message', (message: WorkerMessage) => { if (message.type === 'drained') resolve() })
  })
  const port = await freePort()
  const send = (message: ControlMessage): void => { app.receive(message) }
  send({ type: 'routes', options, routes: [], segments: [] })
  send({ type: 'listen', listeners: [{ name: 'web', address: '127.0.0.1', port }], reusePort: false })
  send({ type: 'drain', timeoutMs: 5_000 })
  await drained
  // Nothing is opened afterwards either.
  await turns()
  const socket = net.connect({ host: '127.0.0.1', port })
  const [error] = await once(socket, 'error').catch((reason: unknown) => [reason])
  t.match(error, { code: 'ECONNREFUSED' })
  socket.destroy()
})
