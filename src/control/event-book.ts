/**
 * What has happened, for those who follow it: numbered, and the latest of it kept for those who come back.
 */
import { createHash } from 'node:crypto'
import type { EventType } from '../config/schema.ts'
import type { Clock } from '../core/clock.ts'
import { printableJson } from '../core/logger.ts'
import type { TrafficControl } from '../rollout/traffic-control.ts'
import type { Revision } from '../rollout/traffic-state.ts'

/** One thing that has happened. */
export interface BookedEvent {
  /** Higher than that of any event before it in this process. */
  readonly number: number
  readonly type: EventType
  /** The route that it is about. */
  readonly route: string
  /** A JSON object in one line. */
  readonly text: string
  /**
   * What it is known by in every replica, which all book it; in visible ASCII without spaces. Undefined for what this process alone books.
   */
  readonly sharedId: string | undefined
  /** False for what this process has only found: weights as they were before it, or of a route that nobody has seen before. */
  readonly isChange: boolean
}

/** What an event is beside what it says. */
type EventNature = Partial<Pick<BookedEvent, 'sharedId' | 'isChange'>>

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
  /** When it began, in milliseconds since the Unix epoch. */
  readonly beganMs: number

  constructor (instance: string, clock: Clock) {
    this.#instance = instance
    this.#clock = clock
    this.beganMs = clock.wallMs()
  }

  /** The id of an event, or of the place behind the latest one. */
  idOf (number: number = this.#last): string {
    return `${this.#instance}-${number}`
  }

  /** @param fields what is said of it, beside its type, time and route */
  record (type: EventType, route: string, fields: object, { sharedId, isChange = true }: EventNature = {}): void {
    const at = new Date(this.#clock.wallMs()).toISOString()
    const text = printableJson({ type, at, route, ...fields })
    const event: BookedEvent = { number: ++this.#last, type, route, text, sharedId, isChange }
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
    if (revision === undefined) return book.record('weights', route, { epoch, revision: latest, after: weights }, { isChange: false })
    const { actor, reason, source, action, before, after } = revision
    const isChange = Object.keys(before).length > 0 && Date.parse(revision.at) >= book.beganMs
    const nature = { sharedId: sharedIdOf(route, revision), isChange }
    book.record('weights', route, { epoch, revision: latest, action, source, actor, reason, before, after }, nature)
  })
}

/** Epochs begin anew where the state is lost; the time does not. */
function sharedIdOf (route: string, { epoch, at, action, after }: Revision): string {
  return `weights-${createHash('sha256').update(JSON.stringify([route, epoch, at, action, after])).digest('base64url').slice(0, 22)}`
}
