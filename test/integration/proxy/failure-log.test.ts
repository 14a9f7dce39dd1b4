/**
 * A dead or mistyped endpoint is in the log: once for each reason, whatever the number of requests.
 */
import { closedPort } from '../../helpers/closed-port.ts'
import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { NO_EJECTION, reset, retries, says, unavailable } from '../../helpers/two-endpoints.ts'

const ONCE = { ...NO_EJECTION, ...retries({ attempts: 1 }) }

proxyTest('each endpoint and reason is told once in a tick, in order, with what exactly was wrong', async (t, bench) => {
  const dead = await closedPort()
  const [resets, refuses] = [await bench.extraOrigin(reset), await bench.extraOrigin(says(unavailable(503)))]
  const ports = { dead, resets: resets.port, refuses: refuses.port }
  bench.route(Object.keys(ports).map(name => ({ name, match: { path: `/${name}` }, weights: { v1: 1 }, policy: ONCE })))
  for (const [name, port] of Object.entries(ports)) bench.endpoints('v1', [port], name)
  const client = await bench.client()
  for (let round = 0; round < 3; round++) {
    for (const [name, status] of [['dead', 502], ['resets', 502], ['refuses', 503]] as const) {
      t.equal(statusOf(await client.ask(get(`/${name}`))), status)
    }
  }
  t.match(bench.plane.failures.take(), [
    { route: 'dead', version: 'v1', endpoint: `127.0.0.1:${dead}`, reason: 'upstream_connect_failed', detail: /ECONNREFUSED/ },
    { route: 'resets', endpoint: `127.0.0.1:${resets.port}`, reason: 'upstream_reset' },
    { route: 'refuses', endpoint: `127.0.0.1:${refuses.port}`, reason: 'status_503', detail: '' }
  ])
  t.same(bench.plane.failures.take(), [])
})

proxyTest('a request that another endpoint has served tells of the one that failed', async (t, bench) => {
  const dead = await closedPort()
  const good = await bench.extraOrigin(says('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  bench.route([{ weights: { v1: 1 }, policy: NO_EJECTION, balancing: 'round-robin' }])
  bench.endpoints('v1', [dead, good.port])
  const client = await bench.client()
  for (let round = 0; round < 2; round++) t.equal(statusOf(await client.ask(get())), 200)
  t.match(bench.plane.failures.take(), [{ endpoint: `127.0.0.1:${dead}`, reason: 'upstream_connect_failed' }])
})

proxyTest('a bounded number of kinds is kept', async (t, bench) => {
  for (let port = 1; port <= 100; port++) {
    bench.plane.failures.note({ route: null, version: null, attemptFault: '' }, `10.0.0.1:${port}`, 'upstream_reset')
  }
  t.equal(bench.plane.failures.take().length, 64)
})
