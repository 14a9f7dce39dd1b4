/**
 * A proxy under test. Weir is one of them.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './deadline.ts'
import type { Certificate } from './certificate.ts'
import { logTail } from './child-processes.ts'
import { statusOf } from './http-exchange.ts'
import { processTree } from './process-figures.ts'
import type { Session } from './session.ts'

/** What a proxy is started with. */
export interface PeerStart {
  readonly session: Session
  /** The ports of version `stable` (weight 75) and of version `canary` (weight 25), both on 127.0.0.1. */
  readonly originPorts: readonly [number, number]
  readonly listenPort: number
  /** The number of client connections to be ready for; nginx reserves memory for them. */
  readonly clientConnections: number
  /** A directory of the proxy's own. */
  readonly dir: string
  /** With it the listener speaks TLS 1.3, with session tickets, and nothing else. */
  readonly certificate?: Certificate | undefined
}

export interface RunningPeer {
  readonly port: number
  /** The ids of its processes, now. */
  pids (): readonly number[]
  stop (): Promise<void>
}

export interface Peer {
  readonly name: string
  /** The version, or undefined when the proxy is not there. */
  version (): string | undefined
  /** What would make it available, for the table. */
  readonly remedy: string
  /** Started and answering. */
  start (options: PeerStart): Promise<RunningPeer>
}

/** The path that every origin answers, for readiness. */
export const READY_PATH = '/64'

/** Thousands of routes take seconds. */
const START_MS = 60_000

/**
 * Starts the proxy's program on the proxy's core and waits until it passes a request on.
 * @throws Error with the end of its log when it ends early or does not answer within START_MS
 */
export async function startProgram (options: PeerStart, name: string, command: readonly [string, ...string[]]): Promise<RunningPeer> {
  const logFile = join(options.dir, `${name.replaceAll(/[^a-z0-9-]/g, '-')}.log`)
  const child = options.session.children.start({ command: command[0], args: command.slice(1), cpu: options.session.cpus.proxy, logFile })
  const running = runningPeer(options, child)
  const certificate = options.certificate === undefined ? undefined : readFileSync(options.certificate.cert, 'utf8')
  try {
    await until(`${name} on port ${options.listenPort}`, { timeoutMs: START_MS, everyMs: 50 }, async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} has ended`)
      return await statusOf(options.listenPort, READY_PATH, certificate) === 200 ? true : undefined
    })
  } catch (error) {
    await running.stop()
    throw new Error(`${name} did not start: ${String(error)}\n${logTail(logFile)}`, { cause: error })
  }
  return running
}

function runningPeer (options: PeerStart, child: ChildProcess): RunningPeer {
  const pid = child.pid
  if (pid === undefined) throw new Error('a started program has an id')
  return {
    port: options.listenPort,
    pids: () => processTree(pid),
    stop: async () => { await options.session.children.stop(child) }
  }
}
