/**
 * The frame of every benchmark: a temporary directory, the programs it starts, and their end, whatever happens.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ChildProcesses } from './child-processes.ts'
import { cpuPlan, type CpuPlan } from './settings.ts'

export interface Session {
  readonly children: ChildProcesses
  /** Gone when the session ends. */
  readonly dir: string
  readonly cpus: CpuPlan
}

/** An empty directory inside the session's own. */
export function newDirectory (session: Session): string {
  return readableByAll(mkdtempSync(join(session.dir, 'program-')))
}

/** Does the work, then stops every program and removes the directory: at the end, on an error, on SIGINT and SIGTERM. */
export async function withSession (work: (session: Session) => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the benchmarks read /proc and so need Linux')
  const children = new ChildProcesses()
  const dir = readableByAll(mkdtempSync(join(tmpdir(), 'weir-bench-')))
  const lastResort = (): void => {
    children.killAll()
    rmSync(dir, { recursive: true, force: true })
  }
  const interrupted = (): void => {
    process.exitCode = 130
    children.stopAll().finally(() => { process.exit() }).catch(() => {})
  }
  process.once('exit', lastResort)
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    await work({ children, dir, cpus: cpuPlan() })
  } finally {
    await children.stopAll()
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
    process.off('exit', lastResort)
    rmSync(dir, { recursive: true, force: true })
  }
}

/** nginx gives up root, and its worker has to read what is inside. */
function readableByAll (dir: string): string {
  chmodSync(dir, 0o755)
  return dir
}
