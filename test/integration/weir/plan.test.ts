/** What `POST …/plan` of a whole Weir foretells is what the change then does to its clients. */
import t from 'tap'
import type { ChangePreview } from '../../../src/control/change-preview.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { BY_CLIENT, RolloutClients } from '../../helpers/rollout-clients.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const CLIENTS = 120
const PATH = '/v1/routes/hello'

interface PlanAnswer {
  readonly changed: boolean
  readonly epoch: number
  readonly clients: Omit<ChangePreview['clients'], 'coversMs'>
  readonly warnings: ChangePreview['warnings']
}

const [stable, canary] = await startOrigins(t, ['stable', 'canary'])
const version = (name: string, weight: number, { endpoint }: typeof stable) => ({ name, weight, endpoints: { static: [endpoint] } })
const weir = await startWeir(t, {
  config: () => ({
    workers: 2,
    routes: [
      { name: 'alone', match: { path: '/alone' }, versions: [version('stable', 1, stable)] },
      { name: 'hello', affinity: BY_CLIENT, versions: [version('stable', 75, stable), version('canary', 25, canary)] }
    ]
  })
})

async function planned (body: object): Promise<PlanAnswer> {
  const answer = await weir.api('POST', `${PATH}/plan`, body)
  return answer.body as unknown as PlanAnswer
}

t.test('the clients that a change moves are exactly those that the plan has foretold', async t => {
  const nobody = await planned({ to: 'canary' })
  t.equal(nobody.clients.moved, null)
  t.match(nobody.warnings, [{ code: 'no_requests' }])

  const clients = new RolloutClients(t, { port: weir.ports.web, host: '127.0.0.1', count: CLIENTS })
  await clients.round(CLIENTS * 2)
  // A request is counted a moment after its client has the answer.
  const plan = await eventually(async () => {
    const now = await planned({ weights: { stable: 50, canary: 50 } })
    return now.clients.seen === CLIENTS ? now : undefined
  })
  t.equal(plan.clients.margin, 0)
  const before = new Map(clients.versionOf)
  const route = await weir.api('GET', PATH)
  const onCanary = [...before.values()].filter(version => version === 'canary').length
  t.match(route.body, { clients: { seen: CLIENTS }, versions: [{ name: 'stable' }, { name: 'canary', clientShare: onCanary / CLIENTS }] })

  await weir.api('PUT', `${PATH}/weights?wait=all`, { weights: { stable: 50, canary: 50 } })
  await clients.round(CLIENTS)
  const moved = [...before].filter(([client, version]) => clients.versionOf.get(client) !== version).length
  t.ok(moved > 0)
  t.equal(plan.clients.moved, Math.round(moved / CLIENTS * 1_000) / 1_000)
  t.equal((await planned({ to: 'canary' })).epoch, plan.epoch + 1, 'a plan changes nothing')

  // What an a-b has left ends with any weights that are set, the same among them.
  await weir.api('POST', `${PATH}/rollout`, { to: 'canary', preset: 'a-b', match: { path: { prefix: '/new' } }, for: '1h' })
  const same = { weights: { stable: 50, canary: 50 } }
  t.notMatch((await planned(same)).warnings.map(({ code }) => code), ['ends_match'])
  await weir.api('POST', `${PATH}/rollout/promote`)
  const ending = await planned(same)
  t.match((await weir.api('GET', PATH)).body, { rolloutMatch: { version: 'canary', match: 'path^=/new' } }, 'it is seen as long as it is in force')
  t.match([ending.changed, ending.warnings.find(({ code }) => code === 'ends_match')?.detail], [true, /the match that the last rollout has left ends .*path\^=\/new/])
  await weir.api('PUT', `${PATH}/weights`, same)
  t.notOk(Object.hasOwn((await weir.api('GET', PATH)).body as object, 'rolloutMatch'))
})

t.test('what the change would refuse, the plan refuses', async t => {
  for (const [body, code] of [
    [{}, 'invalid_request'], [{ to: 'stable', weights: { stable: 1 } }, 'invalid_request'], [{ to: 'blue' }, 'unknown_version'],
    [{ weights: { stable: 0 } }, 'all_weights_zero'], [{ weights: { stable: 1, blue: 1 } }, 'unknown_version']
  ] as const) {
    const answer = await weir.api('POST', '/v1/routes/alone/plan', body)
    t.match(answer.body, { code }, JSON.stringify(body))
  }
  t.match((await weir.api('POST', '/v1/routes/none/plan', { to: 'stable' })).body, { code: 'unknown_route' })
})
