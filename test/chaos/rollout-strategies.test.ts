/**
 * Blue/green there and back, and a canary to 100 %, through the command line while clients ask: what was sent was answered, and what clients
 * got of each version is what its origins have seen. Recreate and rolling updates: recreate.test.ts, rolling-update.test.ts.
 */
import t, { type Test } from 'tap'
import { scaled } from '../helpers/chaos-scale.ts'
import { BY_CLIENT, RolloutClients } from '../helpers/rollout-clients.ts'
import { startVersion, type VersionOrigins } from '../helpers/rollout-origins.ts'
import { runWeir, startWeir } from '../helpers/weir-process.ts'

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
  const { code, stdout, stderr } = await runWeir([...args, '--server', weir.url], { NO_COLOR: '1' })
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
