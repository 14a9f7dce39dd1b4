/**
 * What the two versions of a rollout have served since it began, all of it: those requests too that a match or a list brought. Kept with
 * the rollout, for its report. It is what one replica has served: the one that leads it.
 */
import { DistinctCount } from '../core/distinct-count.ts'
import { countAt, listAt, recordAt, wordsAt } from '../core/values-at.ts'
import { LATENCY_BOUNDS_S } from '../telemetry/counter-layout.ts'

export interface SeenVersion {
  readonly requests: number
  /** Answered with a status of 500 and more, and not by Weir itself for reasons of its own. */
  readonly errors: number
  /** By duration: one for each of LATENCY_BOUNDS_S, and one past them. */
  readonly latency: readonly number[]
  /** The registers of a DistinctCount in base64; empty: clients are not told from one another. */
  readonly clients: string
}

export interface SeenVersions {
  readonly from: SeenVersion
  readonly to: SeenVersion
}

type Side = keyof SeenVersions

/** What was counted of a version since Weir started. */
interface CountedSoFar {
  readonly requests: number
  readonly serverErrors: number
  readonly latencyBuckets: readonly number[]
}

const NOTHING: SeenVersion = { requests: 0, errors: 0, latency: [], clients: '' }
const BUCKETS = LATENCY_BOUNDS_S.length + 1
/** 512 bytes in base64, and some room. */
const MAX_TEXT = 1_024

class SideBook {
  #requests: number
  #errors: number
  #latency: readonly number[]
  #clients: DistinctCount | undefined
  #last: CountedSoFar | undefined

  constructor ({ requests, errors, latency, clients }: SeenVersion) {
    this.#requests = requests
    this.#errors = errors
    this.#latency = latency
    this.#clients = clients === '' ? undefined : new DistinctCount(Buffer.from(clients, 'base64'))
  }

  look (tally: CountedSoFar): void {
    const last = this.#last
    this.#last = { ...tally, latencyBuckets: [...tally.latencyBuckets] }
    // Counters that went back are those of a version that has come anew: what it counts from there on is counted.
    if (last === undefined || tally.requests < last.requests) return
    this.#requests += tally.requests - last.requests
    this.#errors += Math.max(0, tally.serverErrors - last.serverErrors)
    this.#latency = tally.latencyBuckets.map((count, index) =>
      (this.#latency[index] ?? 0) + Math.max(0, count - (last.latencyBuckets[index] ?? 0)))
  }

  addClients (registers: Uint8Array): void {
    this.#clients ??= new DistinctCount()
    this.#clients.merge(registers)
  }

  get seen (): SeenVersion {
    const clients = this.#clients === undefined ? '' : Buffer.from(this.#clients.bytes).toString('base64')
    return { requests: this.#requests, errors: this.#errors, latency: this.#latency, clients }
  }
}

export class SeenVersionsBook {
  readonly #sides: Readonly<Record<Side, SideBook>>

  constructor (stored: SeenVersions | null) {
    this.#sides = { from: new SideBook(stored?.from ?? NOTHING), to: new SideBook(stored?.to ?? NOTHING) }
  }

  /** What has been counted since the look before is added. To be called now and then. */
  look (side: Side, tally: CountedSoFar | undefined): void {
    if (tally !== undefined) this.#sides[side].look(tally)
  }

  addClients (clients: Partial<Readonly<Record<Side, Uint8Array>>>): void {
    for (const side of ['from', 'to'] as const) {
      const registers = clients[side]
      if (registers !== undefined) this.#sides[side].addClients(registers)
    }
  }

  get seen (): SeenVersions {
    return { from: this.#sides.from.seen, to: this.#sides.to.seen }
  }
}

/** @throws Error naming the first place that is wrong */
export function decodeSeenVersions (plain: unknown, place: string): SeenVersions {
  const value = recordAt(plain, place)
  return { from: sideAt(value['from'], `${place}.from`), to: sideAt(value['to'], `${place}.to`) }
}

function sideAt (plain: unknown, place: string): SeenVersion {
  const value = recordAt(plain, place)
  const requests = countAt(value['requests'], `${place}.requests`)
  const errors = countAt(value['errors'], `${place}.errors`)
  if (errors > requests) throw new Error(`${place}.errors are more than its requests`)
  return {
    requests,
    errors,
    latency: listAt(value['latency'], `${place}.latency`, BUCKETS).map((each, index) => countAt(each, `${place}.latency[${index}]`)),
    clients: wordsAt(value['clients'], `${place}.clients`, MAX_TEXT)
  }
}
