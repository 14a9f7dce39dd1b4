/** A worker thread is ended under load, in each way that there is: only its own connections break, and it is replaced at once. */
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { CHAOS_LOAD, scaled } from '../helpers/chaos-scale.ts'
import { startPods, versionOf } from '../helpers/chaos-pods.ts'
import { executedOnce } from '../helpers/chaos-losses.ts'
import { getOnce } from '../helpers/keep-alive-client.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { eventually, startWeir, sumOf, type WeirProcess } from '../helpers/weir-process.ts'

const WORKERS = ['0', '1']
const DEATHS = scaled(3, 10)
/** A worker that dies soon after its start is not replaced so soon: that is for those that die of each other. */
const LIFE_MS = scaled(0, 5_500)
const REPLACED_MS = 1_000

t.setTimeout(600_000)

interface Connections { readonly accepted: number, readonly open: number }

async function connectionsOf (weir: WeirProcess): Promise<ReadonlyMap<string, Connections>> {
  const metrics = await weir.metrics()
  return new Map(WORKERS.map(worker => [worker, {
    accepted: sumOf(metrics, 'weir_connections_accepted_total', { worker }),
    open: sumOf(metrics, 'weir_connections_open', { worker })
  }]))
}

/** Lets the clients connect again until both workers have some of them, and nobody else's are left. */
async function spread (weir: WeirProcess, load: PacedLoad): Promise<ReadonlyMap<string, Connections>> {
  load.renew()
  return await eventually(async () => {
    const connections = await connectionsOf(weir)
    const open = [...connections.values()].map(each => each.open)
    if (open.some(count => count === 0)) load.renew()
    await wait(100)
    const later = [...(await connectionsOf(weir)).values()].map(each => each.open)
    return open.reduce((sum, count) => sum + count, 0) === CHAOS_LOAD.clients && open.every((count, index) => count > 0 && count === later[index]) ? connections : undefined
  })
}

t.test(`a worker of two is ended ${DEATHS} times under load`, async t => {
  const { pods, journal } = await startPods(t, ['pod-1', 'pod-2'])
  const startingMs = performance.now()
  const weir = await startWeir(t, {
    nodeArgs: ['--import', path.resolve(import.meta.dirname, '../helpers/chaos-worker-killer.ts')],
    config: () => ({ workers: WORKERS.length, routes: [{ name: 'hello', versions: [versionOf('v1', 1, pods)] }] })
  })
  // A thread needs less than a whole Weir with all of its threads: that tells how busy the machine is.
  const mostMs = Math.max(REPLACED_MS, performance.now() - startingMs)
  const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
  await load.more(100)
  let expected = 0
  const tookMs: number[] = []
  for (let death = 0; death < DEATHS; death++) {
    await wait(LIFE_MS)
    const before = await spread(weir, load)
    const from = weir.log.length
    const failed = load.failures.length
    const broken = load.broken
    weir.kill('SIGUSR2')
    const beganMs = performance.now()
    const { worker, way } = await weir.untilLogged('the test ends a worker', from)
    const victim = String(worker).replace('weir-worker-', '')
    // The log tells of it once in ten seconds only.
    await weir.untilMetric('weir_worker_restarts_total', sum => sum > death)
    // The dead one accepts no more: whatever is counted from now on is its successor's.
    const accepted = (await connectionsOf(weir)).get(victim)?.accepted ?? 0
    await eventually(async () => {
      // Each connection goes to the one or to the other.
      await Promise.all(Array.from({ length: 4 }, async () => await getOnce({ port: weir.ports.web })))
      return ((await connectionsOf(weir)).get(victim)?.accepted ?? 0) > accepted ? true : undefined
    })
    tookMs.push(performance.now() - beganMs)
    const open = before.get(victim)?.open ?? 0
    // Each client notices it when it asks next.
    await eventually(async () => load.broken - broken >= open ? true : undefined)
    await load.more(CHAOS_LOAD.clients * 3)
    expected += open
    t.equal(load.broken - broken, open, `${way}: the ${open} connections of the worker broke, and no other`)
    t.ok(load.failures.length - failed <= open, `${way}: at most one request was lost with each`)
  }
  await load.stop()

  // A machine that runs other tests as well keeps the new thread waiting: now and then it does not.
  const judgedMs = scaled(Math.min(...tookMs), Math.max(...tookMs))
  t.ok(judgedMs < mostMs, `a replacement served after ${Math.round(judgedMs)} ms`)
  t.same(load.failures.filter(({ status, method }) => status !== 0 || method === 'CONNECT'), [], 'nobody got an error for an answer, and every client could connect')
  t.equal(load.broken, expected)
  t.equal(load.sent, load.answered + load.failures.length)
  executedOnce(t, load, journal)
  t.equal(await weir.untilMetric('weir_worker_restarts_total', DEATHS), DEATHS)
  t.match(await weir.untilLogged('a worker died and is replaced'), { level: 'error', worker: 0 })
  t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${load.broken} connections broke; replacements served after ${tookMs.map(Math.round).join(', ')} ms`)
  t.equal(await weir.stop(), 0)
})
