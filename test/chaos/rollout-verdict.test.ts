/**
 * Rollouts of versions that are bad in each way that there is, driven through the command line: the weights are back before much has
 * failed. In the small size a round of requests waits until the control plane has seen the one before: what is counted does not depend on
 * how busy the machine is. In the full size requests flow at a rate, as users send them.
 */
import t, { type Test } from 'tap'
import { FULL, scaled } from '../helpers/chaos-scale.ts'
import { BY_CLIENT, type ClientAnswer, RolloutClients } from '../helpers/rollout-clients.ts'
import { startVersion, type VersionManner } from '../helpers/rollout-origins.ts'
import { eventually, runWeir, startWeir, type Outcome } from '../helpers/weir-process.ts'

const CLIENTS = 400
/** Requests a second, of all clients; and how many at once. */
const RATE = 400
const ROUND = 10
/** Before the rollout. */
const BASELINE = scaled(60, 2_000)
/** After it, of which none may fail. */
const AFTER = scaled(200, 4_000)
const MAX_FAILED = 20
/** At once at a version that hangs. */
const HANGING = 60
const EXIT_DEGRADED = 4
const EXIT_UNDECIDED = 3

/** Of an answer, where time is what is judged: longer than a busy machine needs, where nothing else says what is slow. */
const LATENCY_MS = scaled(250, 100)
const BROKEN_REQUESTS = scaled(100, 1_000)

interface Case {
  readonly route: string
  /** How the new version begins to behave, and the old one. */
  readonly canary: Partial<VersionManner>
  readonly stable?: Partial<VersionManner>
  readonly options: object
  /** By which rule it fails. */
  readonly code: RegExp
  /** Answers other than 200 that clients may get. */
  readonly maxFailed: number
}

const BAD: readonly Case[] = [
  { route: 'fails', canary: { failsEvery: 1 }, options: { retries: { attempts: 1 } }, code: /errors|requests/, maxFailed: MAX_FAILED },
  { route: 'rescued', canary: { failsEvery: 1, status: 503 }, options: { failover: { to: 'stable' } }, code: /errors|requests|pairs/, maxFailed: 0 },
  { route: 'hangs', canary: { hangs: true }, options: { failover: { to: 'stable' } }, code: /silence|errors|requests|pairs/, maxFailed: 0 },
  { route: 'slow', canary: { latencyMs: 3 * LATENCY_MS }, stable: { latencyMs: LATENCY_MS }, options: { retries: { attempts: 1 }, rollout: FULL ? {} : { analysis: { slowerThan: `${2.8 * LATENCY_MS}ms` } } }, code: /slow|requests/, maxFailed: 0 },
  // It needs its time: 2 % of a quarter of the requests.
  ...FULL ? [{ route: 'few', canary: { failsEvery: 50 }, stable: { failsEvery: 1_000 }, options: { retries: { attempts: 1 } }, code: /errors|max_failures/, maxFailed: 200 }] : []
]

interface RolloutBody {
  readonly phase: string
  readonly verdict: { readonly verdict: string, readonly code: string, readonly reason: string, readonly from?: { readonly requests: number }, readonly to?: { readonly requests: number, readonly failures: number } } | null
}

t.setTimeout(600_000)
t.jobs = scaled(4, 1)

const KEPT = ['heavy', 'both'] as const
const routes = await Promise.all([...BAD, ...KEPT.map(route => ({ route, options: { retries: { attempts: 1 } } }))].map(async ({ route, options }) => {
  const [old, canary] = await Promise.all([startVersion(t, 'stable', 2), startVersion(t, 'canary', 2)])
  const version = (name: string, weight: number, endpoints: readonly string[]) => ({ name, weight, endpoints: { static: endpoints } })
  const config = {
    name: route,
    match: { hosts: [`${route}.test`] },
    affinity: BY_CLIENT,
    ...options,
    versions: [version('stable', 100, old.endpoints), version('canary', 0, canary.endpoints)]
  }
  return { route, old, canary, config }
}))
const weir = await startWeir(t, { config: () => ({ workers: 2, routes: routes.map(({ config }) => config) }) })

async function command (...args: readonly string[]): Promise<Outcome> {
  return await runWeir([...args, '--server', weir.url], { NO_COLOR: '1' })
}

/** One of the routes, its versions and clients. */
function sceneOf (t: Test, name: string) {
  const scene = routes.find(({ route }) => route === name)
  if (scene === undefined) throw new Error(`there is no route ${name}`)
  return { ...scene, clients: new RolloutClients(t, { port: weir.ports.web, host: `${name}.test`, count: CLIENTS }) }
}

async function rolloutOf (route: string): Promise<RolloutBody> {
  return (await weir.api('GET', `/v1/routes/${route}/rollout`)).body as RolloutBody // as its schema has it
}

/**
 * Requests until the rollout is in another phase or `isEnough`.
 * @param release called then, before what is under way is waited for
 * @returns the rollout as it was then
 */
async function drive (clients: RolloutClients, route: string, isEnough: (rollout: RolloutBody) => boolean, release: () => void = () => {}): Promise<RolloutBody> {
  let rollout = await rolloutOf(route)
  const isOver = (): boolean => rollout.phase !== 'Progressing' || isEnough(rollout)
  const rounds: Array<Promise<unknown>> = FULL ? [clients.flow(ROUND, RATE, isOver)] : []
  while (!isOver()) {
    if (FULL) {
      rollout = await rolloutOf(route)
      continue
    }
    rounds.push(clients.round(ROUND))
    rollout = await eventually(async () => {
      const now = await rolloutOf(route)
      return now.phase !== 'Progressing' || seenOf(now) >= clients.sent - BASELINE ? now : undefined
    })
  }
  release()
  await Promise.all(rounds)
  return rollout
}

/** Requests that the verdict counts. */
function seenOf ({ verdict }: RolloutBody): number {
  return (verdict?.from?.requests ?? 0) + (verdict?.to?.requests ?? 0)
}

async function start (t: Test, route: string): Promise<void> {
  const { code, stdout, stderr } = await command('rollout', 'start', route, '--to', 'canary', '--steps', '25, analyse 1h', '-r', 'release 2')
  if (code !== 0) throw new Error(stderr)
  t.match(stdout, `${route}: Progressing, step 2 of 2: analyse 1h; stable 75, canary 25 (epoch 2)`)
}

async function saysSo (t: Test, route: string): Promise<void> {
  const { code, stdout } = await command('rollout', 'status', route)
  t.equal(code, EXIT_DEGRADED)
  t.match(stdout, 'canary has failed and the weights are back')
}

for (const { route, canary, stable, code, maxFailed } of BAD) {
  t.test(`a new version that is bad (${route}) is taken out`, { buffered: true }, async t => {
    const scene = sceneOf(t, route)
    const { clients } = scene
    scene.old.behave(stable ?? {})
    // At once they would be slow, and so would be what is known of the old version.
    if (FULL) await clients.flow(ROUND, RATE, () => clients.sent >= BASELINE)
    else await clients.round(BASELINE)
    await start(t, route)
    // It is well at first.
    scene.canary.behave(stable ?? {})
    await drive(clients, route, rollout => (rollout.verdict?.to?.requests ?? 0) >= 5)
    const wellMs = performance.now()
    const before = clients.sent
    scene.canary.behave(canary)
    // Enough to see that some are answered and others are not.
    const hanging = canary.hangs === true ? clients.round(HANGING) : undefined
    const { phase, verdict } = await drive(clients, route, () => false, () => { if (canary.hangs === true) scene.canary.behave({}) })
    await hanging
    const tookMs = performance.now() - wellMs
    // The old version may fail a little too: that is not the new one's.
    const failed = clients.sent - clients.answered(200) - clients.answered(500, 'stable')
    t.equal(phase, 'Degraded')
    t.match(verdict, { verdict: 'fail', code })
    t.ok(failed < Math.max(1, maxFailed), `${failed} failed`)
    t.equal(failed, clients.answered(500, 'canary'), 'nothing else has failed')
    if (stable?.failsEvery === undefined) t.equal(clients.answered(500, 'stable'), 0)

    // Both workers are told, and from then on nobody gets it.
    await weir.untilMetric('weir_epoch_applied', 6, { route })
    const gone = scene.canary.requests
    const isOdd = stable?.failsEvery === undefined
      ? ({ status, version }: ClientAnswer) => status !== 200 || version !== 'stable'
      : ({ version }: ClientAnswer) => version !== 'stable'
    for (let sent = 0; sent < AFTER; sent += ROUND * 4) t.same((await clients.round(ROUND * 4)).filter(isOdd), [])
    t.equal(scene.canary.requests, gone)
    if (route === 'fails') await saysSo(t, route)
    t.match((await weir.api('GET', `/v1/routes/${route}/history`)).body, { revisions: [{ source: 'verdict', after: { stable: 100, canary: 0 } }, { source: 'api', actor: 'local', reason: 'release 2' }, {}] })
    t.comment(`${route}: ${Math.round(tookMs)} ms, ${clients.sent - before - AFTER} requests, ${failed} failed answers until the fail; ${verdict?.reason}`)
  })
}

t.test('one broken client with much of the traffic does not condemn a version that is as good', { buffered: true }, async t => {
  const { clients } = sceneOf(t, 'heavy')
  await clients.round(BASELINE)
  await start(t, 'heavy')
  // Enough clients that each speaks once.
  for (let round = 0; round < 6; round++) await clients.round(ROUND * 2)
  const [broken] = [...clients.versionOf].findLast(([, version]) => version === 'canary') ?? []
  if (broken === undefined) throw new Error('nobody is on the new version')
  const failures: () => number = () => clients.broken.get('500 canary') ?? 0
  const rollout = await drive(clients, 'heavy', () => {
    if (failures() < BROKEN_REQUESTS) void clients.brokenRound(broken, ROUND)
    return failures() >= BROKEN_REQUESTS
  })
  t.equal(rollout.phase, 'Progressing')
  t.equal(clients.answered(200), clients.sent - failures())
  const { code, stdout } = await command('verdict', 'heavy')
  t.equal(code, EXIT_UNDECIDED)
  t.match(stdout, /One client, .+, has \d+ % of the new version's failures/)
  t.match((await weir.api('GET', '/v1/routes/heavy')).body, { weights: { stable: 75, canary: 25 } })
  t.comment(`${failures()} failed requests of one client; ${rollout.verdict?.reason}`)
})

t.test('when both versions fail alike, the rollout pauses', { buffered: true }, async t => {
  const { clients, old, canary } = sceneOf(t, 'both')
  await clients.round(BASELINE)
  await start(t, 'both')
  await drive(clients, 'both', rollout => seenOf(rollout) >= 40)
  for (const version of [old, canary]) version.behave({ failsEvery: 1 })
  const { phase, verdict } = await drive(clients, 'both', () => false)
  t.equal(phase, 'Paused')
  t.match(verdict, { verdict: 'undecided', code: 'both_fail', reason: 'Both versions fail' })
  t.match((await weir.api('GET', '/v1/routes/both')).body, { weights: { stable: 75, canary: 25 } }, 'nobody is moved')
  const { code, stdout } = await command('rollout', 'abort', 'both', '-r', 'the database is away')
  t.equal(code, 0)
  t.match(stdout, 'both: Aborted; stable 100, canary 0 (epoch 3)')
})
