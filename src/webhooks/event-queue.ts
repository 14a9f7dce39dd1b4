import type { EventType } from '../config/schema.ts'

/** An event on its way to one webhook. */
export interface QueuedEvent {
  /** The same with each try, and in each replica that posts it. */
  readonly id: string
  readonly type: EventType
  /** What is posted: a JSON object in one line. */
  readonly text: string
  /** When it happened (monotonic ms). */
  readonly atMs: number
}

interface QueueBounds {
  readonly events: number
  /** Of their texts together, as UTF-8. */
  readonly bytes: number
}

/** Events in their order. What does not fit any more costs the oldest their place. */
export class EventQueue {
  readonly #bounds: QueueBounds
  readonly #events: QueuedEvent[] = []
  #bytes = 0

  constructor (bounds: QueueBounds) {
    this.#bounds = bounds
  }

  get size (): number { return this.#events.length }

  /** @returns how many were dropped for it; itself among them when it alone is too much */
  push (event: QueuedEvent): number {
    this.#events.push(event)
    this.#bytes += bytesOf(event)
    let dropped = 0
    while (this.#events.length > this.#bounds.events || this.#bytes > this.#bounds.bytes) {
      this.shift()
      dropped++
    }
    return dropped
  }

  /** Takes the oldest. */
  shift (): QueuedEvent | undefined {
    const event = this.#events.shift()
    if (event !== undefined) this.#bytes -= bytesOf(event)
    return event
  }
}

function bytesOf ({ text }: QueuedEvent): number {
  return Buffer.byteLength(text)
}
