import { readFile } from 'node:fs/promises'
import { parseProcessStat } from '../core/process-stat.ts'
import { errorCode } from './store-error.ts'

/** What is known of a process id: `gone`, or alive, with what tells this process from a later one of the same id. */
export type ProcessIdentity =
  | { readonly alive: false }
  | { readonly alive: true, readonly started: string | null }

/**
 * Finds out whether a process of this machine lives, and when it was started. Process ids are reused, in containers at
 * every start (Weir is often process 1), so the id alone proves nothing. Where the system does not tell the time of the
 * start (no /proc), `started` is null for others and known for this process.
 */
export async function identifyProcess (pid: number): Promise<ProcessIdentity> {
  if (!isAlive(pid)) return { alive: false }
  try {
    const [stat, bootId] = await Promise.all(
      [readFile(`/proc/${pid}/stat`, 'latin1'), readFile('/proc/sys/kernel/random/boot_id', 'latin1')]
    )
    const { dead, startTime } = parseProcessStat(stat)
    return dead ? { alive: false } : { alive: true, started: `${bootId.trim()}/${startTime}` }
  } catch {
    return { alive: true, started: pid === process.pid ? `origin/${performance.timeOrigin}` : null }
  }
}

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) !== 'ESRCH'
  }
}
