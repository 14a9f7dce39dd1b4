/**
 * Which events the webhooks of a replica post, and what a reload does to them.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import type { WebhookConfig } from '../../../src/config/schema.ts'
import { EventBook } from '../../../src/control/event-book.ts'
import type { HolderStanding } from '../../../src/core/leadership.ts'
import { FLUSH_MS, WebhookBook } from '../../../src/webhooks/webhook-book.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { takeOverNow } from '../../helpers/take-over.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'
import { SECRET } from '../../helpers/webhook-bench.ts'
import { takes, WebhookReceiver } from '../../helpers/webhook-receiver.ts'

const forever = new Promise<void>(() => {})

/** One replica of several, with an event book of its own. */
async function replica (t: Test, standing: HolderStanding = 'holder', instance = 'here') {
  const clock = new FakeClock()
  const log = new ListLog()
  const events = new EventBook(instance, clock)
  const leadership = new FakeLeadership(standing)
  const secretFile = path.join(await temporaryDirectory(t), 'secret')
  await writeFile(secretFile, SECRET)
  const book = new WebhookBook({ clock, log, random: () => 0, agent: 'Weir/test', events, leadership })
  t.teardown(async () => { await book.stop(Promise.resolve()) })
  const webhook = (url: string, more: Partial<WebhookConfig> = {}): WebhookConfig => ({ url, secretFile, events: ['weights', 'verdict'], timeout: '10s', ...more })
  const reload = async (...webhooks: readonly WebhookConfig[]): Promise<void> => { takeOverNow(await book.prepare(webhooks)) }
  return { clock, log, events, leadership, book, webhook, reload }
}

const idsOf = (receiver: WebhookReceiver): readonly (string | undefined)[] => receiver.posts.map(({ headers }) => headers['x-weir-event-id'])

t.test('what this replica alone books it posts; what it has only found it does not', async t => {
  const receiver = await WebhookReceiver.start(t)
  const { events, reload, webhook } = await replica(t, 'follower')
  events.record('verdict', 'early', {})
  await reload(webhook(receiver.url))
  events.record('weights', 'hello', {}, { isChange: false })
  events.record('verdict', 'hello', { verdict: 'fail' })
  await receiver.untilPosts(1)
  await turns()
  t.same(idsOf(receiver), ['here-3'])
  t.match(JSON.parse(receiver.posts[0]?.body ?? ''), { type: 'verdict', route: 'hello', verdict: 'fail', at: '2026-01-01T00:00:00.000Z' })
})

t.test('what all replicas book is posted once: by the holder, and by the next one if it has died', async t => {
  const receiver = await WebhookReceiver.start(t)
  const [one, two] = [await replica(t, 'holder', 'one'), await replica(t, 'follower', 'two')]
  for (const { reload, webhook } of [one, two]) await reload(webhook(receiver.url))
  const happens = (sharedId: string): void => { for (const { events } of [one, two]) events.record('weights', 'hello', {}, { sharedId }) }
  const pass = (ms: number): void => { for (const { clock } of [one, two]) clock.advance(ms) }
  happens('w-1')
  await receiver.untilPosts(1)
  await turns()
  t.same(idsOf(receiver), ['w-1'])

  pass(1_000)
  one.leadership.become('follower')
  happens('w-2')
  await turns()
  t.same(idsOf(receiver), ['w-1'], 'there is a holder, which is none of these')
  pass(19_500)
  two.leadership.become('holder')
  await receiver.untilPosts(2)
  happens('w-3')
  await receiver.untilPosts(3)
  await turns()
  t.same(idsOf(receiver), ['w-1', 'w-2', 'w-3'], 'w-1 is so old that the holder of then has seen to it')

  pass(60_000)
  one.leadership.become('vacant')
  await turns()
  t.equal(receiver.posts.length, 3, 'what it has left to others is long past')
  happens('w-4')
  await receiver.untilPosts(5)
  t.same(idsOf(receiver).slice(3), ['w-4', 'w-4'], 'who sees no holder posts too, by the same id')
})

t.test('what is left to the holder is bounded', async t => {
  const receiver = await WebhookReceiver.start(t, () => {})
  const { events, leadership, reload, webhook, book } = await replica(t, 'follower')
  await reload(webhook(receiver.url))
  for (let index = 0; index < 1_005; index++) events.record('weights', 'hello', {}, { sharedId: `w-${index}` })
  leadership.become('holder')
  t.match(book.list(), [{ queued: 1_000, dropped: 0 }])
  await receiver.untilPosts(1)
  t.equal(idsOf(receiver)[0], 'w-5')
})

t.test('a reload keeps what waits for a URL that stays, and no other', async t => {
  const [one, two, three] = [await WebhookReceiver.start(t, () => {}), await WebhookReceiver.start(t, () => {}), await WebhookReceiver.start(t)]
  const { book, clock, events, log, reload, webhook } = await replica(t)
  await reload(webhook(one.url), webhook(two.url, { name: 'two' }))
  for (let index = 0; index < 3; index++) events.record('weights', 'hello', { index })
  await one.untilPosts(1)
  await two.untilPosts(1)
  t.match(book.list(), [{ name: `127.0.0.1:${one.port}`, queued: 3 }, { name: 'two', queued: 3 }])

  const discarded = await book.prepare([])
  discarded.commit()
  await discarded.discard()
  t.equal(book.list().length, 2, 'a reload that fails leaves all as it was')

  await reload(webhook(three.url, { name: 'two' }), webhook(one.url, { name: 'one', timeout: '1s' }))
  t.match(book.list(), [{ name: 'two', queued: 0 }, { name: 'one', queued: 3 }])
  await until(() => log.events.length > 0)
  t.match(log.events, [{ message: 'a webhook is not configured any more, and has not taken all events', fields: { webhook: 'two', events: 3 } }])
  events.record('weights', 'hello', { index: 3 })
  await three.untilPosts(1)
  t.equal(three.posts.length, 1)
  one.answer = takes
  clock.advance(10_000)
  await until(() => book.list()[1]?.retried === 1)
  clock.advance(1_000)
  await until(() => book.list()[1]?.delivered === 4)
  t.same(idsOf(one), ['here-1', 'here-1', 'here-2', 'here-3', 'here-4'])
  t.equal(two.posts.length, 1)
})

t.test('a secret that can\'t be used is told at the start, and stops nothing', async t => {
  const receiver = await WebhookReceiver.start(t)
  const { events, log, reload, webhook } = await replica(t)
  await reload(webhook(receiver.url, { secretFile: '/nowhere/secret', name: 'bad' }), webhook(`${receiver.url}/good`))
  await until(() => log.events.length > 0)
  t.match(log.events, [{ level: 'warn', fields: { webhook: 'bad', reason: /^can't be signed for: .*ENOENT/ } }])
  events.record('weights', 'hello', {})
  await receiver.untilPosts(1)
  t.equal(receiver.posts[0]?.path, '/hook/good')
})

t.test('the end is bounded, and says what was not taken', async t => {
  const [mute, good] = [await WebhookReceiver.start(t, () => {}), await WebhookReceiver.start(t)]
  const { book, clock, events, leadership, log, reload, webhook } = await replica(t)
  await reload(webhook(mute.url, { name: 'mute' }), webhook(good.url, { name: 'good' }))
  for (let index = 0; index < 3; index++) events.record('weights', 'hello', { index })
  await mute.untilPosts(1)
  const stopped = book.stop(forever)
  await until(() => book.list()[1]?.delivered === 3)
  clock.advance(FLUSH_MS)
  await stopped
  t.same(log.events, [{ level: 'warn', message: 'Weir stops, and a webhook has not taken all events', fields: { webhook: 'mute', events: 3 } }])
  events.record('weights', 'hello', {})
  await turns()
  t.equal(good.posts.length, 3)
  t.equal(leadership.listeners, 0)
  t.equal(clock.pending, 0)
})

t.test('who insists waits for nothing', async t => {
  const mute = await WebhookReceiver.start(t, () => {})
  const { book, clock, events, reload, webhook } = await replica(t)
  await reload(webhook(mute.url))
  events.record('weights', 'hello', {})
  await mute.untilPosts(1)
  await book.stop(Promise.resolve())
  t.equal(clock.pending, 0)
})
