/**
 * What has happened, for those who follow it: numbered, and the latest of it kept for those who come back.
 */
import type { Clock } from '../core/clock.ts'
import { printableJson } from '../core/logger.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'

/** One thing that has happened. */
export interface BookedEvent {
  /** Higher than that of any event before it in this process. */
  readonly number: number
  readonly type: 'weights'
  /** The route that it is about. */
  readonly route: string
  /** A JSON object in one line. */
  readonly text: string
}

/** What somebody has missed who saw an event last. */
export interface MissedEvents {
  readonly events: readonly BookedEvent[]
  /** Some that came in between are not kept any more, or the last one seen was of another process. */
  readonly gap: boolean
}

/** @internal */
export const MAX_KEPT_EVENTS = 1_000
/** What the kept events may have together, in characters. */
const MAX_KEPT_LENGTH = 1_048_576

export class EventBook {
  readonly #clock: Clock
  /** What no other process has: ids of another one mean nothing here. */
  readonly #instance: string
  readonly #kept: BookedEvent[] = []
  readonly #listeners = new Set<(event: BookedEvent) => void>()
  #keptLength = 0
  #last = 0

  constructor (instance: string, clock: Clock) {
    this.#instance = instance
    this.#clock = clock
  }

  /** The id of an event, or of the place behind the latest one. */
  idOf (number: number = this.#last): string {
    return `${this.#instance}-${number}`
  }

  /** @param fields what is said of it, beside its type, time and route */
  record (type: BookedEvent['type'], route: string, fields: object): void {
    const at = new Date(this.#clock.wallMs()).toISOString()
    const event = { number: ++this.#last, type, route, text: printableJson({ type, at, route, ...fields }) }
    this.#kept.push(event)
    this.#keptLength += event.text.length
    while (this.#kept.length > MAX_KEPT_EVENTS || (this.#keptLength > MAX_KEPT_LENGTH && this.#kept.length > 1)) {
      this.#keptLength -= this.#kept.shift()?.text.length ?? 0
    }
    for (const listener of this.#listeners) listener(event)
  }

  /** What came after the event with this id. */
  after (id: string): MissedEvents {
    const match = /^(.+)-([0-9]{1,15})$/.exec(id)
    const seen = match?.[1] === this.#instance ? Number(match[2]) : undefined
    if (seen === undefined || seen > this.#last) return { events: [], gap: true }
    const first = this.#kept[0]?.number ?? this.#last + 1
    return { events: this.#kept.filter(({ number }) => number > seen), gap: seen + 1 < first }
  }

  /** Returns a function that ends it. */
  subscribe (listener: (event: BookedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }
}

/** Books every change of weights, with who made it and why. */
export function bookTraffic (traffic: Pick<TrafficControl, 'subscribe'>, book: EventBook): void {
  traffic.subscribe(({ route, traffic: { epoch, revision: latest, weights }, revision }) => {
    if (revision === undefined) return book.record('weights', route, { epoch, revision: latest, after: weights })
    const { actor, reason, source, action, before, after } = revision
    book.record('weights', route, { epoch, revision: latest, action, source, actor, reason, before, after })
  })
}
