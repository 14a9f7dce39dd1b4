/**
 * A rollout in a whole Weir whose new version has one bad endpoint of two: that one is ejected and the version kept, at half of the weight,
 * at all of it, and by copies alone. When the other one is bad too, the version is out.
 */
import t from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

/** Requests between two looks. */
const BATCH = 60
const CLIENTS = 200
const EJECTED = 'the failures of a new version belong to one of its endpoints, which is ejected and not charged to the version'

interface RolloutBody {
  readonly phase: string
  readonly sentence: string
}

/** By route, a plan and how many clients there are. */
const CASES: Readonly<Record<string, { readonly clients: number, readonly plan: object }>> = {
  'half.test': { clients: CLIENTS, plan: { steps: [{ setWeight: 50 }, { pause: {} }] } },
  'few.test': { clients: 12, plan: { steps: [{ setWeight: 50 }, { pause: {} }] } },
  'all.test': { clients: CLIENTS, plan: { steps: [{ setWeight: 100 }], watch: '1h' } },
  'copies.test': { clients: CLIENTS, plan: { steps: [{ mirror: { percent: 100 } }, { analyse: { requests: 1_000_000 } }, { setWeight: 50 }] } }
}

const stable = await startVersion(t, 'stable', 1)
// Of each route its own: whoever finds an endpoint bad ejects it for all.
const canaries = new Map(await Promise.all(Object.keys(CASES).map(async host => (
  [host, await Promise.all([startVersion(t, 'canary', 1), startVersion(t, 'canary', 1)])] as const
))))
/** Ejecting one of its two would leave too few, so all are used. */
const PANIC = 'panic.test'
const [panicBad, panicGood] = await Promise.all([startVersion(t, 'canary', 1), startVersion(t, 'canary', 1)])
const weir = await startWeir(t, {
  config: () => ({
    workers: 2,
    routes: [...canaries, [PANIC, [panicBad, panicGood]] as const].map(([host, canary]) => ({
      name: host.split('.')[0],
      match: { hosts: [host] },
      affinity: { by: 'header', header: 'x-client' },
      // What a verdict does, and nothing else.
      health: { passive: { enabled: false }, ...(host === PANIC ? { panicThreshold: 0.9 } : {}) },
      versions: [
        { name: 'stable', weight: 100, endpoints: { static: stable.endpoints } },
        { name: 'canary', weight: 0, endpoints: { static: canary.flatMap(({ endpoints }) => endpoints) } }
      ]
    }))
  })
})

/** Sends requests of so many clients to a route, one after the other. The function returns how many have failed. */
function sender (host: string, clients: number): () => Promise<number> {
  let sent = 0
  return async () => {
    const client = await connectClient({ port: weir.ports.web })
    let failed = 0
    for (let count = 0; count < BATCH; count++) {
      const { status } = await client.get('/', { host, 'x-client': `client ${sent++ % clients}` })
      if (status !== 200) failed++
    }
    client.close()
    return failed
  }
}

for (const [host, { clients, plan }] of Object.entries(CASES)) {
  const route = host.split('.')[0] ?? ''
  const [bad, good] = canaries.get(host) ?? []
  if (bad === undefined || good === undefined) throw new Error('each has two')
  const rollout = async (): Promise<RolloutBody> => (await weir.api('GET', `/v1/routes/${route}/rollout`)).body as RolloutBody // as its schema has it
  const send = sender(host, clients)

  t.test(`one bad endpoint of two is not the version, two are: ${route}`, async t => {
    await send()
    bad.behave({ failsEvery: 1 })
    // Slow answers of a busy machine are no part of it.
    const { status, body } = await weir.api('POST', `/v1/routes/${route}/rollout`, { from: 'stable', to: 'canary', analysis: { slowerThan: '1m' }, ...plan })
    t.equal(status, 200, JSON.stringify(body))
    const ejection = await eventually(async () => {
      await send()
      const { phase, sentence } = await rollout()
      if (phase === 'Degraded') throw new Error(`the version is charged: ${sentence}`)
      return weir.logged(EJECTED).find(line => line['route'] === route)
    })
    t.match(ejection, { version: 'canary', endpoint: bad.endpoints[0] })
    const quiet = await eventually(async () => {
      const before = bad.requests
      const failed = await send() + await send()
      return bad.requests === before ? failed : undefined
    })
    t.equal(quiet, 0)
    t.not((await rollout()).phase, 'Degraded')
    good.behave({ failsEvery: 1 })
    await eventually(async () => {
      await send()
      return (await rollout()).phase === 'Degraded' ? true : undefined
    })
    t.equal(await send(), 0)
  })
}

t.test('a bad endpoint that is used all the same, since too few would be left, is the version', async t => {
  const send = sender(PANIC, CLIENTS)
  await send()
  panicBad.behave({ failsEvery: 1 })
  const plan = { from: 'stable', to: 'canary', analysis: { slowerThan: '1m' }, steps: [{ setWeight: 50 }, { pause: {} }] }
  t.equal((await weir.api('POST', '/v1/routes/panic/rollout', plan)).status, 200)
  let failed = 0
  await eventually(async () => {
    failed += await send()
    return ((await weir.api('GET', '/v1/routes/panic/rollout')).body as RolloutBody).phase === 'Degraded' ? true : undefined // as its schema has it
  })
  t.match(weir.logged(EJECTED).filter(line => line['route'] === 'panic'), [{ endpoint: panicBad.endpoints[0] }], 'it was tried')
  t.comment(`${failed} failures until then`)
  t.equal(await send(), 0)
})
