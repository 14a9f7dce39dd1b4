/**
 * Rolling updates of five pods under load, discovered through an API server: pods close as Kubernetes makes them, some before
 * their event, some without closing at all.
 */
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Deployment, TERMINATING } from '../helpers/chaos-deployment.ts'
import { judgeLosses } from '../helpers/chaos-losses.ts'
import { CHAOS_LOAD, FULL, scaled } from '../helpers/chaos-scale.ts'
import { PacedLoad } from '../helpers/paced-load.ts'
import type { Pod } from '../helpers/pod.ts'
import type { WeirProcess } from '../helpers/weir-process.ts'

const PODS = 5
const UPDATES = scaled(1, 50)
/** How far an event is behind, one after the other: time is what these are about. */
const LAGS_MS = [20, 60, 150, 400]

t.setTimeout(scaled(600_000, 1_800_000))

/**
 * `orderly`: terminating, and it closes when Weir knows and has got all answers, as a pod does that waits before it ends. `early`: SIGTERM and close, then the event.
 * `killed`: gone at once, then the event.
 */
type Death = 'orderly' | 'early' | 'killed'

class RollingUpdate {
  readonly #deployment: Deployment
  readonly #deaths: readonly Death[]
  readonly #fates = new Map<Pod, Death>()
  #lags = 0

  constructor (deployment: Deployment, deaths: readonly Death[]) {
    this.#deployment = deployment
    this.#deaths = deaths
  }

  /** How a pod was told to end. */
  fateOf (pod: Pod): Death { return this.#fates.get(pod) ?? 'orderly' }

  async add (): Promise<void> {
    const death = this.#deaths[this.#fates.size % this.#deaths.length] ?? 'orderly'
    const pod = await this.#deployment.add()
    this.#fates.set(pod, death)
  }

  async #remove (pod: Pod, weir: WeirProcess, load: PacedLoad): Promise<void> {
    const death = this.fateOf(pod)
    if (death === 'orderly') {
      this.#deployment.tell(pod, TERMINATING)
      await this.#deployment.untilKnown(weir, pod)
      await load.turnover()
    }
    const gone = pod.end(death === 'killed' ? 'SIGKILL' : 'SIGTERM')
    if (death !== 'orderly') {
      await wait(LAGS_MS[this.#lags++ % LAGS_MS.length])
      this.#deployment.tell(pod, TERMINATING)
    }
    await gone
    this.#deployment.tell(pod, undefined)
  }

  /** As with maxSurge 1: the new one is ready before an old one goes. */
  async run (weir: WeirProcess, load: PacedLoad): Promise<void> {
    for (const pod of this.#deployment.listed) {
      await this.add()
      await this.#remove(pod, weir, load)
    }
  }
}

const ORDERLY: readonly Death[] = ['orderly']
const MIXED: readonly Death[] = ['killed', 'orderly', 'early']

for (const deaths of FULL ? [ORDERLY, ['early', 'orderly'] satisfies readonly Death[], MIXED] : [ORDERLY, MIXED]) {
  t.test(`${UPDATES} rolling updates, pods that end ${deaths.join(' or ')}`, async t => {
    const deployment = await Deployment.start(t, 3)
    const update = new RollingUpdate(deployment, deaths)
    for (let index = 0; index < PODS; index++) await update.add()
    const weir = await deployment.follow()
    const load = new PacedLoad({ port: weir.ports.web, ...CHAOS_LOAD, posts: 0.3 })
    await load.more(100)
    for (let index = 0; index < UPDATES; index++) await update.run(weir, load)
    await load.more(100)
    await load.stop()

    const { journal, accessLog, pods } = deployment
    const { closed, resets, killed, executed } = await judgeLosses(t, { load, journal, accessLog, pods, mayLose: pod => update.fateOf(pod) !== 'orderly' })
    t.equal(pods.length, PODS * (1 + UPDATES))
    t.comment(`${load.summary(await weir.metric('weir_upstream_retries_total'))}; ${await weir.metric('weir_upstream_retries_refused_total')} retries refused by the budget; ` +
      `${closed} POSTs lost with pods that closed early, which reset ${resets} connections; ${killed} with pods that were killed, ${executed} of them executed`)
  })
}
