import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import type { WebhookConfig } from '../../src/config/schema.ts'
import { SecretFile } from '../../src/core/secret-file.ts'
import { Webhook, type WebhookStatus } from '../../src/webhooks/webhook.ts'
import { FakeClock } from './fake-clock.ts'
import { ListLog } from './list-log.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { turns } from './turns.ts'
import { until } from './until.ts'
import type { WebhookReceiver } from './webhook-receiver.ts'

export const SECRET = 'one-secret-of-32-characters-abcd'
export const OTHER_SECRET = 'two-secret-of-more-than-32-characters'

/** A webhook that posts to a real server, in a time that the test moves. */
export class WebhookBench {
  readonly clock = new FakeClock()
  readonly log = new ListLog()
  readonly secretFile: string
  readonly receiver: WebhookReceiver
  readonly webhook: Webhook
  /** What the jitter draws: 1 is the longest wait. */
  drawn = 1
  #offered = 0

  constructor (receiver: WebhookReceiver, secretFile: string) {
    this.receiver = receiver
    this.secretFile = secretFile
    this.webhook = new Webhook(this.config(), this.secret(), { clock: this.clock, log: this.log, random: () => this.drawn, agent: 'Weir/test' })
  }

  static async open (t: Pick<Test, 'teardown'>, receiver: WebhookReceiver): Promise<WebhookBench> {
    const secretFile = path.join(await temporaryDirectory(t), 'secret')
    await writeFile(secretFile, SECRET)
    const bench = new WebhookBench(receiver, secretFile)
    t.teardown(async () => { await bench.webhook.stop(Promise.resolve()) })
    return bench
  }

  config (more: Partial<WebhookConfig> = {}): WebhookConfig {
    return { name: 'chat', url: this.receiver.url, secretFile: this.secretFile, events: ['weights', 'verdict'], timeout: '10s', ...more }
  }

  secret (): SecretFile {
    return new SecretFile(this.secretFile, { clock: this.clock })
  }

  get status (): WebhookStatus { return this.webhook.status() }

  /** An event with a number of its own. */
  offer (type: 'weights' | 'rollout' | 'verdict' = 'weights', text?: string): void {
    const number = ++this.#offered
    this.webhook.offer({ id: `e-${number}`, type, text: text ?? `{"number":${number}}`, atMs: this.clock.nowMs() })
  }

  async putSecret (content: string): Promise<void> {
    await writeFile(`${this.secretFile}.new`, content)
    await rename(`${this.secretFile}.new`, this.secretFile)
  }

  /** Waits for the failure with this number, and shows that the next try comes after so long and not before. */
  async untilNextTry (failure: number, afterMs: number): Promise<void> {
    await until(() => this.status.retried === failure)
    const posts = this.receiver.posts.length
    this.clock.advance(afterMs - 1)
    await turns(10)
    if (this.receiver.posts.length > posts) throw new Error(`try ${failure + 1} has come before ${afterMs} ms`)
    this.clock.advance(1)
    await this.receiver.untilPosts(posts + 1)
  }

  /** The ids of what was posted, in order. */
  get ids (): readonly (string | undefined)[] { return this.receiver.posts.map(({ headers }) => headers['x-weir-event-id']) }
}
