import type { Clock } from '../core/clock.ts'
import { WorkSlices } from '../net/turns.ts'
import { registerProcessMetrics, type ControlMetrics } from './control-metrics.ts'
import type { CounterBook } from './counter-book.ts'
import { ROUTE_ITSELF, SLOT_LENGTH, TURNED_AWAY_REASONS } from './counter-layout.ts'
import { EXPOSITION_CONTENT_TYPE } from './exposition.ts'
import type { ObservedShares } from './observed-share.ts'
import {
  routeFamilies, routeRow, type RouteGauges, type RouteRow, turnedAwayFamily, type TurnedAwayRow, type WorkerState
} from './route-families.ts'
import { versionFamilies, type VersionRow } from './version-families.ts'
import { workerFamilies, type LoopState } from './worker-families.ts'

/** Characters handed out at a time. */
const CHUNK_LENGTH = 128 * 1024
/** Versions whose sums share an array. */
const BLOCK_ROWS = 256

/** Where a scrape reads. */
export interface ScrapeSources {
  readonly clock: Clock
  readonly book: CounterBook
  readonly shares: ObservedShares
  readonly control: ControlMetrics
  readonly routes: () => Iterable<RouteGauges>
  readonly workers: () => readonly WorkerState[]
  readonly controlLoop: () => LoopState
  /** Access log lines that the writer has dropped. */
  readonly writerDropped: () => number
}

/**
 * Serves `/metrics`: the shared counters, the state of routes and workers, and the metrics of prom-client's registry.
 *
 * prom-client keeps its own copy of every series and cannot take a histogram counted elsewhere, so the families that grow
 * with the routes are written straight from shared memory. Nothing is kept between scrapes.
 */
export class PromCollector {
  readonly contentType = EXPOSITION_CONTENT_TYPE
  readonly #sources: ScrapeSources

  constructor (sources: ScrapeSources) {
    this.#sources = sources
    registerProcessMetrics(sources.control.registry)
  }

  /** The exposition in chunks of whole lines. In slices of work, whatever has come of them: with thousands of routes it takes seconds. */
  async * chunks (): AsyncGenerator<string> {
    const { clock, control } = this.#sources
    let chunk = await control.registry.metrics()
    const slices = new WorkSlices(clock)
    for (const piece of this.#pieces()) {
      chunk += piece
      if (chunk.length >= CHUNK_LENGTH) {
        yield chunk
        chunk = ''
      }
      if (slices.isOver) await slices.rest()
    }
    if (chunk !== '') yield chunk
  }

  /** Empty ones are steps without a line: looking at a route is work too. */
  * #pieces (): Generator<string> {
    const { book, control, shares, routes, workers, controlLoop, writerDropped } = this.#sources
    // One reading of all routes and counters, so that the families of a scrape agree with each other.
    const states: RouteRow[] = []
    const rows: VersionRow[] = []
    const turnedAway: TurnedAwayRow[] = []
    const ofRoute = new Float64Array(SLOT_LENGTH)
    let sums = new Float64Array()
    let start = 0
    for (const route of routes()) {
      const row = routeRow(route)
      states.push(row)
      if (book.readInto(route.name, ROUTE_ITSELF, ofRoute)) {
        turnedAway.push({ labels: row.labels, counts: ofRoute.slice(0, TURNED_AWAY_REASONS.length) })
      }
      for (const [index, { name }] of route.versions.entries()) {
        if (start === sums.length) {
          sums = new Float64Array(BLOCK_ROWS * SLOT_LENGTH)
          start = 0
        }
        book.readInto(route.name, name, sums, start)
        rows.push({ labels: row.versionLabels[index] ?? '', sums, start })
        start += SLOT_LENGTH
      }
      yield ''
    }
    yield * control.checkLines()
    yield * versionFamilies(rows)
    yield * turnedAwayFamily(turnedAway)
    yield * routeFamilies(states, workers(), shares)
    yield * workerFamilies(book, controlLoop(), writerDropped())
  }
}
