/**
 * How long the threads of a Weir were held up: what bench/programs/stall-watch.ts has written in it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL, fileURLToPath } from 'node:url'
import { pause } from './deadline.ts'

const PROGRAM = fileURLToPath(new URL('../programs/stall-watch.ts', import.meta.url))
/** Until what has happened is written down: lines are 100 ms apart, and a thread may be late. */
const WRITTEN_MS = 300

/** In milliseconds. */
export interface LongestStalls {
  readonly main: number
  /** Of all workers. */
  readonly worker: number
  /** The most CPU time of the main thread in a turn of its event loop. */
  readonly mainCpu: number
  /** The same of all workers. */
  readonly workerCpu: number
}

/** The arguments with which Node loads the watch, which writes to this directory. */
export function stallWatchArguments (directory: string): readonly string[] {
  const url = pathToFileURL(PROGRAM)
  url.searchParams.set('directory', directory)
  return ['--import', url.href]
}

/** Does the work, and tells the longest stalls meanwhile beside what came of it. */
export async function withStalls<T> (
  directory: string, work: () => Promise<T>
): Promise<{ readonly result: T, readonly stalls: LongestStalls }> {
  // A line tells of the time before it, so that of an earlier work is to be written first.
  await pause(WRITTEN_MS)
  const sinceMs = Date.now()
  const result = await work()
  await pause(WRITTEN_MS)
  const main = longestIn(directory, 'main', sinceMs)
  const worker = longestIn(directory, 'worker-', sinceMs)
  return { result, stalls: { main: main.stallMs, worker: worker.stallMs, mainCpu: main.cpuMs, workerCpu: worker.cpuMs } }
}

function longestIn (directory: string, prefix: string, sinceMs: number): { readonly stallMs: number, readonly cpuMs: number } {
  const files = readdirSync(directory).filter(name => name.startsWith(prefix))
  if (files.length === 0) throw new Error(`nothing was written of the thread ${prefix}`)
  const lines = files.flatMap(name => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
    .map(line => line.split(' ').map(Number))
    .filter(([atMs = 0]) => atMs > sinceMs)
  return { stallMs: Math.max(0, ...lines.map(([, stallMs = 0]) => stallMs)), cpuMs: Math.max(0, ...lines.map(([,, cpuMs = 0]) => cpuMs)) }
}
