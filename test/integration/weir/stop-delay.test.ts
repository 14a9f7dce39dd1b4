/**
 * How Weir stops: drain.delay, and those who do not want to wait.
 */
import t, { type Test } from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { RawOrigin } from '../../helpers/raw-origin.ts'
import { eventually, type PlainConfig, startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

const [hello] = await startOrigins(t, ['hello'])
const routes = [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }]

async function start (t: Test, more: PlainConfig): Promise<WeirProcess> {
  return await startWeir(t, { config: () => ({ workers: 1, routes, ...more }) })
}

t.test('until drain.delay is over, Weir is not ready, and everything else goes on as usual', async t => {
  const weir = await start(t, { drain: { delay: '5m' } })
  const kept = await connectClient({ port: weir.ports.web })
  t.equal((await kept.get()).status, 200)
  weir.kill('SIGTERM')
  t.match((await weir.untilReadiness(503)).body, { ready: false, reasons: ['Weir is shutting down'] })
  const fresh = await connectClient({ port: weir.ports.web })
  for (const client of [kept, fresh, kept]) {
    const answer = await client.get()
    t.equal(answer.status, 200)
    t.not(answer.headers.get('connection'), 'close', 'connections are kept')
  }
  t.equal((await weir.setWeights('hello', { v1: 2 })).status, 200, 'weights can still be changed')
  t.equal(weir.logged('weir is draining').length, 0)
  weir.kill('SIGINT')
  await weir.untilLogged('weir is draining')
  await Promise.all([kept.untilClosed(), fresh.untilClosed()])
  t.equal(await weir.end(), 0)
})

t.test('the delay ends by itself, and the drain follows', async t => {
  const weir = await start(t, { drain: { delay: '300ms' } })
  const startedMs = performance.now()
  t.equal(await weir.stop('SIGTERM'), 0)
  t.ok(performance.now() - startedMs >= 300)
  t.same(weir.log.slice(-3).map(({ message }) => message), ['weir is shutting down', 'weir is draining', 'weir has stopped'])
})

t.test('a second signal ends what is in flight: whoever has no answer yet gets a 503', async t => {
  const silent = await RawOrigin.start()
  t.teardown(async () => { await silent.close() })
  const toSilent = [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [`127.0.0.1:${silent.port}`] } }] }]
  const weir = await start(t, { drain: { delay: '0s', timeout: '5m' }, routes: toSilent })
  const client = await connectClient({ port: weir.ports.web })
  const answer = client.begin('/').whole
  await eventually(async () => silent.requests.length > 0 ? true : undefined)
  weir.kill('SIGTERM')
  await weir.untilLogged('weir is draining')
  t.equal((await weir.api('GET', '/healthz')).status, 200, 'the admin API is there until the end')
  await weir.insist('SIGTERM', answer)
  const { status, body } = await answer
  t.equal(status, 503)
  t.match(body, 'shutting_down')
  t.equal(await weir.end(), 0)
  t.match(weir.logged('connections were cut because the drain was over'), [{ connections: 1 }])
})
