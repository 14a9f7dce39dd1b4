import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import type { RouteRuntime } from '../../../src/exchange/route-runtime.ts'
import { planeOptions, ProxyBench } from '../../helpers/data-plane.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { get } from '../../helpers/raw-client.ts'
import { testPolicy } from '../../helpers/route-defaults.ts'

const setUp = () => new ProxyBench({}, new FakeClock())

function match (bench: ProxyBench, path = '/'): RouteRuntime | undefined {
  const head = new RequestHead(planeOptions().limits)
  const bytes = Buffer.from(get(path))
  head.reset(bytes, 0)
  head.parse(bytes.length)
  return bench.plane.table.match(head)
}

t.test('without a message there is no route', async t => {
  t.equal(match(setUp()), undefined)
})

t.test('weights and endpoints that come before their route are there from its first request on', async t => {
  const bench = setUp()
  bench.endpoints('v1', [80])
  bench.route([{ weights: { v1: 1 } }])
  const route = match(bench)
  t.equal(route?.epoch, 1)
  t.equal(route?.versions[0]?.pool.empty, false)
  t.equal(route?.split.choose(0), 0)
})

t.test('a split is taken over in place, and one that is older than that in force is not', async t => {
  const bench = setUp()
  bench.route([{ weights: { v1: 1, v2: 0 } }])
  const route = match(bench)
  const split = (epoch: number, weights: Readonly<Record<string, number>>): void => { bench.routes.applySplit({ type: 'split', route: 'test', epoch, weights, salt: '' }) }
  split(10, { v1: 0, v2: 1 })
  t.equal(route?.split.choose(0), 1)
  t.equal(route?.epoch, 10)
  split(9, { v1: 1, v2: 0 })
  t.equal(route?.split.choose(0), 1)
  t.equal(route?.epoch, 10)
  split(10, { v1: 1, v2: 0 })
  t.equal(route?.split.choose(0), 0, 'the same epoch again is as good as the first')
})

t.test('a split with another salt draws another cohort, which a reload keeps and the end of the salt takes back', async t => {
  const bench = setUp()
  const weights = { v1: 1, v2: 1 }
  const keys = Array.from({ length: 64 }, (_, key) => key)
  const cohort = (): readonly (number | undefined)[] => keys.map(key => match(bench)?.split.choose(key))
  bench.route([{ weights }])
  const before = cohort()
  bench.split(weights, 'test', 'rollout-7')
  const during = cohort()
  t.not(during.join(), before.join())
  bench.routes.applySplit({ type: 'split', route: 'test', epoch: 0, weights, salt: 'too old' })
  t.same(cohort(), during, 'an old one counts for nothing')
  bench.routes.together(() => { bench.route([{ weights, salt: 'rollout-7' }]) })
  t.same(cohort(), during, 'routes are compiled with the latest salt')
  bench.split(weights)
  t.same(cohort(), before)
})

t.test('an older split does not come back with the next reload', async t => {
  const bench = setUp()
  bench.route([{ weights: { v1: 1, v2: 0 } }])
  bench.routes.applySplit({ type: 'split', route: 'test', epoch: 10, weights: { v1: 0, v2: 1 }, salt: '' })
  bench.routes.applySplit({ type: 'split', route: 'test', epoch: 9, weights: { v1: 1, v2: 0 }, salt: '' })
  bench.routes.applyRoutes({
    type: 'routes',
    options: planeOptions(),
    segments: bench.segments,
    routes: [{
      name: 'test',
      match: {},
      affinity: { by: 'none', level: 'version' },
      balancing: 'least-request',
      policy: testPolicy(),
      placement: null,
      mirror: null,
      versions: [{ name: 'v1', slot: 0 }, { name: 'v2', slot: 1 }]
    }]
  })
  t.equal(match(bench)?.epoch, 10)
  t.equal(match(bench)?.split.choose(0), 1)
})

t.test('what is said of routes and versions that nobody knows does no harm, and is forgotten with the next routes', async t => {
  const bench = setUp()
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('nobody', [80])
  bench.endpoints('v1', [80], 'unknown')
  bench.split({ v1: 5 }, 'unknown')
  bench.route([{ weights: { v1: 1 } }])
  bench.routes.applyRoutes({
    type: 'routes',
    options: planeOptions(),
    segments: bench.segments,
    routes: [{
      name: 'unknown',
      match: {},
      affinity: { by: 'none', level: 'version' },
      balancing: 'least-request',
      policy: testPolicy(),
      placement: null,
      mirror: null,
      versions: [{ name: 'v1', slot: 0 }]
    }]
  })
  const route = match(bench)
  t.equal(route?.name, 'unknown')
  t.equal(route?.versions[0]?.pool.empty, true)
  t.equal(route?.split.choose(0), -1)
})

t.test('a version that the weights do not name has weight 0', async t => {
  const bench = setUp()
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  bench.split({ v1: 1 })
  const route = match(bench)
  t.same(Array.from({ length: 50 }, (_, key) => route?.split.choose(key * 7_919)).filter(index => index !== 0), [])
})

t.test('endpoints that change places in messages that belong together keep their pools', async t => {
  const bench = setUp()
  bench.endpoints('v1', [80])
  bench.endpoints('v2', [81])
  bench.route([{ weights: { v1: 1, v2: 1 } }])
  const poolsOf = () => bench.plane.routes.get('test')?.versions.map(({ pool }) => pool.pick(0, []))
  const [first, second] = poolsOf() ?? []
  bench.routes.together(() => {
    bench.endpoints('v1', [81])
    bench.endpoints('v2', [80])
  })
  await new Promise(setImmediate)
  t.same((poolsOf() ?? []).map(pool => [pool === second, pool === first]), [[true, false], [false, true]])
})
