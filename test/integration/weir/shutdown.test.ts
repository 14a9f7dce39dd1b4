/**
 * SIGTERM and SIGINT under load: nothing that was sent is lost, and Weir ends by itself.
 */
import t, { type Test } from 'tap'
import { connectClient, type KeepAliveClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, type PlainConfig, startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

const CLIENTS = 40

const [hello] = await startOrigins(t, ['hello'])
const routes = [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }]

async function start (t: Test, more: PlainConfig = {}): Promise<WeirProcess> {
  return await startWeir(t, { config: () => ({ workers: 2, routes, ...more }) })
}

interface Load {
  sent: number
  answered: number
  readonly lost: string[]
}

/** Asks until the connection is closed, as HTTP has it: an answer with `Connection: close` is the last. */
async function askUntilClosed (client: KeepAliveClient, load: Load): Promise<void> {
  while (!client.closed) {
    load.sent++
    try {
      const { status, body } = await client.get('/')
      if (status !== 200) throw new Error(`status ${status}: ${body}`)
      load.answered++
    } catch (error) {
      load.lost.push(String(error))
    }
  }
  client.close()
}

/** How the kernel refuses a connection; undefined when one is made. */
async function refusalOf (weir: WeirProcess): Promise<string | undefined> {
  const client = await connectClient({ port: weir.ports.web }).catch((error: unknown) => String(error))
  if (typeof client === 'string') return client
  client.close()
  return undefined
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} under load: not ready at once, what is in flight is finished, no request is lost, exit code 0`, async t => {
    const weir = await start(t, { drain: { delay: signal === 'SIGTERM' ? '0s' : '5m' } })
    const load: Load = { sent: 0, answered: 0, lost: [] }
    const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => await connectClient({ port: weir.ports.web })))
    const slow = await Promise.all(Array.from({ length: 10 }, async () => await connectClient({ port: weir.ports.web })))
    const idle = await connectClient({ port: weir.ports.web })
    t.equal((await idle.get()).status, 200)
    const asking = Promise.all(clients.map(async client => { await askUntilClosed(client, load) }))
    const slowAnswers = slow.map(async client => await client.begin('/held').whole)
    await eventually(async () => load.answered > CLIENTS * 5 && hello.held === slow.length ? true : undefined)

    weir.kill(signal)
    weir.kill(signal)
    await weir.untilLogged('weir is draining')
    const { body } = await weir.untilReadiness(503)
    t.match(body, { ready: false, reasons: ['Weir is shutting down'] })
    t.equal(weir.running, true, 'the slow requests are still in flight')
    t.equal((await weir.api('GET', '/healthz')).status, 200, 'it is well, though')
    // Each worker closes its listener a moment after Weir has said that it drains.
    t.match(await eventually(async () => await refusalOf(weir)), /ECONNREFUSED/, 'new connections go elsewhere')

    hello.answerHeld()
    await asking
    t.same(load.lost, [], 'no request is lost')
    t.equal(load.answered, load.sent)
    for (const answer of await Promise.all(slowAnswers)) {
      t.match(answer, { status: 200, body: 'hello' })
      t.equal(answer.headers.get('connection'), 'close')
    }
    await idle.untilClosed()
    t.equal(await weir.end(), 0, 'a second signal right behind the first changes nothing')
    t.equal(weir.logged('weir has stopped').length, 1)
    t.equal(weir.logged('connections were cut because the drain was over').length, 0)
    t.equal(weir.stderr, '', 'nothing on standard error but the log')
  })
}

t.test('a stream that outlasts drain.timeout is cut, and the log says so', async t => {
  const weir = await start(t, { drain: { delay: '0s', timeout: '300ms' } })
  const client = await connectClient({ port: weir.ports.web })
  const stream = client.begin('/stream')
  await stream.head
  const startedMs = performance.now()
  weir.kill('SIGTERM')
  await t.rejects(stream.whole, /the connection ended/, 'the client can see that it is not whole')
  t.equal(await weir.end(), 0)
  t.ok(performance.now() - startedMs >= 300)
  t.match(weir.logged('connections were cut because the drain was over'), [{ level: 'warn', connections: 1 }])
})

t.test('a stream that ends in time is finished', async t => {
  const weir = await start(t, { drain: { delay: '0s' } })
  const client = await connectClient({ port: weir.ports.web })
  const stream = client.begin('/stream')
  await stream.head
  weir.kill('SIGTERM')
  await weir.untilReadiness(503)
  await weir.untilLogged('weir is draining')
  hello.sendToStreams('the rest')
  hello.endStreams()
  t.match(await stream.whole, { status: 200, body: 'hello\nthe rest' })
  t.equal(await weir.end(), 0)
})
