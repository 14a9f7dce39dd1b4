/**
 * The main job of Weir, with the real process: a thousand clients of 127.0.0.0/8 are split by weight and stay where they
 * are, and a change of the weights in the middle of the traffic moves only those who must move.
 */
import t, { type Test } from 'tap'
import { connectClient, type KeepAliveClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

const CLIENTS = 1_000
/** Requests at a time. All connections stay open, but a client that waits for too many others measures only this machine. */
const IN_FLIGHT = 100
/** Answers for each client before and after the change, at least. */
const ROUNDS = 6
/** Four standard deviations of the share that falls on a version with p = 1/2 among so many clients. */
const TOLERANCE = 4 * Math.sqrt(0.25 / CLIENTS)

/** What a client saw, in order. A request that was under way during the change belongs to neither side. */
interface Seen {
  readonly address: string
  readonly before: string[]
  readonly during: string[]
  readonly after: string[]
}

interface Client {
  readonly connection: KeepAliveClient
  readonly seen: Seen
}

/** Counts everything that all clients do. */
class Traffic {
  sent = 0
  answered = 0
  failed: string[] = []
  /** Clients that have had all their rounds before the change. */
  warm = 0
  change: 'not yet' | 'under way' | 'done' = 'not yet'
  readonly #onWarm: () => void

  constructor (onWarm: () => void) {
    this.#onWarm = onWarm
  }

  /** Sends one request after another, on each of the connections in turn, until all have had enough answers after the change. */
  async run (clients: readonly Client[]): Promise<void> {
    while (clients.some(({ seen }) => seen.after.length < ROUNDS) && this.failed.length === 0) {
      for (const client of clients) await this.#ask(client)
    }
  }

  async #ask ({ connection, seen }: Client): Promise<void> {
    const then = this.change
    this.sent++
    try {
      const { status, body } = await connection.get('/')
      if (status !== 200) throw new Error(`status ${status}: ${body}`)
      this.answered++
      const list = then !== this.change || then === 'under way' ? seen.during : then === 'not yet' ? seen.before : seen.after
      list.push(body)
      if (list === seen.before && list.length === ROUNDS && ++this.warm === CLIENTS) this.#onWarm()
    } catch (error) {
      this.failed.push(`${seen.address}: ${String(error)}`)
    }
  }
}

function addressOf (index: number): string {
  return `127.${1 + index % 250}.${Math.floor(index / 250) * 7}.${1 + index * 31 % 250}`
}

async function connectAll (port: number): Promise<readonly Client[]> {
  return await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => {
    const address = addressOf(index)
    return { connection: await connectClient({ port, from: address }), seen: { address, before: [], during: [], after: [] } }
  }))
}

/** What each client gets with one more request. */
async function askAll (clients: readonly Client[]): Promise<readonly string[]> {
  const versions: string[] = []
  await Promise.all(Array.from({ length: IN_FLIGHT }, async (_, place) => {
    for (let index = place; index < clients.length; index += IN_FLIGHT) versions[index] = (await clients[index]?.connection.get())?.body ?? ''
  }))
  return versions
}

/** Runs all clients, and changes the weights once each of them has been served for a while. */
async function runTraffic (weir: WeirProcess, clients: readonly Client[]): Promise<Traffic> {
  let changing: Promise<void> | undefined
  const traffic = new Traffic(() => { changing = change() })
  const change = async (): Promise<void> => {
    traffic.change = 'under way'
    const { status, body } = await weir.setWeights('hello', { stable: 50, canary: 50 })
    t.equal(status, 200)
    t.match(body, { changed: true, applied: { workers: 2, applied: 2, complete: true } })
    traffic.change = 'done'
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, async (_, place) => {
    await traffic.run(clients.filter((_, index) => index % IN_FLIGHT === place))
  }))
  await changing
  return traffic
}

/** The one version that a client saw in a part of the traffic. */
function only (versions: readonly string[]): string {
  const [version = 'none', ...others] = new Set(versions)
  return others.length === 0 ? version : `several: ${[version, ...others].join(', ')}`
}

function checkShare (t: Test, versions: readonly string[], expected: number, when: string): void {
  const share = versions.filter(version => version === 'canary').length / versions.length
  t.ok(Math.abs(share - expected) <= TOLERANCE, `${when}: canary has ${share}, the weights say ${expected}`)
}

t.test('over 10,000 requests of 1,000 clients: shares, stickiness, and a change that moves only who must move', async t => {
  const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      // On a machine that is busy, a client waits longer for its turn than a connection may stand idle.
      timeouts: { firstByte: '1h', keepAliveIdle: '1h' },
      routes: [{
        name: 'hello',
        versions: [
          { name: 'stable', weight: 75, endpoints: { static: [stable.endpoint] } },
          { name: 'canary', weight: 25, endpoints: { static: [canary.endpoint] } }
        ]
      }]
    })
  })
  const clients = await connectAll(weir.ports.web)
  t.equal(new Set(clients.map(({ seen }) => seen.address)).size, CLIENTS, 'every client has an address of its own')
  const traffic = await runTraffic(weir, clients)

  t.same(traffic.failed, [], 'nothing fails')
  t.equal(traffic.answered, traffic.sent, 'every request is answered')
  t.ok(traffic.answered > 10_000, `${traffic.answered} requests`)
  t.equal(stable.requests + canary.requests, traffic.sent, 'and reached an origin once')
  t.same(clients.filter(({ connection }) => connection.closed).length, 0, 'no connection was closed')

  const moves = clients.map(({ seen }) => ({ address: seen.address, before: only(seen.before), after: only(seen.after), during: seen.during }))
  t.same(moves.filter(({ before, after }) => before.startsWith('several') || after.startsWith('several')), [], 'a client stays on its version')
  checkShare(t, moves.map(({ before }) => before), 0.25, 'before')
  checkShare(t, moves.map(({ after }) => after), 0.5, 'after')
  t.same(moves.filter(({ before, after }) => before === 'canary' && after !== 'canary'), [], 'nobody leaves the version that grows')
  const moved = moves.filter(({ before, after }) => before !== after)
  t.ok(Math.abs(moved.length / CLIENTS - 0.25) <= TOLERANCE, `${moved.length} moved`)
  t.same(moves.filter(({ before, after, during }) => before === after && during.some(version => version !== before)), [], 'who does not move is not touched by the change')

  for (const { name, requests } of [stable, canary]) {
    t.equal(await weir.untilMetric('weir_requests_total', requests, { version: name, code_class: '2xx' }), requests)
  }
  t.equal(await weir.untilMetric('weir_requests_in_flight', 0), 0)
  const metrics = await weir.metrics()
  const accepted = metrics.get('weir_connections_accepted_total')?.samples ?? []
  t.equal(accepted.length, 2)
  for (const { labels, value } of accepted) t.ok(value > CLIENTS / 4, `worker ${labels['worker'] ?? ''} serves ${value} of ${CLIENTS} connections`)

  for (const { address, after } of moves.slice(0, 10)) {
    const { body } = await weir.api('GET', `/v1/routes/hello/explain?ip=${address}`)
    t.match(body, { version: after, stickyKey: { kind: 'client-ip', value: address } }, `explain says of ${address} what happened`)
  }

  await weir.setWeights('hello', { stable: 50, canary: 0 })
  const without = await askAll(clients)
  t.same(new Set(without), new Set(['stable']), 'a version without weight gets nobody')
  await weir.setWeights('hello', { stable: 50, canary: 50 })
  const again = await askAll(clients)
  t.same(again, moves.map(({ after }) => after), 'with the weights of before everybody is back where they were')
  for (const { connection } of clients) connection.close()
})
