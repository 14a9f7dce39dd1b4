/** An A/B test through the command line: two versions that nobody moves, and a report whose numbers are those of the origins. */
import t from 'tap'
import { BY_CLIENT, RolloutClients } from '../../helpers/rollout-clients.ts'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { goodCommandOf } from '../../helpers/weir-command.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const CLIENTS = 120
const HOST = 'shop.test'

t.test('an a-b ends with a report of what both versions have served, to the last request', async t => {
  const [a, b] = await Promise.all([startVersion(t, 'a', 1), startVersion(t, 'b', 1)])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      routes: [{
        name: 'shop',
        match: { hosts: [HOST] },
        affinity: BY_CLIENT,
        versions: [{ name: 'a', weight: 50, endpoints: { static: a.endpoints } }, { name: 'b', weight: 50, endpoints: { static: b.endpoints } }]
      }]
    })
  })
  const run = goodCommandOf(weir)
  const clients = new RolloutClients(t, { port: weir.ports.web, host: HOST, count: CLIENTS })
  await clients.round(CLIENTS)
  await weir.untilMetric('weir_requests_total', clients.sent, { route: 'shop', code_class: '2xx' })
  const [beforeA, beforeB] = [a.requests, b.requests]
  t.match(await run('rollout', 'start', 'shop', '--to', 'b', '--preset', 'a-b', '--for', '1h', '-r', 'which checkout'), /^shop: Progressing, step 1 of 1: analyse 1h; a 50, b 50 \(epoch 1\)/)
  b.behave({ failsEvery: 5 })
  // One in five fails, and that is what is to be found out: no test of difference ends it. Few are not for the guards.
  for (let round = 0; round < 2; round++) await clients.round(CLIENTS)
  const [servedA, servedB] = [a.requests - beforeA, b.requests - beforeB]
  const failed = clients.answered(500)
  await weir.untilMetric('weir_requests_total', failed, { route: 'shop', code_class: '5xx' })
  const report = await eventually(async () => {
    const { body } = await weir.api('GET', '/v1/routes/shop/rollout/report')
    const { from, to } = body as { from: { requests: number }, to: { requests: number, clients: { interval: readonly [number, number] } | null } }
    return from.requests + to.requests === 2 * CLIENTS && to.clients !== null ? body : undefined
  })
  t.match(report, {
    phase: 'Progressing',
    preset: 'a-b',
    from: { version: 'a', requests: servedA, errors: { count: 0 } },
    to: { version: 'b', requests: servedB, errors: { count: failed, share: failed / servedB } }
  })
  t.equal(servedA + servedB, 2 * CLIENTS)
  t.equal(await run('rollout', 'promote', 'shop').then(printed => /^shop: Healthy; a 50, b 50 \(epoch 1\)/.test(printed)), true, 'nobody has moved')
  const page = await run('rollout', 'report', 'shop')
  t.match(page, /^shop: a-b of a and b, Healthy\n/)
  t.match(page, new RegExp(`\\nrequests +${servedA} +${servedB}\\n`))
  t.match(page, new RegExp(`\\nerrors +0 +${failed}\\n`))
  t.equal(JSON.parse(await run('rollout', 'report', 'shop', '-o', 'json')).text, page)
  const text = await fetch(`${weir.url}/v1/routes/shop/rollout/report`, { headers: { accept: 'text/plain' } })
  t.match(text.headers.get('content-type'), /^text\/plain/)
  t.equal(await text.text(), page)
  t.equal(await weir.stop(), 0)
})
