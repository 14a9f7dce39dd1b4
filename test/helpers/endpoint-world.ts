/**
 * A rollout without sockets whose new version has several endpoints, of which some are bad: what its worker would report of it, and the
 * verdicts that come of that, with endpoints left out as they are ejected.
 */
import { Analysis } from '../../src/analysis/analysis.ts'
import { type AnalysisSettings, DEFAULT_ANALYSIS } from '../../src/analysis/analysis-settings.ts'
import { type Counts, emptyCounts } from '../../src/analysis/side-counts.ts'
import type { Verdict } from '../../src/analysis/verdict.ts'
import type { FirstSign } from '../../src/contract/rollout-watch.ts'
import { Random } from '../../src/core/random.ts'

const TICK_MS = 100
const EJECTED_TICKS = 300

export interface EndpointWorld {
  readonly endpoints: number
  /** The bad ones are the first. */
  readonly bad: number
  /** The requests of a bad one that fail, 0..1, and those of any endpoint of either version. */
  readonly badShare: number
  readonly errors: number
  /** What goes wrong with the bad ones: the answer fails, is slow, or fails and is answered well by the old version (failover). */
  readonly how: 'fails' | 'slow' | 'rescued'
  /** Of the new version, 0..1. With `matched` its requests are those of its match, and it has no others. */
  readonly share: number
  readonly matched?: boolean
  readonly clients: number
  readonly requestsPerTick: number
  /** Good requests of the old version before the rollout. */
  readonly known: number
  readonly settings?: Partial<AnalysisSettings>
  /** An ejection is not carried out. */
  readonly stays?: boolean
  /** When the bad ones go bad. */
  readonly badFromTick?: number
  /** Requests to any version that fail for a while. */
  readonly outage?: { readonly fromTick: number, readonly ticks: number, readonly share: number }
}

export interface EndpointCourse {
  /** The first fail; undefined when there was none. */
  readonly failed: Verdict | undefined
  readonly last: Verdict
  /** Each endpoint once. */
  readonly ejected: readonly string[]
  /** Requests of users that have gone wrong on bad endpoints. */
  readonly harmed: number
}

export function nameOfEndpoint (index: number): string {
  return `10.0.0.${index + 1}:80`
}

/** Lets so many ticks pass, or fewer when the version fails. */
export function courseOf (world: EndpointWorld, ticks: number, seed: number): EndpointCourse {
  const random = new Random(seed)
  const analysis = new Analysis({ ...DEFAULT_ANALYSIS, ...world.settings }, 0)
  analysis.baseline({ requests: world.known, failures: Math.round(world.known * world.errors) })
  const returns = new Map<string, number>()
  const ejected = new Set<string>()
  const traffic = new EndpointTraffic(world, random)
  let last: Verdict | undefined
  for (let tick = 0; tick < ticks; tick++) {
    const isIn = (endpoint: number): boolean => tick >= (returns.get(nameOfEndpoint(endpoint)) ?? 0)
    // A worker reports soon after a failure too, so a tick has several reports.
    for (let part = 0; part < 3; part++) {
      analysis.add(traffic.next(isIn, tick, part), () => world.share, tick * TICK_MS, 'w1')
      const facts = {
        nowMs: (tick + (part === 2 ? 1 : 0)) * TICK_MS,
        usedTo: traffic.used(isIn).map(nameOfEndpoint),
        inFlightTo: 0,
        shareTo: world.share,
        slowestFromMs: 30,
        isPrompt: true
      }
      if (part === 2) analysis.tick(facts)
      last = analysis.verdict(facts)
      if (last.ejectEndpoint !== null) {
        // The workers are told whom the verdict blames, and let each client speak once more.
        if (!ejected.has(last.ejectEndpoint)) traffic.forget()
        ejected.add(last.ejectEndpoint)
        if (world.stays !== true) returns.set(last.ejectEndpoint, tick + EJECTED_TICKS)
      }
      if (last.verdict === 'fail') return { failed: last, last, ejected: [...ejected], harmed: traffic.harmed }
    }
  }
  if (last === undefined) throw new Error('no tick has passed')
  return { failed: undefined, last, ejected: [...ejected], harmed: traffic.harmed }
}

class EndpointTraffic {
  harmed = 0
  readonly #world: EndpointWorld
  readonly #random: Random
  readonly #spoken = new Set<string>()
  readonly #failures = new Map<number, number>()
  readonly #seen = new Uint8Array(128)

  constructor (world: EndpointWorld, random: Random) {
    this.#world = world
    this.#random = random
  }

  /** Each client may speak anew. */
  forget (): void {
    this.#spoken.clear()
  }

  /** The endpoints of the new version that are not ejected; all of them when that is none. */
  used (isIn: (endpoint: number) => boolean): readonly number[] {
    const all = Array.from({ length: this.#world.endpoints }, (_, index) => index)
    const some = all.filter(isIn)
    return some.length === 0 ? all : some
  }

  next (isIn: (endpoint: number) => boolean, tick: number, part: number) {
    const { requestsPerTick, clients, share, matched = false } = this.#world
    const [from, to, byEndpoint] = [emptyCounts(), emptyCounts(), new Map<string, Counts>()]
    const signs: FirstSign[] = []
    const used = this.used(isIn)
    for (let request = Math.floor(requestsPerTick * part / 3); request < Math.floor(requestsPerTick * (part + 1) / 3); request++) {
      const client = this.#random.nextUint32() % clients
      // Who is on the new version is drawn once for each.
      const isNew = (Math.imul(client + 1, 0x9e3779b1) >>> 0) / 2 ** 32 < share
      const endpoint = isNew ? used[this.#random.nextUint32() % used.length] ?? 0 : -1
      const counts = isNew ? to : from
      count(counts, client, 'good')
      const outcome = this.#outcome(endpoint, tick)
      this.#seen[(client & 1_023) >>> 3] = (this.#seen[(client & 1_023) >>> 3] ?? 0) | 1 << (client & 7)
      if (outcome === 'good') continue
      counts.requests--
      counts.halfRequests -= client & 1
      count(counts, client, outcome)
      if (isNew) {
        const name = nameOfEndpoint(endpoint)
        const place = byEndpoint.get(name) ?? emptyCounts()
        byEndpoint.set(name, place)
        count(place, client, outcome)
        if (outcome !== 'slow') this.#failures.set(client, (this.#failures.get(client) ?? 0) + 1)
      }
      const kind = outcome === 'slow' ? 'slow' : 'failure'
      if (this.#spoken.has(`${kind} ${client}`) || matched) continue
      this.#spoken.add(`${kind} ${client}`)
      signs.push({ kind, bucket: Math.imul(client + 1, 40_503) & 0xffff, side: isNew ? 'to' : 'from', epoch: 1, endpoint: isNew ? nameOfEndpoint(endpoint) : '10.9.0.1:80' })
    }
    const heavy = [...this.#failures].sort((a, b) => b[1] - a[1]).slice(0, 16).map(([client, failures]) => ({ key: `c${client}`, failures }))
    const common = { signs, heavy, dropped: 0, seen: this.#seen }
    return matched
      ? { cohorts: [{ epoch: 1, from, to: emptyCounts() }], matched: to, matchedByEndpoint: byEndpoint, ...common }
      : { cohorts: [{ epoch: 1, from, to, toByEndpoint: byEndpoint }], ...common }
  }

  #outcome (endpoint: number, tick: number): 'good' | EndpointWorld['how'] {
    const { bad, badShare, badFromTick = 0, errors, how, outage } = this.#world
    const isOutage = outage !== undefined && tick >= outage.fromTick && tick < outage.fromTick + outage.ticks
    if (isOutage && this.#random.nextFraction() < outage.share) return 'fails'
    if (endpoint >= 0 && endpoint < bad && tick >= badFromTick && this.#random.nextFraction() < badShare) {
      this.harmed++
      return how
    }
    return this.#random.nextFraction() < errors ? 'fails' : 'good'
  }
}

function count (counts: Counts, client: number, outcome: 'good' | EndpointWorld['how']): void {
  counts.requests++
  counts.halfRequests += client & 1
  if (outcome === 'slow') {
    counts.slow++
  } else if (outcome !== 'good') {
    counts.failures++
    counts.halfFailures += client & 1
    if (outcome === 'rescued') counts.rescued++
  }
}
