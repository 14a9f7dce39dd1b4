/** How many functions a warm GET calls: a budget, because calls are what a request on a warm path costs most of. */
import { Session } from 'node:inspector/promises'
import t from 'tap'
import { ProxyBench } from '../../helpers/data-plane.ts'
import { testWatch } from '../../helpers/evidence-sum.ts'
import { ok } from '../../helpers/raw-origin.ts'

/** Weir 089976b made 206, counted in the same way; two note the client in the sample of its route. */
const BUDGET = 208
const WARM_UP = 50
const REQUESTS = 400
const REQUEST = 'GET /hello HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n'

/** What a request may cost more while a rollout of its route runs. */
const WATCHED = 14

for (const [what, budget, watch] of [
  ['a warm GET', BUDGET, null], ['a warm GET of a route that is watched', BUDGET + WATCHED, testWatch({ to: 'v1', slowerThanMs: 60_000 })]
] as const) {
  t.test(`${what} calls no more than ${budget} functions of src`, async t => {
    const bench = await ProxyBench.start()
    const session = new Session()
    try {
      await bench.origin((_, connection) => { connection.send(ok('hi')) })
      if (watch !== null) bench.routes.applyWatch({ type: 'watch', route: 'test', watch })
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
