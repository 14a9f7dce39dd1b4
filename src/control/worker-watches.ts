/**
 * What the workers look at while rollouts run and which endpoints a verdict has ejected, remembered for replacements; and the evidence
 * that comes of it.
 */
import type { Clock } from '../core/clock.ts'
import type { EjectMessage, EvidenceMessage, WatchMessage } from '../contract/messages.ts'
import type { EvidenceReport, RouteWatch } from '../contract/rollout-watch.ts'

/**
 * Takes what a worker has seen.
 * @param id of the watch: the present one of the route, or the one before it, whose last words may come late
 * @param source the worker; one that replaces it is another. Its bitmaps are empty, so it repeats signs that its predecessor has told
 */
export type EvidenceListener = (route: string, id: string, report: EvidenceReport, source: string) => void

/** Where evidence comes from. */
interface EvidenceSource {
  readonly id: number
  readonly startedMs: number
}

interface RememberedEjection {
  readonly message: EjectMessage
  readonly untilMs: number
}

/** Ejections that are remembered: a verdict orders one at a time. */
const MAX_EJECTIONS = 256

export class WorkerWatches {
  readonly #clock: Clock
  readonly #watches = new Map<string, RouteWatch>()
  /** By route, the id of the watch that ended last. */
  readonly #ended = new Map<string, string>()
  #ejections: RememberedEjection[] = []
  readonly #listeners = new Set<EvidenceListener>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** @returns what the workers are told */
  watch (route: string, watch: RouteWatch | null): WatchMessage {
    const before = this.#watches.get(route)
    if (before !== undefined && before.id !== watch?.id) this.#ended.set(route, before.id)
    if (watch === null) this.#watches.delete(route)
    else this.#watches.set(route, watch)
    return { type: 'watch', route, watch }
  }

  /** @returns what the workers are told */
  eject (ejection: Omit<EjectMessage, 'type'>): EjectMessage {
    const message: EjectMessage = { type: 'eject', ...ejection }
    const nowMs = this.#clock.nowMs()
    const rest = this.#ejections.filter(({ message: other, untilMs }) => untilMs > nowMs && !isSamePlace(other, message))
    this.#ejections = [...rest.slice(1 - MAX_EJECTIONS), { message, untilMs: nowMs + message.forMs }]
    return message
  }

  /** What a replacement has to look at. */
  get watches (): readonly WatchMessage[] {
    return [...this.#watches].map(([route, watch]) => ({ type: 'watch', route, watch }))
  }

  /** What a replacement has to leave out, once it knows the routes: for the rest of the time. */
  get ejections (): readonly EjectMessage[] {
    const nowMs = this.#clock.nowMs()
    return this.#ejections.flatMap(({ message, untilMs }) => untilMs > nowMs ? [{ ...message, forMs: untilMs - nowMs }] : [])
  }

  /** Forgets routes that are gone. */
  retain (routes: ReadonlySet<string>): void {
    for (const route of this.#watches.keys()) if (!routes.has(route)) this.watch(route, null)
    for (const route of this.#ended.keys()) if (!routes.has(route)) this.#ended.delete(route)
    this.#ejections = this.#ejections.filter(({ message }) => routes.has(message.route))
  }

  /** Returns a function that ends it. */
  subscribe (listener: EvidenceListener): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Passes evidence on; none of an older watch, which nobody can use any more. */
  receive ({ route, id, report }: EvidenceMessage, { id: worker, startedMs }: EvidenceSource): void {
    if (this.#watches.get(route)?.id !== id && this.#ended.get(route) !== id) return
    for (const listener of this.#listeners) listener(route, id, report, `worker ${worker} since ${startedMs}`)
  }
}

function isSamePlace (left: EjectMessage, right: EjectMessage): boolean {
  return left.route === right.route && left.version === right.version && left.endpoint === right.endpoint
}
