import type { Clock } from '../core/clock.ts'
import type { ControlMetrics } from './control-metrics.ts'
import type { CounterBook } from './counter-book.ts'
import { SLOT_LENGTH } from './counter-layout.ts'
import { EXPOSITION_CONTENT_TYPE, labelText } from './exposition.ts'
import type { ObservedShares } from './observed-share.ts'
import { registerProcessMetrics } from './process-metrics.ts'
import { routeFamilies, type RouteState, type WorkerState } from './route-families.ts'
import { versionFamilies, type VersionRow } from './version-families.ts'
import { workerFamilies, type LoopState } from './worker-families.ts'

/** Characters handed out at a time: large enough for few turns of the event loop, small enough for short ones. */
const CHUNK_LENGTH = 128 * 1024

/** Where a scrape reads. */
export interface ScrapeSources {
  readonly clock: Clock
  readonly book: CounterBook
  readonly shares: ObservedShares
  readonly control: ControlMetrics
  readonly routes: () => readonly RouteState[]
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

  /** The exposition in chunks of whole lines. Between chunks the event loop gets its turn. */
  async * chunks (): AsyncGenerator<string> {
    yield await this.#sources.control.registry.metrics()
    let chunk = ''
    for (const piece of this.#families()) {
      chunk += piece
      if (chunk.length < CHUNK_LENGTH) continue
      yield chunk
      chunk = ''
      await this.#turn()
    }
    if (chunk !== '') yield chunk
  }

  /** The whole exposition as one text; for tests and small set-ups. */
  async text (): Promise<string> {
    let text = ''
    for await (const chunk of this.chunks()) text += chunk
    return text
  }

  * #families (): Generator<string> {
    const { book, shares, routes, workers, controlLoop, writerDropped } = this.#sources
    const routeStates = routes()
    yield * versionFamilies(versionRows(book, routeStates))
    yield * routeFamilies(routeStates, workers(), shares)
    yield * workerFamilies(book, controlLoop(), writerDropped())
  }

  #turn (): Promise<void> {
    return new Promise((resolve) => { this.#sources.clock.after(0, resolve) })
  }
}

/** One reading of all counters, so that the families of a scrape agree with each other. */
function versionRows (book: CounterBook, routes: readonly RouteState[]): readonly VersionRow[] {
  const refs = routes.flatMap((route) => route.versions.map((version) => ({ route: route.name, version: version.name })))
  const doubles = new Float64Array(refs.length * SLOT_LENGTH)
  return refs.map((ref, index) => {
    const slot = doubles.subarray(index * SLOT_LENGTH, (index + 1) * SLOT_LENGTH)
    book.readInto(ref.route, ref.version, slot)
    return { labels: labelText({ route: ref.route, version: ref.version }), slot }
  })
}
