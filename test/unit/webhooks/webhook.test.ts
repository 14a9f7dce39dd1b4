/**
 * A webhook and a real server, in a time that the test moves.
 */
import { rm } from 'node:fs/promises'
import t from 'tap'
import { MAX_AGE_MS, MAX_TRIES, QUEUE_BOUNDS } from '../../../src/webhooks/webhook.ts'
import { turns } from '../../helpers/turns.ts'
import { until } from '../../helpers/until.ts'
import { OTHER_SECRET, SECRET, WebhookBench } from '../../helpers/webhook-bench.ts'
import { signedAt, takes, WebhookReceiver } from '../../helpers/webhook-receiver.ts'

t.test('events are posted one at a time, in order, signed, each with its id', async t => {
  let atOnce = 0
  let most = 0
  const receiver = await WebhookReceiver.start(t, response => {
    most = Math.max(most, ++atOnce)
    setImmediate(() => {
      atOnce--
      response.writeHead(200).end('thank you')
    })
  })
  const bench = await WebhookBench.open(t, receiver)
  for (let index = 0; index < 20; index++) bench.offer(index % 2 === 0 ? 'weights' : 'verdict', index === 3 ? '{"reason":"héllo \u2713"}' : undefined)
  bench.offer('rollout')
  await until(() => bench.status.delivered === 20)
  t.equal(most, 1)
  t.equal(receiver.connections, 1)
  t.same(bench.ids, Array.from({ length: 20 }, (_, index) => `e-${index + 1}`), 'and none of a type that it is not for')
  for (const [index, post] of receiver.posts.entries()) {
    t.equal(signedAt(post, SECRET), bench.clock.wallMs() / 1_000, 'the time is that of the try')
    t.equal(signedAt(post, OTHER_SECRET), undefined)
    t.equal(signedAt({ ...post, body: `${post.body} ` }, SECRET), undefined)
    t.match(post.headers, { 'x-weir-event': index % 2 === 0 ? 'weights' : 'verdict', 'user-agent': 'Weir/test', 'content-type': 'application/json' })
  }
  t.equal(receiver.posts[3]?.body, '{"reason":"héllo \u2713"}')
  t.match(bench.status, { queued: 0, retried: 0, refused: 0, expired: 0, dropped: 0, lastError: undefined, lastSuccessMs: bench.clock.wallMs() })
  t.same(bench.log.events, [])
})

t.test('what fails is tried again later and later, by the same id and a new signature; the others wait behind it', async t => {
  let status = 500
  const receiver = await WebhookReceiver.start(t, response => { response.writeHead(status).end() })
  const bench = await WebhookBench.open(t, receiver)
  bench.offer()
  bench.offer()
  for (const [index, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) await bench.untilNextTry(index + 1, seconds * 1_000)
  await until(() => bench.status.retried === 9)
  t.match(bench.status, { queued: 2, delivered: 0, lastError: { reason: 'answers 500' } })
  t.equal(new Set(bench.ids).size, 1)
  t.equal(new Set(receiver.posts.map(post => signedAt(post, SECRET))).size, 9)
  status = 200
  bench.clock.advance(60_000)
  await until(() => bench.status.delivered === 2)
  t.same(bench.ids.slice(-2), ['e-1', 'e-2'])
  t.same(bench.log.events, [
    { level: 'warn', message: 'a webhook does not take events', fields: { webhook: 'chat', reason: 'answers 500', queued: 2 } },
    { level: 'info', message: 'a webhook takes events again', fields: { webhook: 'chat', lost: 0 } }
  ], 'one line for a fault, and one for its end')
})

t.test('the wait varies by half, and begins anew after a success', async t => {
  const receiver = await WebhookReceiver.start(t, (response, index) => { response.writeHead([500, 500, 200, 500, 200][index] ?? 200).end() })
  const bench = await WebhookBench.open(t, receiver)
  bench.drawn = 0
  bench.offer()
  await bench.untilNextTry(1, 500)
  await bench.untilNextTry(2, 1_000)
  await until(() => bench.status.delivered === 1)
  bench.offer()
  await bench.untilNextTry(3, 500)
})

t.test('Retry-After is heeded, within bounds, and never shortens a wait', async t => {
  const receiver = await WebhookReceiver.start(t, (response, index) => { response.writeHead(429, { 'retry-after': ['30', '0', '99999'][index] ?? '0' }).end() })
  const bench = await WebhookBench.open(t, receiver)
  bench.offer()
  await bench.untilNextTry(1, 30_000)
  await bench.untilNextTry(2, 2_000)
  await bench.untilNextTry(3, 300_000)
})

t.test('what the receiver does not want is given up at once, and the next one follows', async t => {
  const receiver = await WebhookReceiver.start(t, (response, index) => { response.writeHead([404, 410, 302, 200][index] ?? 200, { location: '/x' }).end() })
  const bench = await WebhookBench.open(t, receiver)
  for (let index = 0; index < 4; index++) bench.offer()
  await until(() => bench.status.delivered === 1)
  t.same(bench.ids, ['e-1', 'e-2', 'e-3', 'e-4'])
  t.match(bench.status, { refused: 3, retried: 0, queued: 0 })
  t.same(bench.log.events.map(({ message, fields }) => [message, fields['reason'] ?? fields['lost']]), [
    ['a webhook does not take events', 'answers 404: is the path of `url` right?'],
    ['a webhook does not take events', 'answers 410: it is gone for good; take the webhook out of the configuration'],
    ['a webhook does not take events', 'answers 302, and redirects are not followed: write the final address into `url`'],
    ['a webhook takes events again', 3]
  ])
})

t.test('an event is given up after so many tries', async t => {
  const receiver = await WebhookReceiver.start(t, response => { response.writeHead(503).end() })
  const bench = await WebhookBench.open(t, receiver)
  bench.drawn = 0
  bench.offer()
  for (let failure = 1; failure < MAX_TRIES; failure++) await bench.untilNextTry(failure, Math.min(30_000, 500 * 2 ** (failure - 1)))
  await until(() => bench.status.retried === MAX_TRIES)
  t.ok(bench.clock.nowMs() < MAX_AGE_MS)
  receiver.answer = takes
  bench.offer()
  bench.clock.advance(60_000)
  await until(() => bench.status.delivered === 1)
  t.match(bench.status, { expired: 1, queued: 0 })
  t.same(bench.ids.at(-1), 'e-2')
  t.match(bench.log.events.at(-1), { message: 'a webhook takes events again', fields: { lost: 1 } })
})

t.test('what is too old is given up, in one go, and what is not comes when the receiver is back', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await WebhookBench.open(t, receiver)
  const { port } = receiver
  await receiver.close()
  for (let index = 0; index < 3; index++) bench.offer()
  for (let failure = 1; bench.clock.nowMs() <= MAX_AGE_MS - 60_000; failure++) {
    await until(() => bench.status.retried === failure)
    bench.clock.advance(60_000)
  }
  bench.offer()
  await until(() => bench.status.retried === 15)
  t.match(bench.status, { queued: 4, expired: 0 })
  bench.clock.advance(60_000)
  await until(() => bench.status.expired === 3)
  await until(() => bench.status.retried === 16)
  t.match(bench.status, { queued: 1, lastError: { reason: 'can\'t be reached: nothing listens there' } })
  await receiver.listen(port)
  bench.clock.advance(60_000)
  await until(() => bench.status.delivered === 1)
  t.same(bench.ids, ['e-4'])
})

t.test('a full queue drops the oldest, counts them, and never the one that is under way', async t => {
  const receiver = await WebhookReceiver.start(t, () => {})
  const bench = await WebhookBench.open(t, receiver)
  bench.offer()
  await receiver.untilPosts(1)
  for (let index = 0; index < QUEUE_BOUNDS.events + 5; index++) bench.offer()
  t.match(bench.status, { queued: QUEUE_BOUNDS.events + 1, dropped: 5 })
  const half = 'x'.repeat(QUEUE_BOUNDS.bytes / 2)
  for (let index = 0; index < 3; index++) bench.offer('weights', half)
  t.match(bench.status, { queued: 3, dropped: QUEUE_BOUNDS.events + 6 }, 'by their bytes too')
  receiver.answer = takes
  bench.clock.advance(10_000)
  await until(() => bench.status.retried === 1)
  bench.clock.advance(1_000)
  await until(() => bench.status.queued === 0)
  t.same(bench.ids, ['e-1', 'e-1', `e-${QUEUE_BOUNDS.events + 8}`, `e-${QUEUE_BOUNDS.events + 9}`])
  t.same(bench.log.events.map(({ message }) => message), [
    'a webhook takes events too slowly: the oldest are dropped', 'a webhook does not take events', 'a webhook takes events again'
  ])
  t.equal(bench.log.events.at(-1)?.fields['lost'], QUEUE_BOUNDS.events + 6)
  for (let index = 0; index < 3; index++) bench.offer('weights', `${half}${half}x`)
  await turns()
  t.match(bench.status, { queued: 0, dropped: QUEUE_BOUNDS.events + 9 }, 'an event that is too large by itself is dropped, and nothing hangs')
  bench.offer()
  await until(() => bench.status.delivered === 4)
})

t.test('nothing is sent without a secret that can be used; each of its lines signs', async t => {
  const receiver = await WebhookReceiver.start(t)
  const bench = await WebhookBench.open(t, receiver)
  const use = async (content: string | undefined): Promise<void> => {
    if (content === undefined) await rm(bench.secretFile)
    else await bench.putSecret(content)
    bench.clock.advance(2_000)
  }
  await use('')
  bench.offer()
  await until(() => bench.status.lastError !== undefined)
  t.match(bench.status.lastError?.reason, 'can\'t be signed for: its `secretFile` can\'t be used: it is empty')
  for (const content of ['too short', undefined]) {
    const { atMs } = bench.status.lastError ?? { atMs: 0 }
    await use(content)
    await until(() => (bench.status.lastError?.atMs ?? 0) > atMs)
  }
  t.match(bench.status.lastError?.reason, /ENOENT/)
  t.notMatch(bench.status.lastError?.reason, bench.secretFile, 'where the file lies is nobody\'s business')
  t.same(receiver.posts, [])
  t.match(bench.status, { queued: 1, retried: 0 }, 'which is no try')

  await use(SECRET)
  await until(() => bench.status.delivered === 1)
  await use(`${SECRET}\n${OTHER_SECRET}\n`)
  bench.offer()
  await until(() => bench.status.delivered === 2)
  await use(OTHER_SECRET)
  bench.offer()
  await until(() => bench.status.delivered === 3)
  const by = (secret: string): readonly boolean[] => receiver.posts.map(post => signedAt(post, secret) !== undefined)
  t.same(by(SECRET), [true, true, false])
  t.same(by(OTHER_SECRET), [false, true, true])
  t.same(bench.log.events.map(({ message }) => message), ['a webhook does not take events', 'a webhook takes events again'])
  t.equal(typeof bench.log.events[0]?.fields?.['secretFile'], 'string', 'the log says which file')
})

t.test('a new configuration is tried at once', async t => {
  const receiver = await WebhookReceiver.start(t, response => { response.writeHead(503, { 'retry-after': '300' }).end() })
  const bench = await WebhookBench.open(t, receiver)
  bench.offer('verdict')
  await until(() => bench.status.retried === 1)
  receiver.answer = takes
  bench.webhook.reconfigure(bench.config({ name: 'other', events: ['rollout'] }), bench.secret())
  await until(() => bench.status.delivered === 1)
  bench.offer('weights')
  bench.offer('rollout')
  await until(() => bench.status.delivered === 2)
  t.same(bench.ids, ['e-1', 'e-1', 'e-3'])
  t.equal(bench.status.name, 'other')
})

t.test('the end posts what waits, once, and no longer than it may', async t => {
  const receiver = await WebhookReceiver.start(t, response => { response.writeHead(503).end() })
  const bench = await WebhookBench.open(t, receiver)
  for (let index = 0; index < 5; index++) bench.offer()
  await until(() => bench.status.retried === 1)
  receiver.answer = takes
  t.equal(await bench.webhook.stop(new Promise(() => {})), 0, 'the time stands still: nothing was waited for')
  t.same(bench.ids, ['e-1', 'e-1', 'e-2', 'e-3', 'e-4', 'e-5'])
  bench.offer()
  await turns()
  t.equal(receiver.posts.length, 6, 'and then nothing any more')
  t.equal(bench.clock.pending, 0)

  const refusing = await WebhookReceiver.start(t, response => { response.writeHead(503).end() })
  const unlucky = await WebhookBench.open(t, refusing)
  for (let index = 0; index < 5; index++) unlucky.offer()
  t.equal(await unlucky.webhook.stop(new Promise(() => {})), 5)
  t.equal(refusing.posts.length, 1)

  const mute = await WebhookReceiver.start(t, () => {})
  const stuck = await WebhookBench.open(t, mute)
  for (let index = 0; index < 5; index++) stuck.offer()
  await mute.untilPosts(1)
  t.equal(await stuck.webhook.stop(Promise.resolve()), 5)
  t.equal(stuck.clock.pending, 0)
})
