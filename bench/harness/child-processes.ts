/**
 * The programs that a benchmark starts, and the promise that none of them outlives it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { within } from './deadline.ts'
import { programPath } from './program-path.ts'

/** A program to start. */
export interface ProgramSpec {
  readonly command: string
  readonly args: readonly string[]
  /** The core to pin it to; undefined leaves it to the kernel. */
  readonly cpu?: number | undefined
  /** The file that gets what it prints; without it, standard output is a pipe and standard error is dropped. */
  readonly logFile?: string
}

/** The number of open files that a program may have: 10,000 clients on both sides and some. */
const OPEN_FILES = 65_536

/** Exit after SIGTERM, or else SIGKILL follows. */
const GRACE_MS = 5_000

const hasTaskset = spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0

/** Starts programs, each in a process group of its own, and stops them by their ids. */
export class ChildProcesses {
  readonly #running = new Map<number, ChildProcess>()

  /** Starts a program with a raised limit of open files, pinned when a core is given and taskset is there. */
  start (spec: ProgramSpec): ChildProcess {
    const pin = spec.cpu !== undefined && hasTaskset ? ['taskset', '-c', String(spec.cpu)] : []
    const limit = `ulimit -n ${OPEN_FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`
    const log = spec.logFile === undefined ? undefined : openSync(spec.logFile, 'a')
    try {
      const child = spawn('sh', ['-c', limit, 'sh', ...pin, spec.command, ...spec.args], {
        detached: true,
        env: programEnvironment(),
        stdio: log === undefined ? ['pipe', 'pipe', 'ignore'] : ['ignore', log, log]
      })
      if (child.pid === undefined) throw new Error(`${spec.command} could not be started`)
      const pid = child.pid
      this.#running.set(pid, child)
      child.once('exit', () => { this.#running.delete(pid) })
      return child
    } finally {
      if (log !== undefined) closeSync(log)
    }
  }

  /**
   * Runs a program to its end and gives what it printed.
   * @throws Error when it fails or takes longer than `timeoutMs`
   */
  async run (spec: Omit<ProgramSpec, 'logFile'>, timeoutMs: number): Promise<string> {
    const child = this.start(spec)
    try {
      return await within(spec.command, timeoutMs, this.output(child, spec.command))
    } finally {
      await this.stop(child)
    }
  }

  /**
   * What a program prints from now to its end.
   * @throws Error when it ends with another code than 0
   */
  async output (child: ChildProcess, name: string): Promise<string> {
    const chunks: Buffer[] = []
    child.stdout?.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    const [code, signal]: unknown[] = await once(child, 'close')
    const text = Buffer.concat(chunks).toString()
    if (code !== 0) throw new Error(`${name} ended with ${String(code ?? signal)}: ${text.slice(-500)}`)
    return text
  }

  /** Asks a program to end, waits for it, and kills its group when it does not. */
  async stop (child: ChildProcess): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    try {
      await within('stop', GRACE_MS, ended)
    } catch {
      signalGroup(child.pid, 'SIGKILL')
      await ended
    }
  }

  async stopAll (): Promise<void> {
    await Promise.all([...this.#running.values()].map(async child => { await this.stop(child) }))
  }

  /** For the very end, when nothing can be awaited. */
  killAll (): void {
    for (const pid of this.#running.keys()) signalGroup(pid, 'SIGKILL')
  }
}

/** The last lines of a log, for the message of an error. */
export function logTail (file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n')
  } catch {
    return ''
  }
}

function signalGroup (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group is gone already.
  }
}

/** Options of Weir and of Node in the caller's environment would change what is measured. */
function programEnvironment (): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('WEIR_') && !name.startsWith('NODE_'))
  return { ...Object.fromEntries(kept), NODE_ENV: 'production', PATH: programPath() }
}
