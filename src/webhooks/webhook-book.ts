/**
 * All webhooks of the configuration, and which events are theirs to post.
 */
import type { WebhookConfig } from '../config/schema.ts'
import type { BookedEvent, EventBook } from '../control/event-book.ts'
import type { Leadership } from '../core/leadership.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import { SecretFile } from '../core/secret-file.ts'
import type { QueuedEvent } from './event-queue.ts'
import { Webhook, type WebhookDeps, type WebhookStatus } from './webhook.ts'

export interface WebhookBookDeps extends WebhookDeps {
  readonly events: EventBook
  readonly leadership: Leadership
}

/** How long the end may take, in milliseconds. */
export const FLUSH_MS = 2_000
/**
 * What the holder may have left undone when it died: longer than one that has died is taken for alive. In milliseconds, and no more events
 * than that.
 */
const HANDOVER_MS = 20_000
const MAX_HANDOVER = 1_000

/**
 * What this replica alone has booked it posts itself. What all of them book is posted by the holder of the Lease, or by whoever
 * sees none; one that becomes the holder also posts what came shortly before, under the id that it had: rather twice than not at all.
 */
export class WebhookBook {
  readonly #deps: WebhookBookDeps
  readonly #ends: ReadonlyArray<() => void>
  /** By URL. */
  #webhooks = new Map<string, Webhook>()
  /** What the holder sees to. */
  #left: QueuedEvent[] = []

  constructor (deps: WebhookBookDeps) {
    this.#deps = deps
    this.#ends = [
      deps.events.subscribe(event => { this.#take(event) }),
      deps.leadership.watch(standing => { if (standing !== 'follower') this.#takeOver() })
    ]
  }

  /** Reads the secrets. One that can't be used does not stop the configuration: its webhook waits until it can. */
  async prepare (configs: readonly WebhookConfig[]): Promise<PreparedChange> {
    const prepared = configs.map(config => ({ config, secret: new SecretFile(config.secretFile, this.#deps) }))
    for (const { secret } of prepared) await secret.keys()
    return {
      commit: () => {},
      settle: () => { this.#replace(prepared) },
      discard: () => {}
    }
  }

  /** In the order of the configuration. */
  list (): readonly WebhookStatus[] {
    return [...this.#webhooks.values()].map(webhook => webhook.status())
  }

  /**
   * Posts what waits, as far as that goes quickly.
   * @param insisted resolves when nobody is to be waited for
   */
  async stop (insisted: Promise<void>): Promise<void> {
    for (const end of this.#ends) end()
    const over = Promise.withResolvers<undefined>()
    const timer = this.#deps.clock.after(FLUSH_MS, () => { over.resolve(undefined) })
    const end = Promise.race([insisted, over.promise])
    await Promise.all([...this.#webhooks.values()].map(async webhook => {
      await this.#stopOne(webhook, end, 'Weir stops, and a webhook has not taken all events')
    }))
    timer.cancel()
  }

  async #stopOne (webhook: Webhook, over: Promise<unknown>, message: string): Promise<void> {
    const events = await webhook.stop(over)
    if (events > 0) this.#deps.log.warn(message, { webhook: webhook.name, events })
  }

  #replace (prepared: ReadonlyArray<{ readonly config: WebhookConfig, readonly secret: SecretFile }>): void {
    const before = this.#webhooks
    this.#webhooks = new Map(prepared.map(({ config, secret }) => {
      const key = new URL(config.url).href
      const known = before.get(key)
      before.delete(key)
      known?.reconfigure(config, secret)
      const webhook = known ?? new Webhook(config, secret, this.#deps)
      void webhook.checkSecret()
      return [key, webhook]
    }))
    for (const webhook of before.values()) {
      void this.#stopOne(webhook, Promise.resolve(), 'a webhook is not configured any more, and has not taken all events')
    }
  }

  #take ({ number, type, text, sharedId, isChange }: BookedEvent): void {
    if (!isChange) return
    const { clock, events, leadership } = this.#deps
    const event: QueuedEvent = { id: sharedId ?? events.idOf(number), type, text, atMs: clock.nowMs() }
    if (sharedId === undefined || leadership.standing !== 'follower') {
      this.#offer(event)
    } else {
      this.#left = [...this.#recentlyLeft(), event].slice(-MAX_HANDOVER)
    }
  }

  #takeOver (): void {
    const left = this.#recentlyLeft()
    this.#left = []
    for (const event of left) this.#offer(event)
  }

  #recentlyLeft (): readonly QueuedEvent[] {
    const fromMs = this.#deps.clock.nowMs() - HANDOVER_MS
    return this.#left.filter(({ atMs }) => atMs >= fromMs)
  }

  #offer (event: QueuedEvent): void {
    for (const webhook of this.#webhooks.values()) webhook.offer(event)
  }
}
