/**
 * Load generators: what they are asked for and what they report.
 */
import type { ChildProcess } from 'node:child_process'
import type { Session } from './session.ts'

export interface LoadRequest {
  readonly port: number
  readonly path: string
  /** Over TLS; false by default. */
  readonly secure?: boolean
  /** The Host field; the address by default. */
  readonly host?: string
  readonly connections: number
  readonly seconds: number
}

export interface LoadReport {
  /** Requests that were answered. */
  readonly requests: number
  readonly seconds: number
  readonly requestsPerSecond: number
  /** NaN when the load generator does not tell. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Connection errors, time-outs and answers that are not 2xx or 3xx. More than 0 makes a run invalid. */
  readonly errors: number
}

/** A load that goes on until it is stopped. */
export interface RunningLoad {
  /** Ends the load and gives its report. */
  finish (): Promise<LoadReport>
  /** Has it ended before it was asked to? */
  ended (): boolean
}

export interface FullLoad {
  readonly name: string
  /** undefined when it is not there. */
  version (): string | undefined
  /** As fast as the connections allow, one request at a time on each. */
  run (session: Session, request: LoadRequest): Promise<LoadReport>
}

/** A load generator that can also hold back. */
export interface LoadGenerator extends FullLoad {
  /** About `rate` requests a second, until it is finished; `seconds` is the longest that it goes on. */
  startPaced (session: Session, request: LoadRequest, rate: number): RunningLoad
}

/** Beyond its own duration, what a load generator may take to start and to end. */
export const LOAD_MARGIN_MS = 15_000

/** A running load generator that ends on SIGINT and prints its report then. */
export function loadUntilInterrupted (child: ChildProcess, output: Promise<string>, read: (text: string) => LoadReport): RunningLoad {
  output.catch(() => {})
  return {
    ended: () => child.exitCode !== null || child.signalCode !== null,
    async finish () {
      child.kill('SIGINT')
      return read(await output)
    }
  }
}
