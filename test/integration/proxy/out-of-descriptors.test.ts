/** What happens when the process has no descriptor left: in a process of its own, which may have few. */
import { REFUSED, WORKER } from '../../../src/telemetry/counter-layout.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { TakenDescriptors, withFewDescriptors } from '../../helpers/few-descriptors.ts'
import { answers, mirrored } from '../../helpers/mirrored.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

const FEW = 100

withFewDescriptors(import.meta.filename, FEW, () => {
  proxyTest('a request that no connection can be opened for gets 503, and nobody is blamed or asked again', async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('x')) })
    const client = await bench.client()
    const taken = new TakenDescriptors()
    const answer = await client.ask(get('/'))
    t.equal(statusOf(answer), 503)
    t.match(answer.body.toString(), /connections_exhausted/)
    taken.free()
    t.equal(bench.errors('connections_exhausted'), 1)
    t.strictSame(
      [bench.version().upstreamConnects, bench.version().retries.reduce((sum, count) => sum + count, 0), origin.connections.length],
      [1, 0, 0]
    )
    t.equal(statusOf(await client.ask(get('/'))), 200, 'the endpoint is still used, and so is the connection')
  })

  proxyTest('a copy that no connection can be opened for is shed, and its version is not blamed for it', async (t, bench) => {
    const { canary, tally, pull, counted } = await mirrored(bench, { canary: answers('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok') })
    const client = await bench.client()
    t.equal(statusOf(await client.ask(get('/'))), 200)
    await bench.until('the first copy and its connection to be over', () => {
      pull()
      return tally.same === 1 && bench.page[WORKER.upstreamOpen] === 1 && canary.connections[0]?.closed === true
    })
    const taken = new TakenDescriptors()
    t.equal(statusOf(await client.ask(get('/'))), 200)
    taken.free()
    await counted(2)
    t.match(tally, { sent: 2, same: 1, failed: { shed: 1, connect: 0 } })
  })

  proxyTest('a connection that can not be accepted harms nobody else, and the listener goes on', async (t, bench) => {
    await bench.origin((_, connection) => { connection.send(ok('x')) })
    const before = await bench.client()
    t.equal(statusOf(await before.ask(get('/'))), 200)
    const taken = new TakenDescriptors()
    taken.free(1)
    const refused = bench.client()
    t.equal(statusOf(await before.ask(get('/'))), 200)
    taken.free()
    await refused
    t.equal(statusOf(await (await bench.client()).ask(get('/'))), 200)
  })
})

proxyTest('clients are refused while there are descriptors left for connections to endpoints and the rest of Weir', async (t, bench) => {
  bench.plane.maxDescriptors = 4
  const [one, other] = [await bench.client(), await bench.client()]
  await bench.until('both', () => bench.page[WORKER.connectionsOpen] === 2)
  const late = await bench.client()
  await late.untilEnded()
  t.equal(bench.page[REFUSED.descriptors], 1)
  for (const client of [one, other]) t.equal(statusOf(await client.ask(get('/'))), 404)
})
