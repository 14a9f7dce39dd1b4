import { AfterTurn } from '../net/after-turn.ts'
import type { Clock } from '../core/clock.ts'
import type { ControlMetrics } from './control-metrics.ts'
import type { CounterBook } from './counter-book.ts'
import { SLOT_LENGTH } from './counter-layout.ts'
import { EXPOSITION_CONTENT_TYPE, labelText } from './exposition.ts'
import type { ObservedShares } from './observed-share.ts'
import { registerProcessMetrics } from './process-metrics.ts'
import { routeFamilies, type RouteGauges, type WorkerState } from './route-families.ts'
import { versionFamilies, type VersionRow } from './version-families.ts'
import { workerFamilies, type LoopState } from './worker-families.ts'

/** Characters handed out at a time. */
const CHUNK_LENGTH = 128 * 1024
/** A scrape works so long at a time, and then everything else has its turn: with thousands of routes it takes seconds. */
const SLICE_MS = 5

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
  readonly #afterTurn = new AfterTurn()

  constructor (sources: ScrapeSources) {
    this.#sources = sources
    registerProcessMetrics(sources.control.registry)
  }

  /** The exposition in chunks of whole lines. The event loop gets its turn after SLICE_MS of work, whatever has come of it. */
  async * chunks (): AsyncGenerator<string> {
    const { clock, control } = this.#sources
    let chunk = await control.registry.metrics()
    let sinceMs = clock.nowMs()
    for (const piece of this.#pieces()) {
      chunk += piece
      if (chunk.length >= CHUNK_LENGTH) {
        yield chunk
        chunk = ''
      }
      if (clock.nowMs() - sinceMs < SLICE_MS) continue
      await this.#turn()
      sinceMs = clock.nowMs()
    }
    if (chunk !== '') yield chunk
  }

  /** The whole exposition as one text; for tests and small set-ups. */
  async text (): Promise<string> {
    let text = ''
    for await (const chunk of this.chunks()) text += chunk
    return text
  }

  /** Empty ones are steps without a line: looking at a route is work too. */
  * #pieces (): Generator<string> {
    const { book, control, shares, routes, workers, controlLoop, writerDropped } = this.#sources
    // One reading of all routes and counters, so that the families of a scrape agree with each other.
    const states: RouteGauges[] = []
    const rows: VersionRow[] = []
    for (const route of routes()) {
      states.push(route)
      for (const version of route.versions) rows.push(versionRow(book, route.name, version.name))
      yield ''
    }
    yield * control.checkLines()
    yield * versionFamilies(rows)
    yield * routeFamilies(states, workers(), shares)
    yield * workerFamilies(book, controlLoop(), writerDropped())
  }

  async #turn (): Promise<void> {
    await new Promise<void>(resolve => { this.#afterTurn.add(resolve) })
  }
}

function versionRow (book: CounterBook, route: string, version: string): VersionRow {
  const slot = new Float64Array(SLOT_LENGTH)
  book.readInto(route, version, slot)
  return { labels: labelText({ route, version }), slot }
}
