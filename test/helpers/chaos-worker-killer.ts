/**
 * Loaded into a Weir with `--import`: SIGUSR2 ends one of its workers, one after the other, in each way that a thread can end. Which
 * one it is goes to the log.
 */
import { BroadcastChannel, isMainThread, threadName, type Worker } from 'node:worker_threads'

const WAYS = ['terminate', 'throw', 'exit'] as const

interface Order { readonly worker: string, readonly way: typeof WAYS[number] }

const channel = new BroadcastChannel('chaos')
channel.unref()

function obey (): void {
  channel.onmessage = (event: unknown) => {
    // Only this file uses the channel.
    const { worker, way } = (event as { readonly data: Order }).data
    if (worker !== threadName) return
    if (way === 'exit') process.exit(1)
    setImmediate(() => { throw new Error('a defect that the test has made') })
  }
}

function command (): void {
  const workers = new Map<string, Worker>()
  let deaths = 0
  process.on('worker', (worker: Worker) => { workers.set(worker.threadName ?? '', worker) })
  process.on('SIGUSR2', () => {
    const worker = `weir-worker-${deaths % workers.size}`
    const way = WAYS[deaths++ % WAYS.length] ?? 'exit'
    process.stderr.write(`${JSON.stringify({ level: 'info', message: 'the test ends a worker', worker, way })}\n`)
    if (way === 'terminate') void workers.get(worker)?.terminate()
    else channel.postMessage({ worker, way } satisfies Order)
  })
}

if (isMainThread) command()
else obey()
