/**
 * The entry of a worker thread. Its first message brings the options and routes; everything else follows from there.
 */
// The next two are what the first listen() would load. Here they are loaded while the control plane is still busy.
import 'node:cluster'
import 'node:dns'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import type { RoutesMessage, WorkerData } from '../snapshot/messages.ts'
import { WorkerApp } from './worker-app.ts'

if (parentPort === null) throw new Error('worker.ts is the entry of a worker thread and can\'t be run by itself')

const port = parentPort
const data: WorkerData = workerData

port.once('message', (first: RoutesMessage) => {
  const app = new WorkerApp(port, systemClock, data, first.options)
  app.start()
  app.receive(first)
})
