import { Readable } from 'node:stream'
import type { AdminApi, AdminAnswer, Ask } from '../../src/cli/operate/admin-api.ts'
import type { Connection } from '../../src/cli/operate/connection.ts'
import { operate } from '../../src/cli/operate/operate.ts'
import { FakeClock } from './fake-clock.ts'

/** A command line on an admin API in memory. */
export interface OperateBench {
  readonly asked: Ask[]
  readonly connections: Connection[]
  readonly clock: FakeClock
  readonly interrupt: AbortController
  out: string
  errors: string
  run (...args: readonly string[]): Promise<number>
}

interface OperateBenchOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly isTerminal?: boolean
  readonly colours?: boolean
  readonly input?: string
}

/** @param answer what Weir answers to each question */
export function benchOf (answer: (question: Ask) => AdminAnswer | Promise<AdminAnswer>, options: OperateBenchOptions = {}): OperateBench {
  const bench: OperateBench = {
    asked: [],
    connections: [],
    clock: new FakeClock(),
    interrupt: new AbortController(),
    out: '',
    errors: '',
    run: async (...args) => await operate(args, {
      env: { HOME: '/nowhere', ...options.env },
      clock: bench.clock,
      signal: bench.interrupt.signal,
      terminal: {
        out: text => { bench.out += text },
        complain: text => { bench.errors += text },
        isTerminal: options.isTerminal ?? false,
        colours: options.colours ?? false
      },
      input: () => Readable.from([Buffer.from(options.input ?? '')]),
      connect: (connection): AdminApi => {
        bench.connections.push(connection)
        return {
          ask: async question => {
            bench.asked.push(question)
            return await answer(question)
          }
        }
      }
    })
  }
  return bench
}
