import { errorText } from '../core/error-text.ts'
import type { EventLog } from '../core/logger.ts'
import { Watchers } from '../store/state-store.ts'
import { sameWeights } from '../contract/weights.ts'
import { type Revision, type RouteTraffic, type SplitPublisher, type SplitReceipt, type TrafficState } from './traffic-state.ts'

/** A route has got new weights. */
export interface TrafficEvent {
  readonly route: string
  readonly traffic: RouteTraffic
  /** What changed. */
  readonly revision?: Revision
}

export const DEFAULT_PUBLISH_TIMEOUT_MS = 5_000

/** Brings new weights to the workers, and to whoever listens. */
export class SplitAnnouncer {
  readonly #publisher: SplitPublisher
  readonly #log: EventLog
  readonly #watchers: Watchers<TrafficEvent>

  constructor (publisher: SplitPublisher, log: EventLog) {
    this.#publisher = publisher
    this.#log = log
    this.#watchers = new Watchers(error => { log.error('a listener to traffic changes failed', { error: String(error) }) })
  }

  /** Returns a function that ends it. */
  subscribe (listener: (event: TrafficEvent) => void): () => void {
    return this.#watchers.add(listener)
  }

  clear (): void {
    this.#watchers.clear()
  }

  /** Publishes every split that is not the one that was. */
  announce (before: TrafficState, next: TrafficState): void {
    for (const [name, traffic] of next.routes) {
      const known = before.routes.get(name)
      if (known !== undefined && known.epoch === traffic.epoch && sameWeights(known.weights, traffic.weights)) continue
      this.publish(name, traffic, DEFAULT_PUBLISH_TIMEOUT_MS).catch(() => undefined)
      this.tell(name, traffic)
    }
  }

  /** Tells who listens of new weights of a route. */
  tell (route: string, traffic: RouteTraffic): void {
    const revision = traffic.history.at(-1)
    this.#watchers.tell(revision === undefined ? { route, traffic } : { route, traffic, revision })
  }

  /** Sends the weights of a route to the workers. Never rejects. */
  async publish (route: string, { epoch, weights }: RouteTraffic, timeoutMs: number): Promise<SplitReceipt> {
    try {
      const receipt = await this.#publisher.publish({ route, epoch, weights, salt: '' }, timeoutMs)
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
