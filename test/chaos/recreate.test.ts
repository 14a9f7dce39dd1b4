/** The Recreate strategy: the old pod goes before the new one comes, and requests wait in between. */
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Deployment, TERMINATING, UNREADY } from '../helpers/chaos-deployment.ts'
import { judgeLosses } from '../helpers/chaos-losses.ts'
import { MemoryWatch, type MemorySample } from '../helpers/chaos-memory.ts'
import { scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { Pod } from '../helpers/pod.ts'
import { readJournal } from '../helpers/pod-journal.ts'
import { post, RawClient } from '../helpers/raw-client.ts'
import { statusOf, valuesOf, type RawMessage } from '../helpers/raw-http.ts'
import { eventually, type WeirProcess } from '../helpers/weir-process.ts'

const GAP_MS = scaled(1_000, 5_000)
const ROUNDS = scaled(2, 6)
const CLIENTS = 200
/** How long the list names a pod that is gone. */
const REFUSING_MS = 100
/** At the memory, in each gap. */
const LOOKS = GAP_MS / 250
/** What a request that waits may cost beyond its bytes: objects, buffers of its connection. */
const REQUEST_BYTES = 32 * 1_024
/** What the young generations of the threads and their collector make of it meanwhile, however few requests wait. */
const NOISE_BYTES = 24 * 1_024 * 1_024

/** Requests that come when the bound is met. */
const REFUSED = scaled(100, 1_000)

t.setTimeout(600_000)

/** What memory has grown to while `count` requests with `bytes` each waited. */
function judgeGrowth (t: Test, { peakBytes }: MemorySample, { before, count, bytes }: { readonly before: number, readonly count: number, readonly bytes: number }): string {
  const grown = peakBytes - before
  const allowed = NOISE_BYTES + count * (REQUEST_BYTES + bytes)
  t.ok(grown < allowed, `${count} requests with ${bytes} bytes each cost ${mebibytes(grown)} of the ${mebibytes(allowed)} that they may`)
  return mebibytes(grown)
}

function mebibytes (bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`
}

/** All clients have asked, and none has an answer. */
async function everybodyWaits (weir: WeirProcess): Promise<number> {
  return await eventually(async () => {
    const count = await weir.metric('weir_requests_held')
    return count === CLIENTS ? count : undefined
  })
}

t.test(`${ROUNDS} times nobody is there for ${GAP_MS} ms, and nobody notices but by the time`, async t => {
  const deployment = await Deployment.start(t, 2)
  const { journal, accessLog, pods } = deployment
  let pod = await deployment.add()
  const weir = await deployment.follow({ whenEmpty: 'hold' })
  const memory = new MemoryWatch(weir.pid)
  t.teardown(() => { memory.stop() })
  const load = new PacedLoad({ port: weir.ports.web, clients: CLIENTS, rate: scaled(400, 2_000), posts: 0.2 })
  await load.more(scaled(400, 4_000))
  const early = new Set<Pod>()
  const growth: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = memory.take().nowBytes
    if (round % 2 === 0) {
      // The pod says first that it is not ready any more, and closes when nothing lies unread there.
      deployment.tell(pod, UNREADY)
      await everybodyWaits(weir)
      await pod.end('SIGTERM')
    } else {
      // It closes while it is the only one that serves, and for a while the list names one that refuses.
      early.add(pod)
      deployment.tell(pod, TERMINATING)
      await deployment.untilKnown(weir, pod)
      await pod.end('SIGTERM')
      await wait(REFUSING_MS)
    }
    deployment.tell(pod, undefined)
    await wait(GAP_MS)
    const held = await everybodyWaits(weir)
    await eventually(async () => memory.samples >= LOOKS ? true : undefined)
    const gap = memory.take()
    t.ok(gap.samples >= LOOKS, `${gap.samples} looks at the memory in the gap`)
    growth.push(judgeGrowth(t, gap, { before, count: held, bytes: 0 }))
    pod = await deployment.add()
    await load.more(CLIENTS * 2)
    growth.push(judgeGrowth(t, memory.take(), { before, count: held, bytes: 0 }))
  }
  await load.stop()

  const { closed, resets } = await judgeLosses(t, { load, journal, accessLog, pods, mayLose: pod => early.has(pod) })
  t.ok(load.slowestMs >= GAP_MS)
  t.equal(await weir.metric('weir_requests_held'), 0)
  t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${closed} POSTs lost with pods that closed while they were the only one, which reset ${resets} connections; ` +
    `${CLIENTS} waited in each of ${ROUNDS} gaps; memory grew by ${growth.join(', ')}`)
})

/** Sends a POST and waits until it is answered, or waits. */
async function ask (t: Test, weir: WeirProcess, { path, bodyBytes, waiting }: { readonly path: string, readonly bodyBytes: number, readonly waiting: number }): Promise<RawClient> {
  const client = await RawClient.connect(weir.ports.web)
  t.teardown(() => { client.destroy() })
  client.expect('POST')
  client.send(post(path, 'x'.repeat(bodyBytes)))
  await eventually(async () => client.reader.messages.length > 0 || await weir.metric('weir_requests_held') > waiting ? true : undefined)
  return client
}

function refused (t: Test, answers: readonly RawMessage[]): void {
  t.same(answers.filter(answer => statusOf(answer) !== 503 || valuesOf(answer, 'retry-after')[0] !== '1' || !answer.body.toString().includes('"code":"hold_full"')), [], 'each is told to come again')
}

for (const { bound, hold, bodyBytes, least, most } of [
  { bound: 'count', hold: { maxRequests: 50 }, bodyBytes: 10, least: 50, most: 50 },
  // Head and body are what counts, and heads grow on the way.
  { bound: 'bytes', hold: { maxBytes: 65_536 }, bodyBytes: 2_000, least: 26, most: 65_536 / 2_000 }
]) {
  t.test(`the bound of ${bound} is met: more are refused, and those that wait are served in their order`, async t => {
    const deployment = await Deployment.start(t, 2)
    const weir = await deployment.follow({ whenEmpty: 'hold', hold }, { workers: 1 })
    const memory = new MemoryWatch(weir.pid)
    t.teardown(() => { memory.stop() })
    const before = memory.take().nowBytes
    const waiting: RawClient[] = []
    for (;;) {
      const client = await ask(t, weir, { path: `/${waiting.length}`, bodyBytes, waiting: waiting.length })
      if (client.reader.messages.length > 0) {
        refused(t, [await client.answer()])
        break
      }
      waiting.push(client)
    }
    t.ok(waiting.length >= least && waiting.length <= most, `${waiting.length} wait`)
    const late = await Promise.all(Array.from({ length: REFUSED }, async () => await RawClient.connect(weir.ports.web)))
    t.teardown(() => { for (const client of late) client.destroy() })
    refused(t, await Promise.all(late.map(async client => await client.ask(post('/late', 'x'.repeat(bodyBytes))))))
    t.equal(await weir.metric('weir_requests_held'), waiting.length)
    const grown = judgeGrowth(t, memory.take(), { before, count: waiting.length + REFUSED, bytes: bodyBytes })

    await deployment.add()
    const answers = await Promise.all(waiting.map(async client => await client.answer()))
    t.same(answers.map(answer => statusOf(answer)), waiting.map(() => 200))
    const { executions } = readJournal(deployment.journal)
    const connections = waiting.map((_, index) => executions.get(`/${index}`)?.map(({ connection }) => connection))
    t.same(connections, waiting.map((_, index) => [1 + index]), 'first come, first served')
    t.equal(executions.size, waiting.length, 'what was refused is not executed')
    t.equal(await weir.metric('weir_requests_held'), 0)
    t.match((await late[0]?.ask(post('/again', 'x')))?.body.toString(), 'pod-1', 'who was refused is served now')
    const retried = await weir.metric('weir_upstream_retries_total')
    t.comment(`${waiting.length + 2 + REFUSED} sent, ${waiting.length + 1} answered, ${retried} retried, ${REFUSED + 1} refused; memory grew by ${grown}`)
  })
}
