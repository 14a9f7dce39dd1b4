/**
 * How long an idle client connection is kept, with the real process.
 */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { startWeir } from '../../helpers/weir-process.ts'

const IDLE_MS = 600

t.test('timeouts.keepAliveIdle begins with the end of an answer, however long that took', async t => {
  const [hello] = await startOrigins(t, ['hello'])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 1,
      timeouts: { keepAliveIdle: `${IDLE_MS}ms` },
      routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] }]
    })
  })
  const client = await connectClient({ port: weir.ports.web })
  t.equal((await client.get(`/slow?ms=${IDLE_MS * 2}`)).status, 200)
  // Longer than the tick that closes what is idle.
  await wait(IDLE_MS / 3)
  t.equal(client.closed, false)
  t.equal((await client.get()).status, 200)
  const startedMs = performance.now()
  await client.untilClosed()
  t.ok(performance.now() - startedMs >= IDLE_MS * 0.9, 'and then it is closed')
  t.equal(await weir.stop(), 0)
})
