/**
 * Recreate and a rolling update seen, and blue/green there and back and a canary to 100 % made, through the command line while clients ask: what
 * was sent was answered, and what clients got is what the origins have seen. Pods that end badly: recreate.test.ts, rolling-update.test.ts.
 */
import t, { type Test } from 'tap'
import { AdminClient } from '../../src/cli/operate/admin-client.ts'
import { operate } from '../../src/cli/operate/operate.ts'
import { foregroundClock } from '../../src/core/clock.ts'
import { Deployment, TERMINATING, UNREADY } from '../helpers/chaos-deployment.ts'
import { executedOnce, nothingFailed } from '../helpers/chaos-losses.ts'
import { scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import { BY_CLIENT, RolloutClients } from '../helpers/rollout-clients.ts'
import { startVersion, type VersionOrigins } from '../helpers/rollout-origins.ts'
import { eventually, runWeir, startWeir, type WeirProcess } from '../helpers/weir-process.ts'

const CLIENTS = 300
const ROUND = 30
const WORKERS = 2
/** Requests a second, while a command runs. */
const RATE = scaled(100, 400)
/** Requests after a command. */
const REQUESTS = scaled(CLIENTS, 10_000)

t.setTimeout(600_000)

const blue = await startVersion(t, 'blue', 2)
const green = await startVersion(t, 'green', 2)
const stable = await startVersion(t, 'stable', 2)
const canary = await startVersion(t, 'canary', 2)
const versionOf = ({ name, endpoints }: VersionOrigins, weight: number) => ({ name, weight, endpoints: { static: endpoints } })
const weir = await startWeir(t, {
  config: () => ({
    workers: WORKERS,
    routes: [
      { name: 'shop', match: { hosts: ['shop.test'] }, affinity: BY_CLIENT, rollout: { preset: 'blue-green' }, versions: [versionOf(blue, 100), versionOf(green, 0)] },
      { name: 'hello', match: { hosts: ['hello.test'] }, affinity: BY_CLIENT, versions: [versionOf(stable, 100), versionOf(canary, 0)] }
    ]
  })
})

async function command (...args: readonly string[]): Promise<string> {
  return await commandTo(weir, ...args)
}

async function commandTo ({ url }: WeirProcess, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runWeir([...args, '--server', url], { NO_COLOR: '1' })
  if (code !== 0) throw new Error(`weir ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  return stdout
}

/** Requests while a command runs, and so many after it. @returns the versions that answered after it */
async function during (clients: RolloutClients, running: Promise<string>): Promise<ReadonlySet<string>> {
  const flow = { isOver: false }
  const over = running.finally(() => { flow.isOver = true })
  await clients.flow(10, RATE, () => flow.isOver)
  await over
  const after = new Set<string>()
  for (let sent = 0; sent < REQUESTS; sent += ROUND) {
    for (const { version } of await clients.round(ROUND)) after.add(version)
  }
  return after
}

/** Sent is answered, and by version it is what its origins have seen and what Weir has counted. */
async function allAnswered (t: Test, route: string, clients: RolloutClients, versions: readonly VersionOrigins[]): Promise<void> {
  t.equal(clients.answered(200), clients.sent)
  for (const { name, requests } of versions) {
    t.equal(clients.answered(200, name), requests, name)
    t.equal(await weir.untilMetric('weir_requests_total', requests, { route, version: name, code_class: '2xx' }), requests)
  }
  t.comment(`${clients.sent} sent and answered: ${versions.map(({ name, requests }) => `${name} ${requests}`).join(', ')}`)
}

/** The rollout has switched, in one epoch. */
async function switched (route: string, epoch: number): Promise<void> {
  await weir.untilMetric('weir_epoch_applied', WORKERS * epoch, { route })
}

t.test('blue to green, and later green to blue, with the same command', async t => {
  const clients = new RolloutClients(t, { port: weir.ports.web, host: 'shop.test', count: CLIENTS })
  await clients.round(ROUND)
  for (const [epoch, from, to] of [[2, 'blue', 'green'], [3, 'green', 'blue']] as const) {
    const start = async (): Promise<string> => {
      const printed = await command('rollout', 'start', 'shop', '-r', `release to ${to}`)
      await switched('shop', epoch)
      return printed
    }
    const after = await during(clients, start())
    t.same([...after], [to], 'everybody is on it')
    t.match(await command('rollout', 'status', 'shop', '--watch=false'), new RegExp(`shop +Progressing, all steps are done, and it is watched +${from} to ${to}`))
    // The watch is ended by hand.
    t.match(await command('rollout', 'promote', 'shop'), `shop: Healthy; ${to === 'green' ? 'blue 0, green 100' : 'blue 100, green 0'} (epoch ${epoch})`)
  }
  t.match((await weir.api('GET', '/v1/routes/shop/history')).body, { revisions: [{ epoch: 3, after: { blue: 100, green: 0 } }, { epoch: 2, after: { blue: 0, green: 100 } }, { epoch: 1 }] })
  await allAnswered(t, 'shop', clients, [blue, green])
})

t.test('a canary goes to 100 % step by step, and nobody who has moved goes back', async t => {
  const clients = new RolloutClients(t, { port: weir.ports.web, host: 'hello.test', count: CLIENTS })
  await clients.round(ROUND)
  t.match(await command('rollout', 'start', 'hello', '--to', 'canary', '--steps', '25, pause, 50, pause', '-r', 'release 2'), 'stable 75, canary 25 (epoch 2)')
  let moved = new Set<number>()
  for (const [epoch, least, most] of [[2, 0.1, 0.4], [3, 0.35, 0.65], [4, 1, 1]] as const) {
    const after = epoch === 2 ? await during(clients, Promise.resolve('')) : await during(clients, command('rollout', 'resume', 'hello'))
    t.same([...after].toSorted(), epoch === 4 ? ['canary'] : ['canary', 'stable'])
    const now = new Set([...clients.versionOf].filter(([, version]) => version === 'canary').map(([client]) => client))
    t.same([...moved].filter(client => !now.has(client)), [], 'who has moved stays')
    const share = now.size / CLIENTS
    t.ok(share >= least && share <= most, `${share} of the clients are on the canary`)
    moved = now
  }
  t.match(await command('rollout', 'promote', 'hello'), 'hello: Healthy; stable 0, canary 100 (epoch 4)')
  t.match(await command('rollout', 'status', 'hello'), 'canary has come through all steps')
  await allAnswered(t, 'hello', clients, [stable, canary])
})

/** `weir rollout watch hello` of a Weir, without a terminal: a line for everything that happens. It runs in this process. */
class Watch {
  readonly lines: string[] = []
  readonly #interrupt = new AbortController()
  readonly #ended: Promise<number>
  #complaints = ''

  constructor (t: Test, { url, directory }: WeirProcess) {
    this.#ended = operate(['rollout', 'watch', 'hello', '--interval', '100ms'], {
      env: { WEIR_SERVER: url, HOME: directory },
      clock: foregroundClock,
      signal: this.#interrupt.signal,
      terminal: {
        out: text => { this.lines.push(...text.split('\n').filter(line => line !== '')) },
        complain: text => { this.#complaints += text },
        isTerminal: false,
        colours: false
      },
      connect: connection => new AdminClient(connection),
      input: () => process.stdin
    })
    t.teardown(async () => { await this.stop() })
  }

  /** Resolves when that is the latest that it has printed: so many endpoints in use, of so many. */
  async shows (endpoints: string): Promise<void> {
    await eventually(async () => this.lines.at(-1) === `hello: v1 1 (${endpoints} endpoints)` || undefined)
  }

  /** As Ctrl-C does. @returns what it has complained of */
  async stop (): Promise<string> {
    this.#interrupt.abort()
    await this.#ended
    return this.#complaints
  }
}

const PODS = 3
/** Clients of these. */
const ASKING = 50
const POD_REQUESTS = scaled(100, 5_000)

interface Scene {
  readonly deployment: Deployment
  readonly weir: WeirProcess
  readonly load: PacedLoad
  readonly watch: Watch
}

/** A Weir before pods of one version, clients that ask, and somebody who watches. */
async function podsUnderLoad (t: Test, route: object): Promise<Scene> {
  const deployment = await Deployment.start(t, 2)
  for (let pod = 0; pod < PODS; pod++) await deployment.add()
  const followed = await deployment.follow({ ...route })
  const watch = new Watch(t, followed)
  await watch.shows(`${PODS}/${PODS}`)
  const load = new PacedLoad({ port: followed.ports.web, clients: ASKING, rate: RATE, posts: 0.2 })
  await load.more(POD_REQUESTS)
  return { deployment, weir: followed, load, watch }
}

/** Other pods than before serve: what was sent was answered, once, by pods that there were, and Weir has counted no more and no less. */
async function allByPods (t: Test, { deployment, weir, load, watch }: Scene): Promise<void> {
  await load.more(POD_REQUESTS)
  await load.stop()
  t.equal(await watch.stop(), '')
  nothingFailed(t, load)
  executedOnce(t, load, deployment.journal)
  t.same([...load.byBody.keys()].toSorted(), deployment.pods.map(({ spec }) => spec.name).toSorted(), 'each of the pods has served')
  t.equal(await weir.untilMetric('weir_requests_total', load.sent, { route: 'hello', code_class: '2xx' }), load.sent)
  t.match(await commandTo(weir, 'status', 'hello'), new RegExp(`\nv1 +1 +100 % .* ${PODS}/${PODS} `))
  t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${[...load.byBody].map(([pod, count]) => `${pod} ${count}`).join(', ')}`)
}

t.test('recreate: nobody is there for a while, which the watch shows, and each request waits for the new pods', async t => {
  const scene = await podsUnderLoad(t, { whenEmpty: 'hold', hold: { maxAge: '10m' } })
  const { deployment, weir, watch } = scene
  const old = deployment.listed
  for (const pod of old) deployment.tell(pod, UNREADY)
  await watch.shows(`0/${PODS}`)
  await eventually(async () => await weir.metric('weir_requests_held') === ASKING || undefined)
  for (const pod of old) {
    await pod.end('SIGTERM')
    deployment.tell(pod, undefined)
  }
  await watch.shows('0/0')
  t.match(await commandTo(weir, 'status', 'hello'), / 0\/0 /)
  for (let pod = 0; pod < PODS; pod++) await deployment.add()
  await watch.shows(`${PODS}/${PODS}`)
  await allByPods(t, scene)
})

t.test('a rolling update: a new pod, then an old one less, each of which the watch shows', async t => {
  const scene = await podsUnderLoad(t, {})
  const { deployment, weir, load, watch } = scene
  for (const pod of deployment.listed) {
    await deployment.add()
    await watch.shows(`${PODS + 1}/${PODS + 1}`)
    deployment.tell(pod, TERMINATING)
    await watch.shows(`${PODS}/${PODS + 1}`)
    await deployment.untilKnown(weir, pod)
    await load.turnover()
    await pod.end('SIGTERM')
    deployment.tell(pod, undefined)
    await watch.shows(`${PODS}/${PODS}`)
  }
  const update = ['4/4', '3/4', '3/3'].map(endpoints => `hello: v1 1 (${endpoints} endpoints)`)
  t.same(watch.lines, ['hello: v1 1 (3/3 endpoints)', ...update, ...update, ...update])
  await allByPods(t, scene)
})
