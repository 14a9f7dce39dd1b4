/**
 * The end of npm ends what npm has started. npm passes SIGTERM on to the shell that it runs a script in, and a shell passes
 * on nothing; one that is killed passes on nothing either. Without this, Weir would live on, with its ports and its lock.
 */
import { readFileSync } from 'node:fs'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { parseProcessStat, type ProcessStat } from '../core/process-stat.ts'

/** What has to be known of other processes. */
export interface ProcessTable {
  readonly parent: () => number
  /** The parent of a process and its command line; undefined when it is gone, or the system does not tell. */
  readonly lookUp: (pid: number) => { readonly parent: number, readonly command: string } | undefined
  readonly isAlive: (pid: number) => boolean
}

const LOOK_MS = 500
/** npm, a shell, the quickstart, and some room. */
const MAX_DEPTH = 8
const NPM = /(^|[/\\\s\0])(npm|npx)(-cli\.js)?([\s\0]|$)/

export interface NpmWatchOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly table?: ProcessTable
  /** npm, or a process between it and this one, has ended. */
  readonly onGone: () => void
}

/**
 * Watches the processes from the parent up to npm, if npm has started this one.
 * @returns what ends the watch
 */
export function watchNpm ({ env, clock, table = systemTable, onGone }: NpmWatchOptions): () => void {
  if (env['npm_execpath'] === undefined && env['npm_lifecycle_event'] === undefined) return () => {}
  const parent = table.parent()
  const chain = ancestorsUpToNpm(parent, table)
  let timer: TimerHandle | undefined
  const look = (): void => {
    timer = clock.after(LOOK_MS, () => {
      if (table.parent() !== parent || !chain.every(table.isAlive)) onGone()
      else look()
    })
  }
  look()
  return () => { timer?.cancel() }
}

/** @returns none when npm is not found: a variable of the environment may be left over from anywhere */
function ancestorsUpToNpm (parent: number, table: ProcessTable): readonly number[] {
  const chain: number[] = []
  let pid = parent
  while (pid > 1 && chain.length < MAX_DEPTH) {
    const found = table.lookUp(pid)
    if (found === undefined) break
    chain.push(pid)
    if (NPM.test(found.command)) return chain
    pid = found.parent
  }
  return []
}

const systemTable: ProcessTable = {
  parent: () => process.ppid,
  lookUp (pid) {
    try {
      return { parent: statOf(pid).parent, command: readFileSync(`/proc/${pid}/cmdline`, 'latin1') }
    } catch {
      return undefined
    }
  },
  isAlive (pid) {
    try {
      return !statOf(pid).dead
    } catch {
      return false
    }
  }
}

function statOf (pid: number): ProcessStat {
  return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}
