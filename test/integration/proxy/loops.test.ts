/**
 * An endpoint that leads back to Weir: found after one round, and nobody is blamed for it.
 */
import { proxyTest, type ProxyBench } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf, valuesOf } from '../../helpers/raw-http.ts'
import { ok, type OriginHandler } from '../../helpers/raw-origin.ts'
import { accessLines, retriesOf } from '../../helpers/two-endpoints.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const answerOk: OriginHandler = (_, connection) => { connection.send(ok()) }
const OWN = { instance: '1abc', accessLog: { mode: 'on', sampleRate: 1 } } as const

function leadBack (bench: ProxyBench): void {
  const { retries } = ROUTE_DEFAULTS
  bench.route([{ weights: { v1: 1 }, policy: { retries: { ...retries, on: ['connect', 'reset', 502, 503, 504] } } }])
  bench.endpoints('v1', [bench.port])
}

proxyTest('a request that comes round is answered with 508 at once; the endpoint is not blamed and nothing is repeated', async (t, bench) => {
  leadBack(bench)
  const client = await bench.client()
  for (let round = 0; round < 20; round++) {
    const answer = await client.ask(get('/', 'Accept: application/json\r\n'))
    t.equal(statusOf(answer), 508)
    t.match(JSON.parse(answer.body.toString()), { status: 508, code: 'loop_detected' })
  }
  t.equal(bench.version().ejections, 0)
  t.same(retriesOf(bench), {})
  await bench.until('the log', () => bench.logLines.length === 40)
  const errors = accessLines(bench).map(({ error }) => error)
  t.equal(errors.filter(error => error === 'loop_detected').length, 20, 'the inner rounds')
  t.equal(errors.filter(error => error === null).length, 20, 'the outer ones got an answer')
  // The connection that leads back is a client's too.
  bench.endpoints('v1', [])
}, OWN)

proxyTest('two Weirs in a row are none, and each says its name', async (t, bench) => {
  const origin = await bench.origin(answerOk)
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/', 'Via: 1.1 weir-2abc\r\n'))), 200)
  t.same(valuesOf(origin.requests[0] ?? { fields: [] }, 'via'), ['1.1 weir-2abc', '1.1 weir-1abc'])
}, OWN)

proxyTest('limits.maxPasses: 2 serves an application that calls another one with the Via that it got', async (t, bench) => {
  await bench.origin(answerOk)
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get('/', 'Via: 1.1 weir-1abc\r\n'))), 200)
  t.equal(statusOf(await client.ask(get('/', 'Via: 1.1 weir-1abc, 1.1 weir-1abc\r\n'))), 508)
  t.equal(statusOf(await client.ask(get('/'))), 200, 'the connection is kept')
}, { ...OWN, limits: { maxPasses: 2 } })
