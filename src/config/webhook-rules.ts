/**
 * The rules of webhooks: where events may be posted to, and what each webhook is known by.
 */
import { parseDurationMs } from '../core/duration.ts'
import { fault, findDuplicates, type ConfigPath, type Finding } from './finding.ts'
import type { WebhookConfig } from './schema.ts'

const MIN_TIMEOUT_MS = 100
const MAX_TIMEOUT_MS = 60_000

/** What a webhook is called: its name, or else the host and port of its URL. */
export function webhookName ({ name, url }: Pick<WebhookConfig, 'name' | 'url'>): string {
  return name ?? URL.parse(url)?.host ?? url
}

/**
 * The rules of the list.
 * @param isBroken tells the paths in or around which the schema found a fault; rules leave those alone
 */
export function checkWebhooks (webhooks: readonly WebhookConfig[], isBroken: (path: ConfigPath) => boolean): readonly Finding[] {
  const at = (index: number, ...below: string[]): ConfigPath => ['webhooks', index, ...below]
  const whole = webhooks.map((webhook, index) => isBroken(at(index)) ? undefined : webhook)
  const findings = whole.flatMap((webhook, index) => webhook === undefined
    ? []
    : [
        ...checkUrl(webhook.url, at(index)),
        ...checkTimeout(webhook.timeout, at(index, 'timeout')),
        ...findDuplicates(webhook.events, place => [...at(index, 'events'), place], first => `is the same as ${first}; name it once`)
      ])
  const keys = (keyOf: (webhook: WebhookConfig) => string | undefined): readonly (string | undefined)[] =>
    whole.map(webhook => webhook === undefined ? undefined : keyOf(webhook))
  const sameUrls = findDuplicates(keys(({ url }) => URL.parse(url)?.href), index => at(index, 'url'), first =>
    `is the same as ${first}; one webhook can have several types of events`)
  if (sameUrls.length > 0) return [...findings, ...sameUrls]
  return [...findings, ...findDuplicates(keys(webhookName), index => at(index), first =>
    `is called the same as ${first}, in metrics and the admin API; give each a \`name\` of its own`)]
}

/** @param webhook where the webhook stands: what a fault is about is shown with it, and a password may not be */
function checkUrl (text: string, webhook: ConfigPath): readonly Finding[] {
  const path = [...webhook, 'url']
  const url = URL.parse(text)
  if (url !== null && (url.username !== '' || url.password !== '')) {
    return [fault(webhook, 'has a user name or password in its `url`, which everybody who reads the configuration sees; leave it out: the receiver knows Weir by the signature')]
  }
  if (url === null || !/^https?:\/\//i.test(text)) return [fault(path, 'must be a URL over https or http, such as https://hooks.example.com/weir')]
  // The parser mends what is not a URL: it drops line feeds, and takes a backslash for a slash.
  if (/[^!-~]|\\/.test(text)) return [fault(path, `has a space, a backslash or a character past ASCII; write ${url.href.slice(0, 200)}`)]
  if (url.hash !== '') return [fault(path, 'has a fragment (`#`), which is never sent; leave it out')]
  if (url.port === '0') return [fault(path, 'has the port 0, at which nothing listens')]
  return []
}

function checkTimeout (text: string, path: ConfigPath): readonly Finding[] {
  const milliseconds = parseDurationMs(text)
  return milliseconds >= MIN_TIMEOUT_MS && milliseconds <= MAX_TIMEOUT_MS ? [] : [fault(path, 'must be from 100ms to 1m')]
}
