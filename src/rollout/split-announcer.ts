import { errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { Watchers } from '../store/state-store.ts'
import { isSameSplit, splitOf } from './beside-weights.ts'
import { type Revision, type RouteTraffic, type SplitPublisher, type SplitReceipt, type TrafficState } from './traffic-state.ts'

/** A route has got new weights. */
export interface TrafficEvent {
  readonly route: string
  readonly traffic: RouteTraffic
  /** What changed. */
  readonly revision?: Revision
}

export const DEFAULT_PUBLISH_TIMEOUT_MS = 5_000

/** What is served of a route of which `stored` is stored. */
type ServedView = (route: string, stored: RouteTraffic) => RouteTraffic

/** Brings new weights to the workers, and to whoever listens. */
export class SplitAnnouncer {
  readonly #publisher: SplitPublisher
  readonly #log: EventLog
  readonly #watchers: Watchers<TrafficEvent>
  readonly #changes: Watchers<undefined>
  readonly #served: ServedView

  constructor (publisher: SplitPublisher, log: EventLog, served: ServedView) {
    this.#publisher = publisher
    this.#log = log
    this.#served = served
    const onError = (error: unknown): void => { log.error('a listener to traffic changes failed', { error: String(error) }) }
    this.#watchers = new Watchers(onError)
    this.#changes = new Watchers(onError)
  }

  /** Returns a function that ends it. */
  subscribe (listener: (event: TrafficEvent) => void): () => void {
    return this.#watchers.add(listener)
  }

  /** Returns a function that ends it. */
  onChange (listener: () => void): () => void {
    return this.#changes.add(listener)
  }

  clear (): void {
    this.#watchers.clear()
    this.#changes.clear()
  }

  /** Anything of any route may be different. */
  changed (): void {
    this.#changes.tell(undefined)
  }

  /** Publishes every split that is not the one that was. */
  announce (before: TrafficState, next: TrafficState): void {
    for (const [name, traffic] of next.routes) {
      const known = before.routes.get(name)
      if (known !== undefined && isSameSplit(splitOf(name, known), splitOf(name, traffic))) continue
      this.publish(name, traffic, DEFAULT_PUBLISH_TIMEOUT_MS).catch(() => undefined)
      this.tell(name, traffic)
    }
  }

  /** Tells who listens of new weights of a route. */
  tell (route: string, traffic: RouteTraffic): void {
    const revision = traffic.history.at(-1)
    this.#watchers.tell(revision === undefined ? { route, traffic } : { route, traffic, revision })
  }

  /**
   * Sends the workers what is served of a route. Never rejects.
   * @param stored what is stored of it
   */
  async publish (route: string, stored: RouteTraffic, timeoutMs: number): Promise<SplitReceipt> {
    const split = splitOf(route, this.#served(route, stored))
    const { epoch } = split
    try {
      const receipt = await this.#publisher.publish(split, timeoutMs)
      if (receipt.applied < receipt.workers) {
        this.#log.warn('a split was not applied by every worker in time', { route, epoch, workers: receipt.workers, applied: receipt.applied, tookMs: receipt.tookMs })
      }
      return receipt
    } catch (error) {
      this.#log.error('a split could not be published', { route, epoch, error: errorText(error) })
      return { workers: 0, applied: 0, tookMs: 0 }
    }
  }
}
