/**
 * Runs bench/programs/keep-alive-clients.ts, slow-clients.ts and stuck-clients.ts: many connections that are kept and little used.
 */
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { within } from './deadline.ts'
import type { Session } from './session.ts'

const KEEP_ALIVE = fileURLToPath(new URL('../programs/keep-alive-clients.ts', import.meta.url))
const STUCK = fileURLToPath(new URL('../programs/stuck-clients.ts', import.meta.url))
const SLOW = fileURLToPath(new URL('../programs/slow-clients.ts', import.meta.url))

export interface ClientsRequest {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** Between two requests of one connection; 0: only the first. */
  readonly intervalSeconds: number
}

interface ClientsReport {
  /** Answers with status 200 since the start; of slow clients, bytes of answers. */
  readonly answers: number
  /** Connections that could not be opened, were closed, or got another answer. */
  readonly failed: number
}

export interface RunningClients {
  /** As they stood when every client had had its first answer. */
  readonly atReady: ClientsReport
  /** Closes the connections and says what happened. */
  finish (): Promise<ClientsReport>
}

/**
 * Opens the connections and waits until each has had its first answer.
 * @throws Error when that takes longer than 60 s
 */
export async function startClients (session: Session, request: ClientsRequest): Promise<RunningClients> {
  return await startProgram(KEEP_ALIVE, session, request)
}

/**
 * Opens connections that send a byte of a head every `intervalSeconds`, and waits until each has begun.
 * @throws Error when that takes longer than 60 s
 */
export async function startSlowClients (session: Session, request: ClientsRequest): Promise<RunningClients> {
  return await startProgram(SLOW, session, request)
}

/**
 * Opens connections that leave a proxy with as much as they can, and waits until each has begun.
 * @throws Error when that takes longer than 60 s
 */
export async function startStuckClients (session: Session, request: ClientsRequest): Promise<RunningClients> {
  return await startProgram(STUCK, session, request)
}

async function startProgram (program: string, session: Session, request: ClientsRequest): Promise<RunningClients> {
  const args = [
    program, '--port', String(request.port), '--path', request.path,
    '--connections', String(request.connections), '--interval', String(request.intervalSeconds)
  ]
  const child = session.children.start({ command: process.execPath, args, cpu: session.cpus.load })
  if (child.stdout === null) throw new TypeError('the clients report on their standard output')
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const atReady = await within(`${request.connections} connections`, 60_000, nextReport(lines))
  return {
    atReady,
    async finish () {
      child.kill('SIGTERM')
      const report = await within('the report of the clients', 10_000, nextReport(lines))
      await session.children.stop(child)
      return report
    }
  }
}

async function nextReport (lines: AsyncIterator<string>): Promise<ClientsReport> {
  const line = await lines.next()
  if (line.done === true) throw new Error('the clients ended without a report')
  // The program of this repository wrote it.
  return JSON.parse(line.value) as ClientsReport
}
