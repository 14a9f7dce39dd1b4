/**
 * What the steps of the lab do over and over: send, count, hold to what is expected, and say so.
 */
import type { LabAnswer } from './lab-clients.ts'
import type { LabCluster } from './lab-cluster.ts'
import type { DeploymentStatus } from './lab-controller.ts'
import type { LabFrontend } from './lab-frontend.ts'
import { countByVersion, describeCounts, judgeFailures } from './lab-judge.ts'
import type { LabPrinter } from './lab-printer.ts'

/** Something is not as the lab says that it is. */
export class LabFailure extends Error {}

export class LabStage {
  readonly cluster: LabCluster
  readonly print: LabPrinter
  readonly signal: AbortSignal
  readonly #openFrontend: () => Promise<LabFrontend>
  #frontend: LabFrontend | undefined

  constructor (cluster: LabCluster, { print, signal, openFrontend }: {
    readonly print: LabPrinter, readonly signal: AbortSignal, readonly openFrontend: () => Promise<LabFrontend>
  }) {
    this.cluster = cluster
    this.print = print
    this.signal = signal
    this.#openFrontend = openFrontend
  }

  /** What is wrong with Weir itself, for people. */
  get complaints (): readonly string[] { return this.#frontend?.complaints ?? [] }

  /** How many there are. */
  get clients (): number { return this.frontend.clients.addresses.length }

  /** Starts Weir. */
  async deployFrontend (): Promise<LabFrontend> {
    this.#frontend = await this.#openFrontend()
    return this.#frontend
  }

  get frontend (): LabFrontend {
    if (this.#frontend === undefined) throw new TypeError('the frontend is not deployed yet')
    return this.#frontend
  }

  /** Holds something to be true. @throws LabFailure with the fault, where there is one */
  hold (fault: string | undefined, claim: string): void {
    if (fault !== undefined) throw new LabFailure(`${claim}: ${fault}`)
    this.print.ok(claim)
  }

  /** Each client asks so many times; all of it is counted, printed and has to be answered. */
  async ask (times: number, path = '/'): Promise<readonly LabAnswer[]> {
    const answers = await this.frontend.clients.askInTurn(times, this.signal, path)
    this.print.fact(`${answers.length} requests for ${path}, ${times} by each of ${this.clients} clients: ${describeCounts(countByVersion(answers))}`)
    const fault = judgeFailures(answers)
    if (fault !== undefined) throw new LabFailure(fault)
    return answers
  }

  /** Clients ask while something changes, and until Weir knows what came of it; none of their requests may fail. */
  async change (change: () => Promise<void>): Promise<readonly LabAnswer[]> {
    const beganMs = performance.now()
    const answers = await this.frontend.clients.during(async () => {
      await change()
      await this.frontend.untilKnown(this.signal)
    })
    const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1)
    const fault = judgeFailures(answers)
    if (fault !== undefined) throw new LabFailure(`while it changed, ${fault}`)
    this.print.fact(`${answers.length} requests while it changed, in ${seconds} s: none failed`)
    return answers
  }

  /** Resolves when a Deployment is as it is asked to be. */
  async untilComplete (name: string): Promise<void> {
    await this.cluster.controller.until(() => this.cluster.controller.status(name).complete, this.signal)
  }

  /** Prints what `kubectl get deployment` would. */
  tell (name: string): DeploymentStatus {
    const status = this.cluster.controller.status(name)
    const versions = Object.entries(status.versions).map(([version, pods]) => `${pods} of ${version}`).join(', ')
    this.print.fact(`deployment ${name}: ${status.available} of ${status.replicas} available (${versions})`)
    return status
  }
}
