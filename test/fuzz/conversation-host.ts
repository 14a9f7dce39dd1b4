/**
 * What serves the conversations: a data plane in this thread, or a worker in its own.
 */
import { ProxyBench } from '../helpers/data-plane.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { turn } from './stillness.ts'

const TURNS_TO_ACCEPT = 4

export interface ConversationHost {
  /** Where clients connect to. */
  readonly port: number
  /** Nothing has moved for so long before anybody gives up waiting. */
  readonly patienceMs: number
  /** Sends all requests to an origin on this port. */
  route (originPort: number, upgrades: boolean): Promise<void>
  /** Goes on to the next timeout; false when there is none to go to. */
  toNextTimeout (): boolean
  /** Comes back when all connections that clients have opened so far have been seen. */
  settle (): Promise<void>
  /** What is in use, each by its number; all are 0 when nothing is left. */
  left (): Readonly<Record<string, number>>
  /** Defects of Weir since the last call. */
  takeDefects (): readonly string[]
  /** Ends what is left over. */
  cut (): void
  end (): Promise<void>
}

/** A data plane in this thread, whose time only moves when it is told to. */
export class DataPlaneHost implements ConversationHost {
  readonly patienceMs = 5
  readonly #clock: FakeClock
  readonly #bench: ProxyBench
  #defects: string[] = []

  /** Use `start`. */
  constructor (clock: FakeClock, bench: ProxyBench) {
    this.#clock = clock
    this.#bench = bench
    bench.plane.reportDefect = error => { this.#defects.push(error instanceof Error ? error.stack ?? error.message : String(error)) }
  }

  static async start (): Promise<DataPlaneHost> {
    const clock = new FakeClock()
    // A deadline of 0 is none.
    clock.advance(1_000)
    return new DataPlaneHost(clock, await ProxyBench.start({}, clock))
  }

  get port (): number { return this.#bench.port }

  async route (originPort: number, upgrades: boolean): Promise<void> {
    this.#bench.route([{ weights: { v1: 1 }, upgrades: upgrades ? ['websocket'] : [] }])
    this.#bench.endpoints('v1', [originPort])
  }

  toNextTimeout (): boolean {
    const { plane } = this.#bench
    const deadlines = plane.deadlines.snapshot().map(({ deadlineMs }) => deadlineMs).filter(deadlineMs => deadlineMs > 0)
    if (deadlines.length === 0) return false
    this.#clock.advance(Math.max(0, Math.min(...deadlines) - this.#clock.nowMs()))
    plane.deadlines.sweep(plane.readClock())
    return true
  }

  async settle (): Promise<void> {
    for (let turns = 0; turns < TURNS_TO_ACCEPT; turns++) await turn()
  }

  left (): Readonly<Record<string, number>> { return this.#bench.left() }

  takeDefects (): readonly string[] {
    const defects = this.#defects
    this.#defects = []
    return defects
  }

  cut (): void { this.#bench.pools.retireAll() }
  async end (): Promise<void> { await this.#bench.end() }
}
