import { LOGIN } from '../../../src/upstream/login.ts'
import { proxyTest } from '../../helpers/data-plane.ts'

for (const [what, login] of Object.entries(LOGIN)) {
  proxyTest(`the pool of an endpoint ${login === LOGIN.none ? 'keeps' : 'refuses'} a connection whose login is ${what}, whoever gives it back`, async (t, bench) => {
    const origin = await bench.extraOrigin()
    const pool = bench.pools.acquire({ address: '127.0.0.1', port: origin.port })
    const connection = pool.connect()
    connection.login = login
    t.equal(pool.park(connection), login === LOGIN.none)
    t.equal(pool.takeIdle(), login === LOGIN.none ? connection : null)
    connection.destroy()
    bench.pools.release(pool)
  })
}
