/** What routes answer themselves, with two workers: one rate for both of them, counted by route and reason, also over a reload. */
import t from 'tap'
import { connectClient, getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { complete, startWeir } from '../../helpers/weir-process.ts'

const [app] = await startOrigins(t, ['app'])
const versions = [{ name: 'v', weight: 1, endpoints: { static: [app.endpoint] } }]
const limited = { name: 'limited', match: { path: '/limited' }, filters: { rateLimit: { requests: 1, per: '1h', burst: 20 } }, versions }
const CONFIG = {
  workers: 2,
  routes: [
    limited,
    { name: 'denied', match: { path: '/denied' }, filters: { clients: { deny: ['127.0.0.0/8'] } }, versions },
    { name: 'moved', match: { path: '/moved' }, filters: { requestRedirect: { path: { replacePrefixMatch: '/new' } } }, versions },
    { name: 'plain', match: { path: '/plain' }, versions }
  ]
}

t.test('all workers share the rate of a client, and what is turned away is counted', async t => {
  const weir = await startWeir(t, { config: () => CONFIG })
  const port = weir.ports.web
  const clients = await Promise.all(Array.from({ length: 10 }, async () => await connectClient({ port })))
  const statuses = await Promise.all(clients.map(async client => {
    const found: number[] = []
    for (let index = 0; index < 5; index++) found.push((await client.get('/limited')).status)
    return found
  }))
  const count = (status: number): number => statuses.flat().filter(each => each === status).length
  t.same([count(200), count(429)], [20, 30])
  t.equal((await getOnce({ port }, '/denied')).status, 403)
  const moved = await getOnce({ port }, '/moved/a?b')
  t.same([moved.status, moved.headers.get('location')], [302, `http://hello.test:${port}/new/a?b`])
  t.equal((await getOnce({ port }, '/plain')).status, 200)
  const counted = async (route: string, reason: string, value: number): Promise<void> => {
    t.equal(await weir.untilMetric('weir_turned_away_requests_total', value, { route, reason }), value, `${route} ${reason}`)
  }
  await counted('limited', 'limited', 30)
  await counted('denied', 'denied', 1)
  await counted('moved', 'redirected', 1)
  const family = (await weir.metrics()).get('weir_turned_away_requests_total')
  t.equal(family?.samples.some(({ labels }) => labels['route'] === 'plain'), false, 'a route that turns nobody away has no line')

  const stricter = { ...limited, filters: { ...limited.filters, clients: { deny: ['192.0.2.1'] } } }
  await weir.replaceConfig(complete({ ...CONFIG, routes: [stricter, ...CONFIG.routes.slice(1)] }, weir.ports))
  await weir.untilLogged('the configuration was reloaded')
  t.equal((await getOnce({ port }, '/limited')).status, 429, 'the limit is the same, and so is what is left of it')
  await counted('limited', 'limited', 31)
  for (const client of clients) client.close()
  t.equal(await weir.stop(), 0)
})
