/**
 * The entry of a worker thread. It tries out what it may use of Node; then its first message brings the options and routes, and
 * everything else follows from there.
 */
// The next two are what the first listen() would load. Here they are loaded while the control plane is still busy.
import 'node:cluster'
import 'node:dns'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { WorkerIo } from '../net/worker-io.ts'
import { tryTcp } from '../net/try-tcp.ts'
import type { RoutesMessage } from '../contract/messages.ts'
import { tellIo, WorkerApp } from './worker-app.ts'
import type { WorkerData } from '../contract/data-plane-options.ts'

if (parentPort === null) throw new Error('worker.ts is the entry of a worker thread and can\'t be run by itself')

const port = parentPort
const data: WorkerData = workerData
const nodeVersion = process.versions.node

// Messages wait for the first listener.
const io = await WorkerIo.decide({
  choice: data.io,
  nodeVersion,
  tryTcp,
  tryTls: async () => {
    const { tryTls } = await import('../net/try-tls.ts')
    return await tryTls()
  },
  decided: (part, mode, reason) => { for (const message of tellIo({ part, mode, reason, nodeVersion })) port.postMessage(message) }
})

port.once('message', (first: RoutesMessage) => {
  const app = new WorkerApp({ port, clock: systemClock, io }, data, first.options)
  app.start()
  app.receive(first)
})
