/** How many functions a warm GET calls: a budget, because calls are what a request on a warm path costs most of. */
import { Session } from 'node:inspector/promises'
import t from 'tap'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { exact, placementSpec, requestTest } from '../../helpers/placement-specs.ts'
import { testWatch } from '../../helpers/evidence-sum.ts'
import { ok } from '../../helpers/raw-origin.ts'

/** Weir 089976b made 206, counted in the same way; two note the client in the sample of its route. */
const BUDGET = 208
const WARM_UP = 50
const REQUESTS = 400
const REQUEST = 'GET /hello HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n'

/** What a request may cost more while a rollout of its route runs. */
const WATCHED = 14
/** What it may cost more where a list and a match look at it, and a field is edited on either way: mostly looking for names of fields. */
const PLACED = 64

/** No request of the test is on the list or matches. */
async function place (bench: ProxyBench): Promise<void> {
  await bench.routes.placements.load()
  bench.route([{
    weights: { v1: 1 },
    placement: placementSpec({
      lists: [{ name: 'beta', version: 'v1', by: 'header', field: 'X-User' }],
      matches: [{ version: 'v1', alwaysNever: [], match: [requestTest({ headers: [exact('X-Beta', '1')] })] }]
    }),
    filters: {
      requestHeaders: { set: [{ name: 'X-Edge', value: 'weir' }], add: [], remove: [] },
      responseHeaders: { set: [{ name: 'X-Frame-Options', value: 'DENY' }], add: [], remove: [] }
    }
  }])
}

/** A rollout watches the route. */
async function watch (bench: ProxyBench): Promise<void> {
  bench.routes.applyWatch({ type: 'watch', route: 'test', watch: testWatch({ to: 'v1', slowerThanMs: 60_000 }) })
}

for (const [what, budget, prepare] of [
  ['a warm GET', BUDGET, undefined],
  ['a warm GET of a route that is watched', BUDGET + WATCHED, watch],
  ['a warm GET of a route with a list, a match and two edits', BUDGET + PLACED, place]
] as const) {
  t.test(`${what} calls no more than ${budget} functions of src`, async t => {
    const bench = await ProxyBench.start()
    const session = new Session()
    try {
      await bench.origin((_, connection) => { connection.send(ok('hi')) })
      await prepare?.(bench)
      const client = await bench.client()
      for (let count = 0; count < WARM_UP; count++) await client.ask(REQUEST)
      session.connect()
      await session.post('Profiler.enable')
      // Counts start at the call; what is in progress then is counted in no request.
      await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
      await client.ask(REQUEST)
      await session.post('Profiler.takePreciseCoverage')
      for (let count = 0; count < REQUESTS; count++) await client.ask(REQUEST)
      const { result } = await session.post('Profiler.takePreciseCoverage')
      const ours = result.filter(({ url }) => url.includes('/src/'))
      const called = ours.flatMap(({ url, functions }) => functions.map(({ functionName, ranges }) => ({
        name: `${url.slice(url.lastIndexOf('/src/') + 1)} ${functionName}`, calls: (ranges[0]?.count ?? 0) / REQUESTS
      })))
      // What is called less than once in two requests is the ticks and the start, not the request.
      const perRequest = called.filter(({ calls }) => calls >= 0.5)
      const total = perRequest.reduce((sum, { calls }) => sum + Math.floor(calls + 0.1), 0)
      t.ok(total > 100, `${total} calls were seen`)
      t.ok(
        total <= budget,
      `${total} calls: ${total <= budget ? 'within the budget' : perRequest.map(({ name, calls }) => `${calls} ${name}`).sort().join('\n')}`
      )
    } finally {
      await session.post('Profiler.stopPreciseCoverage').catch(() => {})
      session.disconnect()
      await bench.close(t)
    }
  })
}
