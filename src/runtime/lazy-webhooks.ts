import type { Config } from '../config/schema.ts'
import { Random } from '../core/random.ts'
import type { PreparedChange } from '../core/prepared-change.ts'
import type { WebhookBook, WebhookBookDeps } from '../webhooks/webhook-book.ts'
import type { WebhookStatus } from '../webhooks/webhook.ts'
import { packageVersion } from './package-version.ts'

type LazyWebhooksDeps = Omit<WebhookBookDeps, 'random' | 'agent'>

const NOTHING: PreparedChange = { commit: () => {}, settle: () => {}, discard: () => {} }

/** The webhooks, whose code is loaded when the configuration first has one. */
export class LazyWebhooks {
  readonly #deps: LazyWebhooksDeps
  #loading: Promise<WebhookBook> | undefined
  #book: WebhookBook | undefined

  constructor (deps: LazyWebhooksDeps) {
    this.#deps = deps
  }

  async prepare ({ webhooks }: Pick<Config, 'webhooks'>): Promise<PreparedChange> {
    if (webhooks.length === 0 && this.#book === undefined) return NOTHING
    this.#loading ??= this.#load()
    const book = this.#book = await this.#loading
    return await book.prepare(webhooks)
  }

  async #load (): Promise<WebhookBook> {
    const { WebhookBook } = await import('../webhooks/webhook-book.ts')
    const random = new Random()
    return new WebhookBook({ ...this.#deps, random: () => random.nextFraction(), agent: `Weir/${packageVersion()}` })
  }

  /** In the order of the configuration. */
  list (): readonly WebhookStatus[] {
    return this.#book?.list() ?? []
  }

  /** @param insisted resolves when nobody is to be waited for */
  async stop (insisted: Promise<void>): Promise<void> {
    await this.#book?.stop(insisted)
  }
}
