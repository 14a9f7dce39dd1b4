/**
 * A route without sockets: clients with shares of the requests after Zipf's law, a sticky split, and two versions that fail as they are
 * told. Everything that the workers of Weir would report of it, tick by tick.
 */
import { emptyCounts } from '../../src/analysis/side-counts.ts'
import type { EvidenceReport, FirstSign, HeavyClient, SideCounts } from '../../src/contract/rollout-watch.ts'
import type { Random } from '../../src/core/random.ts'

export const TICK_MS = 100
/** Of the new version. */
export const SIMULATED_ENDPOINTS: readonly string[] = [0, 1, 2, 3].map(index => `10.0.0.${index}:80`)
const HEAVY_CLIENTS = 16

/** How clients and versions are. Shares are 0..1. */
export interface World {
  readonly clients: number
  readonly zipf: number
  /** Of the clients: whose requests always fail, on either version; and who begin to during the run. */
  readonly brokenShare: number
  readonly breakingShare: number
  /** Two seconds of every forty in which this share fails on both versions. */
  readonly outageShare: number
  readonly requestsPerTick: number
  readonly weight: number
  readonly errorOld: number
  readonly errorNew: number
  readonly slowOld: number
  readonly slowNew: number
}

export const USUAL_WORLD: World = {
  clients: 1_000,
  zipf: 1.1,
  brokenShare: 0.005,
  breakingShare: 0,
  outageShare: 0,
  requestsPerTick: 40,
  weight: 0.25,
  errorOld: 0.001,
  errorNew: 0.001,
  slowOld: 0.01,
  slowNew: 0.01
}

export interface TickOutcome {
  readonly report: EvidenceReport
  readonly from: SideCounts
  readonly to: SideCounts
}

export class SimulatedTraffic {
  readonly #world: World
  readonly #random: Random
  /** Walker's alias method: a client in constant time. */
  readonly #likely: Float64Array
  readonly #alias: Uint32Array
  readonly #isNew: Uint8Array
  readonly #isOdd: Uint8Array
  readonly #bucket: Uint16Array
  /** The tick from which all requests of a client fail. */
  readonly #brokenFrom: Float64Array
  readonly #spoken: { readonly failure: Uint8Array, readonly slow: Uint8Array }
  readonly #failuresOnNew: Uint32Array
  readonly #seen = new Uint8Array(128)
  #seenBits = 0
  #tick = 0

  /** @param ticks of the run, over which clients break */
  constructor (world: World, random: Random, ticks: number) {
    const { clients, weight, brokenShare, breakingShare } = world
    this.#world = world
    this.#random = random
    const table = aliasTable(Float64Array.from({ length: clients }, (_, rank) => (rank + 1) ** -world.zipf))
    this.#likely = table.likely
    this.#alias = table.alias
    this.#isNew = Uint8Array.from({ length: clients }, () => random.nextFraction() < weight ? 1 : 0)
    this.#isOdd = Uint8Array.from({ length: clients }, () => random.nextUint32() & 1)
    this.#bucket = Uint16Array.from({ length: clients }, () => random.nextUint32() & 0xffff)
    this.#brokenFrom = new Float64Array(clients).fill(Number.POSITIVE_INFINITY)
    for (const client of this.#some(Math.round(brokenShare * clients))) this.#brokenFrom[client] = 0
    for (const client of this.#some(Math.round(breakingShare * clients))) this.#brokenFrom[client] = random.nextFraction() * ticks
    this.#spoken = { failure: new Uint8Array(clients), slow: new Uint8Array(clients) }
    this.#failuresOnNew = new Uint32Array(clients)
  }

  #some (count: number): ReadonlySet<number> {
    const chosen = new Set<number>()
    while (chosen.size < count) chosen.add(this.#random.nextUint32() % this.#world.clients)
    return chosen
  }

  /** The next 100 ms. */
  next (): TickOutcome {
    const world = this.#world
    const [from, to] = [emptyCounts(), emptyCounts()]
    const signs: FirstSign[] = []
    const isOutage = world.outageShare > 0 && this.#tick % 400 < 20
    let newFailures = 0
    for (let request = 0; request < world.requestsPerTick; request++) {
      const client = this.#client()
      const isNew = this.#isNew[client] === 1
      const counts = isNew ? to : from
      const odd = this.#isOdd[client] ?? 0
      counts.requests++
      counts.halfRequests += odd
      if (this.#fails(client, isNew, isOutage)) {
        counts.failures++
        counts.halfFailures += odd
        this.#say(client, 'failure', signs)
        if (isNew) {
          newFailures++
          this.#failuresOnNew[client] = (this.#failuresOnNew[client] ?? 0) + 1
        }
      } else if (this.#random.nextFraction() < (isNew ? world.slowNew : world.slowOld)) {
        counts.slow++
        this.#say(client, 'slow', signs)
      }
      this.#see(client)
    }
    this.#tick++
    const report = { cohorts: [{ epoch: 1, from, to }], signs, heavy: newFailures > 0 ? this.#heaviest() : [], dropped: 0 }
    return { report: this.#seenBits < 300 ? { ...report, seen: this.#seen } : report, from, to }
  }

  #client (): number {
    const column = this.#random.nextUint32() % this.#world.clients
    return this.#random.nextFraction() < (this.#likely[column] ?? 1) ? column : this.#alias[column] ?? column
  }

  #fails (client: number, isNew: boolean, isOutage: boolean): boolean {
    if (this.#tick >= (this.#brokenFrom[client] ?? 0)) return true
    if (isOutage && this.#random.nextFraction() < this.#world.outageShare) return true
    return this.#random.nextFraction() < (isNew ? this.#world.errorNew : this.#world.errorOld)
  }

  #say (client: number, kind: 'failure' | 'slow', signs: FirstSign[]): void {
    if (this.#spoken[kind][client] === 1) return
    this.#spoken[kind][client] = 1
    const side = this.#isNew[client] === 1 ? 'to' : 'from'
    const endpoint = SIMULATED_ENDPOINTS[this.#random.nextUint32() % SIMULATED_ENDPOINTS.length] ?? ''
    signs.push({ kind, bucket: this.#bucket[client] ?? 0, side, epoch: 1, endpoint })
  }

  #see (client: number): void {
    const bit = (this.#bucket[client] ?? 0) & 1_023
    const byte = this.#seen[bit >>> 3] ?? 0
    if ((byte & 1 << (bit & 7)) !== 0) return
    this.#seen[bit >>> 3] = byte | 1 << (bit & 7)
    this.#seenBits++
  }

  #heaviest (): readonly HeavyClient[] {
    const top: HeavyClient[] = []
    let least = 0
    for (let client = 0; client < this.#failuresOnNew.length; client++) {
      const failures = this.#failuresOnNew[client] ?? 0
      if (failures <= least) continue
      top.push({ key: `c${client}`, failures })
      if (top.length < 2 * HEAVY_CLIENTS) continue
      top.sort((a, b) => b.failures - a.failures).length = HEAVY_CLIENTS
      least = top.at(-1)?.failures ?? 0
    }
    return top.sort((a, b) => b.failures - a.failures).slice(0, HEAVY_CLIENTS)
  }
}

function aliasTable (weights: Float64Array): { readonly likely: Float64Array, readonly alias: Uint32Array } {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const likely = weights.map(weight => weight * weights.length / sum)
  const alias = new Uint32Array(weights.length)
  const small: number[] = []
  const large: number[] = []
  likely.forEach((share, index) => { (share < 1 ? small : large).push(index) })
  for (let low = small.pop(), high = large.pop(); low !== undefined && high !== undefined; low = small.pop(), high = large.pop()) {
    alias[low] = high
    const rest = (likely[high] ?? 0) + (likely[low] ?? 0) - 1
    likely[high] = rest
    ;(rest < 1 ? small : large).push(high)
  }
  for (const index of [...small, ...large]) likely[index] = 1
  return { likely, alias }
}
