/**
 * A load balancer that leads back to Weir: every worker knows the requests that another one has sent.
 */
import t from 'tap'
import { freePort } from '../../helpers/free-port.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { TcpRelay } from '../../helpers/tcp-relay.ts'
import { startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

async function weirBefore (port: number, listeners?: readonly unknown[]): Promise<WeirProcess> {
  return await startWeir(t, {
    config: () => ({
      workers: 2,
      ...(listeners === undefined ? {} : { listeners }),
      routes: [{ name: 'r', versions: [{ name: 'v', weight: 1, endpoints: { static: [`127.0.0.1:${port}`] } }] }]
    })
  })
}

const [app] = await startOrigins(t, ['app'])

t.test('a request that comes back is answered with 508 after one round, whichever worker gets it', async t => {
  const web = await freePort()
  const relay = await TcpRelay.start(web)
  const weir = await weirBefore(relay.port, [{ name: 'web', address: '127.0.0.1', port: web }])
  t.teardown(async () => { await relay.close() })
  for (let round = 0; round < 10; round++) t.equal((await getOnce({ port: web })).status, 508)
  t.equal(await weir.untilMetric('weir_requests_total', 10, { code_class: '5xx' }), 10)
  t.equal(await weir.untilMetric('weir_unrouted_errors_total', 10, { code: 'loop_detected' }), 10, 'one round for each request')
})

t.test('an edge before a sidecar is no loop', async t => {
  const inner = await weirBefore(Number(app.endpoint.split(':').at(-1)))
  const outer = await weirBefore(inner.ports.web)
  t.match(await getOnce({ port: outer.ports.web }), { status: 200, body: 'app' })
})
