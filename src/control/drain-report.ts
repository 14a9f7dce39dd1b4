/**
 * What a drain waits for, said in the log: at its beginning, and every few seconds as long as there is something.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'
import type { EventLog, LogFields } from '../core/logger.ts'
import { nameSome } from '../core/name-some.ts'
import type { RouteBook } from '../routes/route-book.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import { unansweredRequests } from '../telemetry/version-counters.ts'

export interface DrainReportDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly routes: Pick<RouteBook, 'versions'>
  readonly book: Pick<CounterBook, 'read' | 'readWorker' | 'workerIds'>
}

const EVERY_MS = 5_000

export class DrainReport {
  readonly #deps: DrainReportDeps
  #timer: TimerHandle | undefined

  constructor (deps: DrainReportDeps) {
    this.#deps = deps
  }

  /** Says that the drain begins, and goes on until `stop`. */
  start (): void {
    this.#deps.log.info('weir is draining', this.#fields())
    this.#again()
  }

  stop (): void {
    this.#timer?.cancel()
  }

  #again (): void {
    this.#timer = this.#deps.clock.after(EVERY_MS, () => {
      this.#deps.log.info('weir is still draining', this.#fields())
      this.#again()
    })
  }

  #fields (): LogFields {
    const { book, routes } = this.#deps
    const sum = { requests: 0, waiting: 0, tunnels: 0 }
    const named: string[] = []
    for (const { route, version } of routes.versions()) {
      const counters = book.read(route, version)
      if (counters === undefined || counters.inFlight <= 0) continue
      const requests = unansweredRequests(counters)
      sum.requests += requests
      sum.waiting += counters.held
      sum.tunnels += counters.tunnels
      named.push(`${route}/${version}: ${requests} in flight, ${counters.held} waiting, ${counters.tunnels} tunnels`)
    }
    const connections = book.workerIds().reduce((count, id) => count + book.readWorker(id).connectionsOpen, 0)
    return { connections, ...sum, ...(named.length === 0 ? {} : { versions: nameSome(named, '; ') }) }
  }
}
