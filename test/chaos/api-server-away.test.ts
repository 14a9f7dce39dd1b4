/** The API server is away, and a pod dies meanwhile: traffic goes on with what is known. */
import t from 'tap'
import { Deployment } from '../helpers/chaos-deployment.ts'
import { judgeLosses } from '../helpers/chaos-losses.ts'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { eventually } from '../helpers/weir-process.ts'

/** How many requests are answered while it is away. */
const ANSWERED = scaled(1_000, 120_000)

t.setTimeout(600_000)

/** Half of them; `more` waits for a minute at most. */
async function answered (load: PacedLoad): Promise<void> {
  for (let rounds = 0; rounds < 5; rounds++) await load.more(ANSWERED / 10)
}

t.test(`the API server is away for ${ANSWERED} requests`, async t => {
  const deployment = await Deployment.start(t, 1)
  const { server, journal, accessLog, pods } = deployment
  await deployment.add()
  const two = await deployment.add()
  const weir = await deployment.follow()
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  await load.more(100)

  await server.kill()
  t.ok(await weir.untilMetric('weir_watch_restarts_total', sum => sum > 0) > 0, 'the watch is known to have ended')
  await answered(load)
  t.same(load.failures, [], 'nobody misses the API server')
  await two.end('SIGKILL')
  await answered(load)
  t.equal((await weir.api('GET', '/readyz')).status, 200, 'it is ready all the time')

  // What happened meanwhile is learnt from a list, and what happens then from a watch.
  const three = await deployment.start()
  const listed = server.requests.filter(({ verb }) => verb === 'list').length
  await server.startAgain()
  deployment.tell(two, undefined)
  deployment.tell(three, { ready: true, serving: true, terminating: false })
  const served = async (pod: string): Promise<true> => await eventually(async () => (load.byBody.get(pod) ?? 0) > 20 ? true : undefined)
  await served('pod-3')
  await eventually(async () => server.watchCount > 0 ? true : undefined)
  t.ok(server.requests.filter(({ verb }) => verb === 'list').length > listed, 'it has listed again')
  await deployment.add()
  await served('pod-4')
  await load.stop()

  const { killed, executed } = await judgeLosses(t, { load, journal, accessLog, pods, mayLose: pod => pod === two })
  const retried = await weir.metric('weir_upstream_retries_total')
  t.comment(`${load.summary(retried)}; ${killed} POSTs lost with the pod that was killed, ${executed} of them executed; ${await weir.metric('weir_watch_restarts_total')} restarts of the watch`)
})
