import t from 'tap'
import { RateTables } from '../../../src/control/rate-tables.ts'
import type { RouteActions } from '../../../src/contract/route-actions.ts'
import type { RouteSpec } from '../../../src/contract/route-spec.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'

function route (name: string, requests: number): RouteSpec {
  const actions: RouteActions = {
    requestHeaders: null,
    responseHeaders: null,
    urlRewrite: null,
    clients: null,
    requestRedirect: null,
    rateLimit: requests === 0 ? null : { requests, perMs: 1_000, burst: 1, by: 'client-ip', field: '', maxClients: 64 }
  }
  return { name, match: {}, affinity: { by: 'none', level: 'version' }, balancing: 'round-robin', policy: testPolicy(), placement: null, mirror: null, versions: [], actions }
}

t.test('a table lives as long as its limit', async t => {
  const tables = new RateTables(() => 5)
  const of = (...specs: readonly RouteSpec[]): ReadonlyArray<SharedArrayBuffer | undefined> => tables.attach(specs).map(({ rateTable }) => rateTable)
  const [a, b, none] = of(route('a', 1), route('b', 1), route('c', 0))
  t.ok(a !== undefined && b !== undefined && a !== b)
  t.equal(none, undefined)
  t.equal(of(route('a', 1))[0], a, 'the same limit')
  t.not(of(route('a', 2))[0], a, 'another limit')
  t.not(of(route('b', 1))[0], b, 'a route that had gone')
  t.equal(new Int32Array(a ?? new SharedArrayBuffer(4))[0], 5, 'the seed')
})
