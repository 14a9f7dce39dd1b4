/**
 * Rollouts of three Weirs that share a ConfigMap: the verdict is of all traffic, and a bad version is out everywhere, whichever of them sees it,
 * leads, dies, or can't reach the API server.
 */
import t from 'tap'
import { connectClient } from '../helpers/keep-alive-client.ts'
import { startVersion, type VersionManner } from '../helpers/rollout-origins.ts'
import { replicaSet, untilReplicas } from '../helpers/weir-replicas.ts'
import { eventually, type WeirProcess } from '../helpers/weir-process.ts'

const NAMES = ['weir-a', 'weir-b', 'weir-c'] as const
const CLIENTS = 2_000
/** Requests of each connection between two looks. */
const BATCH = 20

interface RolloutBody {
  readonly id: string
  readonly phase: string
  readonly step: number
  readonly pending: string | null
  readonly sentence: string
  readonly verdict: { readonly code: string, readonly from: { readonly requests: number }, readonly to: { readonly requests: number } } | null
  readonly evidence: { readonly leads: boolean, readonly replicas: number, readonly of: number | null } | null
}

// A Lease that runs out takes 15 s, on a machine that has far more to do.
if (import.meta.main) t.setTimeout(600_000)
const set = await replicaSet(t)
const FAILING = { failsEvery: 1 }
const [stable, bad, good] = await Promise.all([startVersion(t, 'stable', 1), startVersion(t, 'canary', 1), startVersion(t, 'canary', 1)])
const bothBehave = (manner: Partial<VersionManner>): void => { for (const origin of [bad, good]) origin.behave(manner) }
const routes = [{
  name: 'hello',
  affinity: { by: 'header', header: 'x-client' },
  health: { passive: { enabled: false } },
  versions: [
    { name: 'stable', weight: 100, endpoints: { static: stable.endpoints } },
    { name: 'canary', weight: 0, endpoints: { static: [...bad.endpoints, ...good.endpoints] } }
  ]
}]
const started: WeirProcess[] = []
for (const name of NAMES) started.push(await set.start({ name, routes }))
const [a, b] = started
if (a === undefined || b === undefined) throw new Error('three have started')
let sent = 0

/** Sends requests of ever other clients to each of them. @returns how many were not answered with 200 */
async function send (weirs: readonly WeirProcess[], each = BATCH): Promise<number> {
  const failures = await Promise.all(weirs.map(async weir => {
    const client = await connectClient({ port: weir.ports.web })
    let failed = 0
    for (let count = 0; count < each; count++) {
      const answer = await client.get('/', { 'x-client': `client ${sent++ % CLIENTS}` })
      if (answer.status !== 200) failed++
    }
    client.close()
    return failed
  }))
  return failures.reduce((sum, failed) => sum + failed, 0)
}

async function rolloutOf (weir: WeirProcess): Promise<RolloutBody> {
  return (await weir.api('GET', '/v1/routes/hello/rollout')).body as RolloutBody // as its schema has it
}

async function weightOf (weir: WeirProcess): Promise<number> {
  const { weights } = (await weir.api('GET', '/v1/routes/hello')).body as { readonly weights: Readonly<Record<string, number>> } // as its schema has it
  return weights['canary'] ?? Number.NaN
}

async function verdicts (weir: WeirProcess): Promise<number> {
  const { revisions } = (await weir.api('GET', '/v1/routes/hello/history?limit=100')).body as { readonly revisions: ReadonlyArray<{ readonly source: string }> } // as its schema has it
  return revisions.filter(({ source }) => source === 'verdict').length
}

/** Starts one, and waits until all of these watch it. */
async function start (through: WeirProcess, weirs: readonly WeirProcess[], plan: object = {}): Promise<string> {
  const answer = await eventually(async () => {
    const tried = await through.api('POST', '/v1/routes/hello/rollout', { from: 'stable', to: 'canary', steps: [{ setWeight: 25 }, { pause: {} }], ...plan })
    return tried.status === 200 ? tried : undefined
  })
  const { rollout: { id } } = answer.body as { readonly rollout: RolloutBody } // as its schema has it
  // Its workers watch when it has judged once.
  const isWatched = (rollout: RolloutBody): boolean => rollout.id === id && rollout.evidence !== null && rollout.verdict !== null
  await eventually(async () => (await Promise.all(weirs.map(rolloutOf))).every(isWatched) ? true : undefined)
  return id
}

async function abort (weir: WeirProcess): Promise<void> {
  await eventually(async () => (await weir.api('POST', '/v1/routes/hello/rollout/abort', { reason: 'the test goes on' })).status === 200 ? true : undefined)
}

/** Sends requests until all of these have no weight on the canary, and it gets none. @returns the answers that failed */
async function untilOut (weirs: readonly WeirProcess[]): Promise<number> {
  const sinceMs = performance.now()
  let failed = 0
  await eventually(async () => {
    failed += await send(weirs)
    return (await Promise.all(weirs.map(weightOf))).every(weight => weight === 0) ? true : undefined
  })
  t.comment(`out after ${Math.round(performance.now() - sinceMs)} ms and ${failed} failed answers`)
  const before = bad.requests + good.requests
  t.equal(await send(weirs), 0)
  t.equal(bad.requests + good.requests, before, 'nobody gets it any more')
  return failed
}

/** The one that makes the steps. */
async function untilLeader (weirs: readonly WeirProcess[]): Promise<WeirProcess> {
  return await eventually(async () => {
    const leads = (await Promise.all(weirs.map(rolloutOf))).map(({ evidence }) => evidence?.leads)
    return leads.filter(each => each === true).length === 1 ? weirs[leads.indexOf(true)] : undefined
  })
}

for (const weir of started) await untilReplicas(weir, NAMES)

t.test('the verdict of the replica that leads is of the traffic of all, each request once', async t => {
  await start(b, started)
  const leader = await untilLeader(started)
  const others = started.filter(weir => weir !== leader)
  t.equal(await send(others, 150), 0)
  const counted = async (): Promise<number> => {
    const { verdict } = await rolloutOf(leader)
    return (verdict?.from.requests ?? 0) + (verdict?.to.requests ?? 0)
  }
  await eventually(async () => await counted() >= 300 ? true : undefined)
  await send([leader], 30)
  const last = await eventually(async () => {
    const [sum, rollout] = [await counted(), await rolloutOf(leader)]
    return sum >= 330 && rollout.evidence?.replicas === 3 ? rollout : undefined
  })
  t.equal((last.verdict?.from.requests ?? 0) + (last.verdict?.to.requests ?? 0), 330)
  t.match(last, { phase: 'Paused', evidence: { leads: true, replicas: 3, of: 3, missing: [] } })
  t.notMatch(last.sentence, /evidence/)
  for (const other of others) t.match(await rolloutOf(other), { evidence: { leads: false, replicas: 1, of: null }, sentence: /by its own evidence/ })
  await abort(b)
})

t.test('a bad endpoint of the new version is ejected by each, and the version is kept', async t => {
  bad.behave(FAILING)
  await start(a, started, { analysis: { maxFailures: 1_000_000, maxErrorShare: 'off', slowerThan: '1m' } })
  const ejected = 'the failures of a new version belong to one of its endpoints, which is ejected and not charged to the version'
  await eventually(async () => {
    await send(started)
    const over = (await Promise.all(started.map(rolloutOf))).find(({ phase }) => phase === 'Degraded')
    if (over !== undefined) throw new Error(`the version is charged: ${over.sentence}`)
    return started.every(weir => weir.logged(ejected).length > 0) ? true : undefined
  })
  const quiet = await eventually(async () => {
    const before = bad.requests
    const failed = await send(started, 40)
    return bad.requests === before ? failed : undefined
  })
  t.equal(quiet, 0)
  for (const weir of started) {
    t.match(weir.logged(ejected)[0], { version: 'canary', endpoint: bad.endpoints[0] })
    t.match(await rolloutOf(weir), { phase: 'Paused', step: 1 })
    t.equal(await weightOf(weir), 25)
  }
  await abort(a)
})

t.test('a new version that is bad everywhere is out on all of them, by one verdict', async t => {
  bothBehave(FAILING)
  const before = await verdicts(a)
  const id = await start(b, started)
  const failed = await untilOut(started)
  t.ok(failed > 0)
  await eventually(async () => (await Promise.all(started.map(rolloutOf))).every(({ phase, pending }) => phase === 'Degraded' && pending === null) ? true : undefined)
  for (const weir of started) {
    t.match(await rolloutOf(weir), { id, phase: 'Degraded', evidence: null })
    t.equal(await verdicts(weir), before + 1)
  }
})

t.test('with the API server away each stops its own traffic and says that it is not stored; when it is back, it is stored once', async t => {
  bothBehave({})
  const before = await verdicts(a)
  await start(a, started)
  await set.server.kill()
  bothBehave(FAILING)
  t.ok(await untilOut(started) > 0)
  for (const weir of started) {
    t.match(await rolloutOf(weir), { phase: 'Degraded', pending: /not stored/ })
    await weir.untilMetric('weir_rollout_pending', 1)
    await weir.untilLogged('weights were put back in the workers and could not be stored: a restart would undo it; it is tried until it is done')
  }
  await set.server.startAgain()
  await eventually(async () => (await Promise.all(started.map(rolloutOf))).every(({ phase, pending }) => phase === 'Degraded' && pending === null) ? true : undefined)
  for (const weir of started) {
    await eventually(async () => await verdicts(weir) === before + 1 ? true : undefined)
    t.equal(await weightOf(weir), 0)
  }
  t.equal(await send(started), 0)
})

t.test('the one that leads is killed when it has failed the version and not stored it: another one finishes, once, and leads', async t => {
  bothBehave({})
  const before = await verdicts(a)
  const id = await start(a, started)
  const leader = await untilLeader(started)
  const others = started.filter(weir => weir !== leader)
  const [next] = others
  if (next === undefined) return
  await send(started)
  set.server.hang()
  bothBehave(FAILING)
  await untilOut([leader])
  leader.kill('SIGKILL')
  await leader.end()
  set.server.unhang()
  set.unlist(NAMES[started.indexOf(leader)] ?? '')
  await untilOut(others)
  await eventually(async () => (await Promise.all(others.map(rolloutOf))).every(({ phase, pending }) => phase === 'Degraded' && pending === null) ? true : undefined)
  for (const weir of others) {
    t.match(await rolloutOf(weir), { id, phase: 'Degraded' })
    await eventually(async () => await verdicts(weir) === before + 1 ? true : undefined)
  }
  bothBehave({})
  await start(next, others, { steps: [{ setWeight: 5 }, { pause: { duration: '200ms' } }, { setWeight: 50 }, { pause: {} }] })
  await eventually(async () => (await Promise.all(others.map(rolloutOf))).every(({ step }) => step === 3) ? true : undefined)
  t.same(await Promise.all(others.map(weightOf)), [50, 50])
  const last = await eventually(async () => {
    const rollout = await rolloutOf(await untilLeader(others))
    // The slices may not be watched yet since the API server hung.
    return rollout.evidence?.replicas === 2 && rollout.evidence.of === 2 ? rollout : undefined
  })
  t.match(last, { evidence: { replicas: 2, of: 2 } })
})
