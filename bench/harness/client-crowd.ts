/**
 * What the programs with very many clients share: their arguments, connecting a few at a time, spreading what clients do
 * over an interval, and the reports.
 */
import { setInterval } from 'node:timers'
import { parseArgs } from 'node:util'

/** Clients share a source address until its ports would run short. */
const CLIENTS_PER_ADDRESS = 5_000

/** What a program was started with. */
export interface CrowdArguments {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** Between two turns of one client; 0: it has none. */
  readonly intervalSeconds: number
}

/** How a crowd goes about it. */
export interface CrowdPace {
  /** Below the backlog of every listener here. */
  readonly connectingAtOnce: number
  /** So short that the turns of all clients do not come in bursts. */
  readonly tickMs: number
}

export interface CrowdClient {
  readonly answers: number
  readonly failed: boolean
  /** It is this client's turn. */
  go (): void
  close (): void
}

export function crowdArguments (): CrowdArguments {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      path: { type: 'string', default: '/' },
      connections: { type: 'string' },
      interval: { type: 'string', default: '0' }
    }
  })
  return { port: Number(values.port), path: values.path, connections: Number(values.connections), intervalSeconds: Number(values.interval) }
}

/** The source address of the client with this number. */
export function crowdAddress (index: number): string {
  return `127.0.0.${1 + Math.floor(index / CLIENTS_PER_ADDRESS)}`
}

/**
 * Makes the clients and gives them their turns. Prints `{"event":"ready"}` when every client has settled, and on SIGTERM,
 * or when standard input ends, `{"event":"report"}`, and ends the program.
 *
 * @param connect makes the client with this number, which calls `onSettled` once: when it has begun or has failed before
 */
export function runCrowd (
  { connections, intervalSeconds }: CrowdArguments,
  { connectingAtOnce, tickMs }: CrowdPace,
  connect: (index: number, onSettled: () => void) => CrowdClient
): void {
  const clients: CrowdClient[] = []
  let settled = 0

  const print = (event: string): void => {
    const answers = clients.reduce((sum, client) => sum + client.answers, 0)
    const failed = clients.reduce((sum, client) => sum + (client.failed ? 1 : 0), 0)
    process.stdout.write(`${JSON.stringify({ event, connections: clients.length, answers, failed })}\n`)
  }
  const connectOne = (): void => {
    if (clients.length < connections) clients.push(connect(clients.length, onSettled))
  }
  const onSettled = (): void => {
    settled++
    connectOne()
    if (settled !== connections) return
    print('ready')
    if (intervalSeconds > 0) takeTurns(clients, connections / intervalSeconds * tickMs / 1_000, tickMs)
  }
  const finish = (): void => {
    print('report')
    for (const client of clients) client.close()
    process.exit()
  }

  process.once('SIGTERM', finish)
  process.stdin.once('end', finish).resume()
  for (let index = 0; index < connectingAtOnce; index++) connectOne()
}

/** Gives so many clients their turn at each tick, one after another. */
function takeTurns (clients: readonly CrowdClient[], atEachTick: number, tickMs: number): void {
  let next = 0
  let due = 0
  setInterval(() => {
    for (due += atEachTick; due >= 1; due--) {
      clients[next]?.go()
      next = (next + 1) % clients.length
    }
  }, tickMs)
}
