import { LOGIN } from '../../../src/upstream/upstream-call.ts'
import { Http1Calls } from '../../../src/upstream/http1-calls.ts'
import { proxyTest } from '../../helpers/data-plane.ts'

for (const [what, login] of Object.entries(LOGIN)) {
  proxyTest(`the pool of an endpoint ${login === LOGIN.none ? 'keeps' : 'refuses'} a connection whose login is ${what}, whoever gives it back`, async (t, bench) => {
    const origin = await bench.extraOrigin()
    const pool = bench.pools.acquire({ address: '127.0.0.1', port: origin.port }, bench.routes.transports.of(undefined))
    const { calls } = pool
    if (!(calls instanceof Http1Calls)) throw new Error('plain TCP is HTTP/1.1')
    const connection = calls.open()
    connection.login = login
    t.equal(calls.park(connection), login === LOGIN.none)
    t.equal(calls.takeIdle(), login === LOGIN.none ? connection : null)
    connection.cancel()
    bench.pools.release(pool)
  })
}
