import { proxyTest } from '../../helpers/data-plane.ts'
import { get } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { ok } from '../../helpers/raw-origin.ts'

proxyTest('a defect fails the request that met it with 500 and leaves the others alone', async (t, bench) => {
  const { port } = await bench.extraOrigin((_, connection) => { connection.send(ok()) })
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [port])
  const reported: unknown[] = []
  bench.plane.reportDefect = error => { reported.push(error) }
  const bystander = await bench.client()
  t.equal(statusOf(await bystander.ask(get())), 200)
  const table = bench.plane.table
  Object.defineProperty(bench.plane, 'table', { configurable: true, writable: true, value: { match () { throw new TypeError('a defect') } } })
  const answer = await (await bench.client()).ask(get())
  bench.plane.table = table
  t.equal(statusOf(answer), 500)
  t.match(answer.body.toString(), '"code":"internal_error"')
  t.match(reported, [TypeError])
  t.equal(statusOf(await bystander.ask(get())), 200, 'a connection that was open goes on')
})

proxyTest('a defect on the endpoint\'s side fails its request with 500', async (t, bench) => {
  const { port } = await bench.extraOrigin((_, connection) => { connection.send(ok()) })
  bench.route([{ weights: { v1: 1 } }])
  bench.endpoints('v1', [port])
  let reported = 0
  bench.plane.reportDefect = () => { reported++ }
  const parse = bench.plane.responseHead.parse.bind(bench.plane.responseHead)
  Object.defineProperty(bench.plane.responseHead, 'parse', { configurable: true, value () { throw new TypeError('a defect') } })
  const client = await bench.client()
  t.equal(statusOf(await client.ask(get())), 500)
  t.equal(reported, 1)
  Object.defineProperty(bench.plane.responseHead, 'parse', { configurable: true, value: parse })
  t.equal(statusOf(await (await bench.client()).ask(get())), 200)
})
