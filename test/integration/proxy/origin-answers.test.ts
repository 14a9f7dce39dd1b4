/** Answers of origins that are odd and have one reading only, and what an origin says of its connection. */
import { proxyTest, timedProxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'

const says = (head: string): OriginHandler => (_, connection) => { connection.send(`${head}\r\nContent-Length: 5\r\n\r\nhello`) }

for (const value of ['keep-alive; timeout=5', 'keep-alive timeout=5', ';', 'X-Secret, keep-alive; max=3']) {
  proxyTest(`Connection: ${value}: the answer is passed on without what it names, and the connection is not used again`, async (t, bench) => {
    const origin = await bench.origin(
      says(`HTTP/1.1 200 OK\r\nConnection: ${value}\r\nX-Secret: of the hop${value.startsWith('X') ? '' : ' that nobody named'}`)
    )
    const client = await bench.client()
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(get())
      t.same([statusOf(answer), answer.body.toString(), valuesOf(answer, 'connection')], [200, 'hello', []])
      t.equal(valuesOf(answer, 'x-secret').length, value.startsWith('X') ? 0 : 1)
    }
    t.equal(origin.connections.length, 2)
    t.same([bench.errors('upstream_malformed'), bench.version().requestsByClass], [0, [0, 2, 0, 0, 0]])
  })
}

for (const status of [600, 799, 999]) {
  proxyTest(`a status of ${status} is passed on, counts as a 5xx, and is not blamed on the endpoint`, async (t, bench) => {
    const origin = await bench.origin(says(`HTTP/1.1 ${status} Odd`))
    const client = await bench.client()
    for (let round = 0; round < 20; round++) t.equal(statusOf(await client.ask(get())), status)
    t.equal(origin.connections.length, 1)
    t.same([bench.version().requestsByClass, bench.version().ejections, bench.errors('upstream_malformed')], [[0, 0, 0, 0, 20], 0, 0])
  })
}

proxyTest('426 keeps its Upgrade, which says to what, with a Connection that names it', async (t, bench) => {
  await bench.origin(says('HTTP/1.1 426 Upgrade Required\r\nConnection: X-Hop, Upgrade\r\nUpgrade: websocket\r\nX-Hop: 1'))
  const client = await bench.client()
  for (let round = 0; round < 2; round++) {
    const answer = await client.ask(get())
    t.same(
      [statusOf(answer), valuesOf(answer, 'upgrade'), valuesOf(answer, 'connection'), valuesOf(answer, 'x-hop')],
      [426, ['websocket'], ['Upgrade'], []]
    )
  }
})

proxyTest('any other answer loses it', async (t, bench) => {
  await bench.origin(says('HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: h2c'))
  const answer = await (await bench.client()).ask(get())
  t.same([valuesOf(answer, 'upgrade'), valuesOf(answer, 'connection')], [[], []])
})

for (const [value, keptMs] of [
  ['timeout=5', 4_000],
  ['max=100, Timeout=3', 2_000],
  ['timeout=60', 30_000],
  ['timeout', 30_000],
  ['timeout=x', 30_000]
] as const) {
  timedProxyTest(`Keep-Alive: ${value}: an idle connection is used for ${keptMs} ms at most`, async (t, bench, advance) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('ok', `Keep-Alive: ${value}\r\n`)) })
    const client = await bench.client()
    t.same(valuesOf(await client.ask(get()), 'keep-alive'), [])
    await advance(keptMs - 100)
    await client.ask(get())
    t.equal(origin.connections.length, 1)
    await advance(keptMs)
    await client.ask(get())
    t.equal(origin.connections.length, 2)
  }, { timeoutsMs: { keepAliveIdle: 300_000 } })
}

for (const value of ['timeout=1', 'timeout=0']) {
  proxyTest(`Keep-Alive: ${value}: the connection is not used again`, async (t, bench) => {
    const origin = await bench.origin((_, connection) => { connection.send(ok('ok', `Keep-Alive: ${value}\r\n`)) })
    const client = await bench.client()
    for (let round = 0; round < 2; round++) t.equal(statusOf(await client.ask(get())), 200)
    t.equal(origin.connections.length, 2)
  })
}
