/** A rollout in a whole Weir with real origins: a version that fails is taken out by itself. */
import { once } from 'node:events'
import http from 'node:http'
import t from 'tap'
import { startOrigins } from '../../helpers/origins.ts'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { startRolloutWeir, storedIn } from '../../helpers/rollout-weir.ts'
import { eventually, temporaryDirectory } from '../../helpers/weir-process.ts'

const CLIENTS = 200
/** Requests at a time. */
const LANES = 4
/** Requests after the fail, of which none may fail. */
const AFTER = 60

/** Sends requests of many clients until it is told to stop, and counts the answers by status. */
class Load {
  readonly statuses = new Map<number, number>()
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: LANES })
  readonly #port: number
  #sent = 0
  #stopping = false
  readonly #lanes: ReadonlyArray<Promise<void>>

  constructor (port: number) {
    this.#port = port
    this.#lanes = Array.from({ length: LANES }, async () => {
      while (!this.#stopping) await this.request()
    })
  }

  get total (): number { return [...this.statuses.values()].reduce((sum, count) => sum + count, 0) }

  async request (): Promise<number> {
    const headers = { 'x-client': `client ${this.#sent++ % CLIENTS}` }
    const request = http.get({ host: '127.0.0.1', port: this.#port, agent: this.#agent, headers })
    // The types of events do not say what they carry.
    const [response] = await once(request, 'response') as [http.IncomingMessage]
    response.resume()
    await once(response, 'end')
    const status = response.statusCode ?? 0
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    return status
  }

  async stop (): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#lanes)
  }

  close (): void { this.#agent.destroy() }
}

t.test('a canary that fails everything is taken out by itself, and every answer is accounted for', async t => {
  const directory = await temporaryDirectory(t)
  const [stable] = await startOrigins(t, ['stable'])
  const broken = await startVersion(t, 'canary', 1)
  broken.behave({ failsEvery: 1 })
  const weir = await startRolloutWeir(t, directory, { stable: stable.endpoint, canary: broken.endpoints[0] ?? '' })
  const load = new Load(weir.ports.web)
  t.teardown(() => { load.close() })
  await eventually(async () => load.total > 100 ? true : undefined)
  t.same([...load.statuses.keys()], [200])
  const plan = { to: 'canary', from: 'stable', steps: [{ setWeight: 25 }, { pause: {} }], reason: 'a broken version' }
  const { status, body } = await weir.api('POST', '/v1/routes/hello/rollout', plan)
  t.match({ status, body }, { status: 200, body: { weights: { canary: 25 }, rollout: { phase: 'Paused', step: 1 } } })
  const failed = await weir.untilLogged('a rollout has failed, and the weights are back')
  await load.stop()
  const bad = load.statuses.get(500) ?? 0
  t.match(failed, { level: 'warn', route: 'hello', phase: 'Degraded', code: /errors|requests|error_share|max_failures/ })
  t.ok(bad > 0, 'it failed')
  t.equal(bad, broken.requests, 'each failed answer is one of the canary')
  t.comment(`${bad} failed answers until the fail; ${JSON.stringify(failed)}`)
  t.same([...load.statuses.keys()].toSorted((left, right) => left - right), [200, 500])
  const total = load.total
  for (let count = 0; count < AFTER; count++) t.equal(await load.request(), 200)
  t.equal(broken.requests, bad, 'nobody gets it any more')
  await weir.untilMetric('weir_requests_total', total + AFTER)
  await weir.untilMetric('weir_requests_total', bad, { version: 'canary', code_class: '5xx' })
  t.match((await weir.api('GET', '/v1/routes/hello/rollout')).body, { phase: 'Degraded', pending: null, verdict: { verdict: 'fail' } })
  t.match((await weir.api('GET', '/v1/routes/hello')).body, { weights: { stable: 100, canary: 0 } })
  t.match((await weir.api('GET', '/v1/routes/hello/history')).body, { revisions: [{ source: 'verdict', action: 'rollout', after: { canary: 0 } }, { source: 'api', after: { canary: 25 } }, {}] })
  t.match((await storedIn(directory)).rollout, { phase: 'Degraded' })
  t.equal(await weir.metric('weir_rollout_phase', { route: 'hello', phase: 'Degraded' }), 1)
  t.equal(await weir.metric('weir_rollout_aborts_total'), 1)
  t.equal(await weir.stop(), 0)
})
