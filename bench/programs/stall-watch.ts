/**
 * Loaded by Weir before everything else (`node --import`), in each of its threads: how long the event loop was held up. Every 100 ms a
 * line goes to the file `main` or `worker-N` of the directory that the query of its URL names: when (ms since 1970), and the longest
 * stall since the line before, in ms.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { fileURLToPath } from 'node:url'
import { isMainThread, threadId } from 'node:worker_threads'

const LINE_MS = 100
/** The monitor is a timer of a millisecond, which is in what it measures. */
const RESOLUTION_MS = 1

const directory = new URL(import.meta.url).searchParams.get('directory') ?? fileURLToPath(new URL('.', import.meta.url))
const file = join(directory, isMainThread ? 'main' : `worker-${threadId}`)
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
setInterval(() => {
  appendFileSync(file, `${Date.now()} ${Math.max(0, delay.max / 1e6 - RESOLUTION_MS)}\n`)
  delay.reset()
}, LINE_MS).unref()
