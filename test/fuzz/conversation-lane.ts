/**
 * Where conversations are held one after the other: Weir behind a real listener, a raw origin, and time that moves when nothing
 * else does, so that no timeout makes a conversation long and none comes too early.
 */
import { ConversationClient, type ClientRecord } from './conversation-client.ts'
import type { ConversationHost } from './conversation-host.ts'
import { ConversationOrigin, type AttemptRecord } from './conversation-origin.ts'
import type { ConversationPlan } from './conversation-plan.ts'
import { Stillness, turn } from './stillness.ts'

/** When everything has to go well, no timeout is needed, and so long a wait is a failure. */
const CLEAN_PATIENCE_MS = 20_000
/** More timeouts than a conversation can have. */
const MAX_TIMEOUTS = 200
/** How often nothing may happen although something is open and has no deadline. */
const MAX_STUCK = 100

/** All that happened in a conversation. */
export interface ConversationRecord {
  readonly plan: ConversationPlan
  readonly clients: readonly ClientRecord[]
  /** In the order in which their first bytes came. */
  readonly attempts: readonly AttemptRecord[]
  /** What was seen while it went on and never may be. */
  readonly violations: readonly string[]
}

export class ConversationLane {
  readonly #host: ConversationHost
  readonly #origin: ConversationOrigin
  readonly #originPort: number
  readonly #stillness: Stillness
  #upgrades: boolean | undefined

  /** Use `start`. */
  constructor (host: ConversationHost, origin: ConversationOrigin, originPort: number) {
    this.#host = host
    this.#origin = origin
    this.#originPort = originPort
    this.#stillness = origin.stillness
  }

  static async start (host: ConversationHost): Promise<ConversationLane> {
    const origin = new ConversationOrigin(new Stillness())
    return new ConversationLane(host, origin, await origin.listen())
  }

  /** Holds a conversation to its end. */
  async hold (plan: ConversationPlan): Promise<ConversationRecord> {
    const violations: string[] = []
    this.#stillness.clear()
    await this.#route(plan.upgrades)
    this.#origin.begin(plan.answers)
    const clients = plan.clients.map((client, index) => new ConversationClient(client, `127.0.0.${11 + index}`, this.#stillness))
    for (const client of clients) {
      client.run(this.#host.port).catch((error: unknown) => {
        violations.push(`a client failed: ${String(error)}`)
        client.destroy()
      })
    }
    const allClosed = (): boolean => clients.every(client => client.closed)
    if (plan.clean && !await this.#stillness.until(allClosed, CLEAN_PATIENCE_MS)) violations.push('nothing moves any more, although everybody behaves')
    const closed = await this.#pass(allClosed, this.#host.patienceMs)
    await this.#host.settle()
    const ended = closed && await this.#finish()
    if (!ended) {
      violations.push(`what is left never ends: ${JSON.stringify({ ...this.#host.left(), origin: this.#origin.open, clients: clients.filter(client => !client.closed).length })}`)
      for (const client of clients) client.destroy()
      this.#host.cut()
    }
    const defects = this.#host.takeDefects().map(defect => `a defect: ${defect}`)
    return { plan, clients: clients.map(client => client.record), attempts: this.#origin.records, violations: [...violations, ...defects, ...this.#origin.violations] }
  }

  async #route (upgrades: boolean): Promise<void> {
    if (this.#upgrades === upgrades) return
    this.#upgrades = upgrades
    await this.#host.route(this.#originPort, upgrades)
  }

  /** Waits until nothing is left of the conversation; false when something stays. What came later would be taken for the next one's. */
  async #finish (): Promise<boolean> {
    const isOver = (): boolean => this.#isOver()
    if (!await this.#pass(isOver, this.#host.patienceMs)) return false
    await this.#origin.settle()
    return await this.#pass(isOver, this.#host.patienceMs)
  }

  #isOver (): boolean {
    return this.#origin.open === 0 && Object.values(this.#host.left()).every(count => count === 0)
  }

  /** Lets everything happen until `done` holds, moving time on when nothing else moves; false when that leads nowhere. */
  async #pass (done: () => boolean, patienceMs: number): Promise<boolean> {
    let stuck = 0
    for (let timeouts = 0; timeouts < MAX_TIMEOUTS && stuck < MAX_STUCK;) {
      if (await this.#stillness.until(done, patienceMs)) return true
      if (this.#stillness.releasePatient()) continue
      if (this.#host.toNextTimeout()) timeouts++
      else stuck++
      this.#stillness.moved()
      await turn()
    }
    return false
  }

  async end (): Promise<void> {
    await this.#origin.close()
    await this.#host.end()
  }
}
