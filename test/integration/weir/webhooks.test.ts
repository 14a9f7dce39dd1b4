/**
 * Webhooks of a real Weir, and a receiver that is not of this project's code but of its documentation.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { freePorts } from '../../helpers/free-port.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { until } from '../../helpers/until.ts'
import { signedAt, WebhookReceiver } from '../../helpers/webhook-receiver.ts'
import { complete, eventually, startWeir, type PlainConfig } from '../../helpers/weir-process.ts'

const SECRET = 'one-secret-of-32-characters-abcd'

const configOf = (webhooks: readonly PlainConfig[], { stable = 90, more = {} } = {}): PlainConfig => ({
  workers: 1,
  webhooks,
  routes: ['hello', 'other'].map(name => ({
    name,
    match: { path: `/${name}` },
    versions: [
      { name: 'stable', weight: name === 'hello' ? stable : 1, endpoints: { static: [] } }, { name: 'canary', weight: 10, endpoints: { static: [] } }
    ]
  })),
  ...more
})

const bodiesOf = (receiver: WebhookReceiver): readonly unknown[] => receiver.posts.map(({ body }) => JSON.parse(body))

t.test('changes are posted as GET /v1/events has them, through reloads and restarts', async t => {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'secret'), SECRET)
  const receiver = await WebhookReceiver.start(t)
  const webhook = (more: PlainConfig = {}): PlainConfig => ({ name: 'chat', url: `${receiver.url}?token=hidden`, secretFile: 'secret', events: ['weights'], ...more })
  const store = { state: { store: 'file', path: path.join(directory, 'state.json') } }
  const first = await startWeir(t, { directory, config: () => configOf([], { more: store }) })
  t.same((await first.api('GET', '/v1/webhooks')).body, { webhooks: [] })
  const reload = async (config: PlainConfig): Promise<void> => {
    const from = first.log.length
    await first.replaceConfig(complete(config, first.ports))
    await first.untilLogged('the configuration was reloaded', from)
  }
  await reload(configOf([webhook()], { more: store }))
  const stream = await fetch(`${first.url}/v1/events`)
  await first.setWeights('hello', { stable: 60, canary: 40 })
  await receiver.untilPosts(1)
  let streamed = ''
  for await (const piece of stream.body ?? []) {
    streamed += Buffer.from(piece).toString()
    if (streamed.includes('data: {')) break
  }
  t.ok(streamed.includes(`data: ${receiver.posts[0]?.body ?? ''}\n`), 'the same text')
  t.match(bodiesOf(receiver), [{ type: 'weights', route: 'hello', reason: 'a test', after: { stable: 60, canary: 40 } }])
  const [post] = receiver.posts
  t.match(post, { path: '/hook?token=hidden', headers: { 'x-weir-event': 'weights', 'x-weir-event-id': /^weights-[\w-]{22}$/, 'user-agent': /^Weir\/\d/ } })
  t.ok(post !== undefined && Math.abs((signedAt(post, SECRET) ?? 0) - Date.now() / 1_000) < 600)
  const listed = await eventually(async () => {
    const { body } = await first.api('GET', '/v1/webhooks')
    return JSON.stringify(body).includes('"delivered":1') ? body : undefined
  })
  t.match(listed, { webhooks: [{ name: 'chat', url: receiver.url, events: ['weights'], queued: 0, delivered: 1, retried: 0, refused: 0, expired: 0, dropped: 0, lastSuccess: /^\d/ }] })
  t.equal(await first.metric('weir_webhook_events_total', { webhook: 'chat', outcome: 'delivered' }), 1)
  t.ok(await first.metric('weir_webhook_last_success_timestamp_seconds', { webhook: 'chat' }) > 1_700_000_000)

  await reload(configOf([webhook()], { stable: 80, more: store }))
  await receiver.untilPosts(2)
  t.match(bodiesOf(receiver)[1], { action: 'config', after: { stable: 80, canary: 10 } }, 'what the reload itself changes is posted')
  t.equal(await first.stop(), 0)

  const second = await startWeir(t, { directory, config: () => configOf([webhook()], { stable: 50, more: store }) })
  await second.setWeights('other', { stable: 7, canary: 7 })
  await receiver.untilPosts(4)
  t.match(bodiesOf(receiver).slice(2), [
    { route: 'hello', action: 'config', before: { stable: 80, canary: 10 }, after: { stable: 50, canary: 10 } }, { route: 'other', action: 'weights' }
  ], 'weights that a start finds are no change, those that it changes are one')
  t.same([...first.log, ...second.log].filter(({ message }) => message.includes('webhook')), [])
})

/** The receiver of the documentation, as a process of its own. */
async function documentedReceiver (t: Test, directory: string, secretFile: string): Promise<{ readonly url: string, readonly printed: () => string }> {
  const page = await readFile(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8')
  const [, code = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  const program = path.join(directory, 'receiver.mjs')
  await writeFile(program, code)
  const [port = 0] = await freePorts(1)
  const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), program], {
    env: childEnvironment({ SECRET_FILE: secretFile, PORT: String(port) }), stdio: ['ignore', 'pipe', 'inherit']
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { printed += text })
  t.teardown(async () => {
    child.kill()
    await once(child, 'close')
  })
  const url = `http://127.0.0.1:${port}/`
  await eventually(async () => await fetch(url).then(({ status }) => status === 401 ? true : undefined, () => undefined))
  return { url, printed: () => printed }
}

t.test('a receiver that hangs is in nobody\'s way; that of docs/webhooks.md takes what Weir signs, once, and nothing else', async t => {
  const directory = await temporaryDirectory(t)
  const secretFile = path.join(directory, 'secret')
  await writeFile(secretFile, `${SECRET}\n`)
  const mute = await WebhookReceiver.start(t, () => {})
  const good = await WebhookReceiver.start(t)
  const documented = await documentedReceiver(t, directory, secretFile)
  const weir = await startWeir(t, {
    config: () => configOf([mute, good, documented].map(({ url }) => ({ url, secretFile, events: ['weights'], timeout: '1m' })))
  })
  for (let index = 1; index <= 5; index++) t.match(await weir.setWeights('hello', { stable: index, canary: 1 }), { status: 200 })
  await good.untilPosts(5)
  t.equal(mute.posts.length, 1)
  t.equal(await weir.metric('weir_webhook_queued_events', { webhook: `127.0.0.1:${mute.port}` }), 5)
  await until(() => documented.printed() === 'weights of hello: a test\n'.repeat(5))
  t.equal(await weir.stop(), 0)
  t.match(weir.logged('Weir stops, and a webhook has not taken all events'), [{ webhook: `127.0.0.1:${mute.port}`, events: 5 }])

  const { headers: { 'x-weir-signature': signature = '', 'x-weir-event-id': id = '' } = {}, body = '' } = good.posts[0] ?? {}
  const send = async (text: string, signed: string): Promise<number> => {
    const response = await fetch(documented.url, { method: 'POST', body: text, headers: { 'x-weir-signature': signed, 'x-weir-event-id': id } })
    return response.status
  }
  t.equal(await send(`${body} `, signature), 401, 'another body')
  t.equal(await send(body, signature.replace(/^t=\d+/, `t=${Math.floor(Date.now() / 1_000) + 1}`)), 401, 'another time')
  for (const odd of ['', 't=1', 'v1=00', signature.slice(0, -2), signature.replace(/t=\d+,/, '')]) t.equal(await send(body, odd), 401, odd)
  t.equal(await send(body, `${signature},v1=00,v2=x`), 204)
  t.equal(await send(body, signature), 204)
  t.equal(documented.printed().split('\n').length, 6, 'what comes again is not printed again')
})
