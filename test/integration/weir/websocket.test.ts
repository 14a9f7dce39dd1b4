/**
 * WebSocket through a whole Weir: what it counts, what an idle tunnel costs, and what a shutdown does to it.
 */
import t, { type Test } from 'tap'
import { WebSocketClient, webSocketOrigin } from '../../helpers/websocket-origin.ts'
import { startWeir, type PlainConfig, type WeirProcess } from '../../helpers/weir-process.ts'

const KIB = 1_024
const WARM_UP = 300
const TUNNELS = 1_000

const origin = await webSocketOrigin(t, { perMessageDeflate: false })

async function start (t: Test, more: PlainConfig = {}): Promise<WeirProcess> {
  const versions = [{ name: 'v1', weight: 1, endpoints: { static: [`127.0.0.1:${origin.port}`] } }]
  const routes = [{ name: 'chat', versions }, { name: 'plain', match: { path: '/plain' }, upgrades: [], versions }]
  return await startWeir(t, { config: () => ({ workers: 1, routes, ...more }) })
}

/** Opens so many, each of which has carried a message both ways. */
async function open (t: Test, weir: WeirProcess, count: number): Promise<readonly WebSocketClient[]> {
  const clients: WebSocketClient[] = []
  t.teardown(() => { for (const { socket } of clients) socket.terminate() })
  while (clients.length < count) {
    const some = await Promise.all(Array.from({ length: Math.min(100, count - clients.length) }, async () => await WebSocketClient.open(`ws://127.0.0.1:${weir.ports.web}/`)))
    clients.push(...some)
    for (const [index, { socket }] of some.entries()) socket.send(`hello ${index}`)
    for (const [index, client] of some.entries()) t.equal((await client.message(0)).toString(), `hello ${index}`)
  }
  return clients
}

async function close (weir: WeirProcess, clients: readonly WebSocketClient[]): Promise<void> {
  for (const { socket } of clients) socket.close()
  await Promise.all(clients.map(async client => await client.closing()))
  await weir.untilMetric('weir_tunnels_open', 0)
}

t.test('tunnels are counted, an idle one costs little memory, and closed ones leave nothing', async t => {
  const weir = await start(t)
  // The worker's heap grows to the size that it works with.
  await close(weir, await open(t, weir, WARM_UP))
  const before = await weir.metric('process_resident_memory_bytes')
  const clients = await open(t, weir, TUNNELS)
  const each = (await weir.metric('process_resident_memory_bytes') - before) / TUNNELS
  t.ok(each < 64 * KIB, `${Math.round(each)} bytes each`)
  t.comment(`${Math.round(each / KIB)} KiB each`)
  t.equal(await weir.untilMetric('weir_tunnels_open', TUNNELS, { route: 'chat', version: 'v1' }), TUNNELS)
  t.equal(await weir.untilMetric('weir_tunnels_total', WARM_UP + TUNNELS, { route: 'chat', version: 'v1' }), WARM_UP + TUNNELS)
  await close(weir, clients)
  await weir.untilMetric('weir_upstream_connections_open', 0)
  const upgrades = { route: 'chat', version: 'v1', code_class: '1xx' }
  t.equal(await weir.untilMetric('weir_requests_total', WARM_UP + TUNNELS, upgrades), WARM_UP + TUNNELS)

  await t.test('a route may allow no upgrade: the request is a plain one', async t => {
    await t.rejects(WebSocketClient.open(`ws://127.0.0.1:${weir.ports.web}/plain`), /Unexpected server response: 200/)
    t.equal(await weir.metric('weir_tunnels_total', { route: 'plain' }), 0)
  })
})

t.test('a shutdown leaves tunnels open until its time is over, then cuts them and says how many', async t => {
  const weir = await start(t, { drain: { delay: '0s', timeout: '5m' } })
  const [staying, leaving] = await open(t, weir, 2)
  if (staying === undefined || leaving === undefined) throw new Error('no clients')
  weir.kill('SIGTERM')
  await weir.untilLogged('weir is shutting down')
  staying.socket.send('still there')
  t.equal((await staying.message(1)).toString(), 'still there')
  leaving.socket.close(1000)
  t.same(await leaving.closing(), { code: 1000, reason: '' })
  t.equal(staying.closed, undefined)
  // A second signal ends the time, but not one that comes right behind the first.
  const cut = staying.closing()
  await weir.insist('SIGTERM', cut)
  t.match(await cut, { code: 1006 })
  t.equal(await weir.end(), 0)
  t.match(weir.logged('connections were cut because the drain was over'), [{ connections: 1 }])
})
