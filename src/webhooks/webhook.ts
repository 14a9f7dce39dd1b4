import { webhookName } from '../config/webhook-rules.ts'
import type { EventType, WebhookConfig } from '../config/schema.ts'
import { pause } from '../core/abortable.ts'
import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { parseDurationMs } from '../core/duration.ts'
import type { EventLog, LogFields } from '../core/logger.ts'
import type { SecretFile } from '../core/secret-file.ts'
import { EventQueue, type QueuedEvent } from './event-queue.ts'
import { signEvent } from './event-signature.ts'
import { type PostFault, Receiver } from './receiver.ts'

/** What may wait for one webhook. */
export const QUEUE_BOUNDS = { events: 1_000, bytes: 1_048_576 } as const
const BACKOFF = { baseMs: 1_000, maxMs: 60_000 } as const
/** No receiver may ask for a longer rest. */
const MAX_REST_MS = 300_000
/** An event that is this old, or has been tried so often, is given up. */
export const MAX_AGE_MS = 900_000
export const MAX_TRIES = 20
/** A secret that can't be used is looked at again so soon. */
const SECRET_REST_MS = 2_000

/** What is known of a webhook. */
export interface WebhookStatus {
  readonly name: string
  /** Without its query. */
  readonly url: string
  readonly events: readonly EventType[]
  /** Events that wait, the one that is being posted among them. */
  readonly queued: number
  readonly delivered: number
  /** Tries that failed and were followed by another one. */
  readonly retried: number
  /** Events that were given up: the receiver does not want them, or has not taken them in time. */
  readonly refused: number
  readonly expired: number
  /** Events that did not fit any more. */
  readonly dropped: number
  /** By the wall clock, in milliseconds. */
  readonly lastSuccessMs: number | undefined
  readonly lastError: { readonly atMs: number, readonly reason: string } | undefined
}

export interface WebhookDeps {
  readonly clock: Clock
  readonly log: EventLog
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** The value of `User-Agent`. */
  readonly agent: string
}

type Outcome = 'delivered' | 'refused' | 'expired'

/** Posts events to one server: one at a time, in order, each until it is taken or given up. Whoever has an event only leaves it here. */
export class Webhook {
  readonly #deps: WebhookDeps
  readonly #receiver: Receiver
  readonly #queue = new EventQueue(QUEUE_BOUNDS)
  readonly #counts = { delivered: 0, retried: 0, refused: 0, expired: 0, dropped: 0 }
  /** Nothing is posted any more. */
  readonly #gone = new AbortController()
  #config: WebhookConfig
  #secret: SecretFile
  #current: QueuedEvent | undefined
  #running: Promise<void> | undefined
  /** Ends the wait for the next try. */
  #wake = new AbortController()
  /** What fails now is not tried again. */
  #isLast = false
  /** In a row. */
  #failures = 0
  /** No try before that (monotonic ms). */
  #restUntilMs = 0
  #lastSuccessMs: number | undefined
  #lastError: WebhookStatus['lastError']
  /** What was said in the log since an event was taken; and how many events were lost. */
  readonly #said = new Set<string>()
  #lost = 0

  constructor (config: WebhookConfig, secret: SecretFile, deps: WebhookDeps) {
    this.#config = config
    this.#secret = secret
    this.#deps = deps
    this.#receiver = new Receiver(config.url, deps.clock)
  }

  get name (): string { return webhookName(this.#config) }

  /** Events that wait, the one that is being posted among them. */
  get queued (): number { return this.#queue.size + (this.#current === undefined ? 0 : 1) }

  status (): WebhookStatus {
    const { origin, pathname } = new URL(this.#config.url)
    return {
      name: this.name,
      url: origin + pathname,
      events: this.#config.events,
      queued: this.queued,
      ...this.#counts,
      lastSuccessMs: this.#lastSuccessMs,
      lastError: this.#lastError
    }
  }

  /** Takes over a configuration with the same URL. What waits is tried at once: the new configuration may be the remedy. */
  reconfigure (config: WebhookConfig, secret: SecretFile): void {
    this.#config = config
    this.#secret = secret
    this.#restUntilMs = 0
    this.#wakeUp()
  }

  /** Leaves an event to be posted, if it is of a type that this webhook is for. Never throws. */
  offer (event: QueuedEvent): void {
    if (this.#gone.signal.aborted || !this.#config.events.includes(event.type)) return
    const dropped = this.#queue.push(event)
    if (dropped > 0) {
      this.#counts.dropped += dropped
      this.#lost += dropped
      this.#say('dropped', 'a webhook takes events too slowly: the oldest are dropped', { queued: this.queued })
    }
    this.#go()
  }

  /** Says what is wrong with its secret, before there is an event. */
  async checkSecret (): Promise<void> {
    if (await this.#secret.keys() === undefined) this.#failed(this.#secretFault())
  }

  /**
   * Posts what waits, each event once more at most.
   * @param over resolves when that has to end
   * @returns how many events were not taken
   */
  async stop (over: Promise<unknown>): Promise<number> {
    this.#isLast = true
    this.#wakeUp()
    await Promise.race([this.#running, over])
    this.#gone.abort()
    await this.#running
    this.#receiver.close()
    return this.queued
  }

  #wakeUp (): void {
    this.#wake.abort()
    this.#wake = new AbortController()
  }

  #go (): void {
    if (this.#queue.size > 0) this.#running ??= this.#run()
  }

  async #run (): Promise<void> {
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        this.#current = event
        const outcome = await this.#deliver(event)
        if (outcome === undefined) return
        this.#current = undefined
        this.#counts[outcome]++
        if (outcome !== 'delivered') this.#lost++
      }
    } finally {
      // In the step in which the queue was seen empty: what comes after it begins anew.
      this.#running = undefined
    }
  }

  /** @returns undefined when it is to be left as it is */
  async #deliver (event: QueuedEvent): Promise<Outcome | undefined> {
    const { clock } = this.#deps
    for (let tries = 0; ;) {
      if (!this.#isLast) await pause(clock, this.#restUntilMs - clock.nowMs(), this.#wake.signal)
      if (this.#gone.signal.aborted) return undefined
      if (tries >= MAX_TRIES || clock.nowMs() - event.atMs > MAX_AGE_MS) {
        this.#say('expired', 'a webhook has not taken an event in time: it is given up', { type: event.type })
        return 'expired'
      }
      const fault = await this.#post(event)
      if (fault === undefined) {
        this.#succeeded()
        return 'delivered'
      }
      if (this.#gone.signal.aborted) return undefined
      this.#failed(fault)
      if (!fault.again) return 'refused'
      if (this.#isLast) return undefined
      if (fault.kind !== 'secret') {
        tries++
        this.#counts.retried++
      }
    }
  }

  async #post ({ id, type, text }: QueuedEvent): Promise<PostFault | undefined> {
    const keys = await this.#secret.keys()
    if (keys === undefined) return this.#secretFault()
    const seconds = Math.floor(this.#deps.clock.wallMs() / 1_000)
    return await this.#receiver.post({
      headers: {
        'content-type': 'application/json',
        'user-agent': this.#deps.agent,
        'x-weir-event': type,
        'x-weir-event-id': id,
        'x-weir-signature': signEvent(keys, seconds, text)
      },
      body: text,
      timeoutMs: parseDurationMs(this.#config.timeout),
      signal: this.#gone.signal
    })
  }

  #secretFault (): PostFault {
    return { kind: 'secret', reason: `can't be signed for: its \`secretFile\` can't be used: ${this.#secret.fault}`, again: true }
  }

  #succeeded (): void {
    this.#failures = 0
    this.#restUntilMs = 0
    this.#lastSuccessMs = this.#deps.clock.wallMs()
    if (this.#said.size === 0) return
    this.#deps.log.info('a webhook takes events again', { webhook: this.name, lost: this.#lost })
    this.#said.clear()
    this.#lost = 0
  }

  #failed ({ kind, reason, again, afterMs = 0 }: PostFault): void {
    const { clock, random } = this.#deps
    this.#lastError = { atMs: clock.wallMs(), reason }
    this.#failures = again ? this.#failures + 1 : 0
    const restMs = kind === 'secret' ? SECRET_REST_MS : Math.max(backoffMs(this.#failures, BACKOFF, random), Math.min(afterMs, MAX_REST_MS))
    this.#restUntilMs = again ? clock.nowMs() + restMs : 0
    // Which file it is, is for the log alone.
    const where = kind === 'secret' ? { secretFile: this.#config.secretFile } : {}
    this.#say(kind, 'a webhook does not take events', { reason, ...where, queued: this.queued })
  }

  /** Once until an event is taken. */
  #say (kind: string, message: string, fields: LogFields): void {
    if (this.#said.has(kind)) return
    this.#said.add(kind)
    this.#deps.log.warn(message, { webhook: this.name, ...fields })
  }
}
