/**
 * A pod of the lab: hello-server.ts as a process of its own, on an address of loopback, with what a kubelet does for it: a readiness probe,
 * and preStop, SIGTERM and SIGKILL at its end.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import http from 'node:http'
import path from 'node:path'
import { NODE, NODE_FIRST } from '../../../test/helpers/bare-node.ts'
import { childEnvironment } from '../../../test/helpers/child-environment.ts'
import { endWithParent } from '../../../test/helpers/end-with-parent.ts'
import type { PodEvents, PodPlan, RunningPod } from './lab-controller.ts'

const SERVER = path.join(import.meta.dirname, 'hello-server.ts')

/** Until it is ready, and then. The manifests say 2 s. */
const PROBE_MS = 100
const PROBE_READY_MS = 1_000
const PROBE_TIMEOUT_MS = 5_000
/** So many failures in a row make a pod not ready, as Kubernetes has it by default. */
const PROBE_FAILURES = 3
/** The manifests say 5 s: there is no kube-proxy here that has to hear of it too. */
export const PRE_STOP_MS = 1_000
/** The manifests say 40 s. No answer of the lab takes so long. */
const GRACE_MS = 10_000
/** Of what a pod says on standard error, for the message when it ends by itself. */
const MAX_SAID = 2_000

/** What the lab changes of every pod: the one port that is free on all addresses, in the place of 8080. */
export interface PodSettings {
  readonly port: number
  /** More variables, from the lab's own environment. */
  readonly environment: Readonly<Record<string, string>>
}

/** All pods that there are, so that none is left behind. */
export class LabPods {
  readonly #settings: PodSettings
  readonly #children = new Set<ChildProcess>()
  #over = false

  constructor (settings: PodSettings) {
    this.#settings = settings
    process.on('exit', () => { this.#kill() })
  }

  /** Starts one. Its events come later, never at once. */
  start (plan: PodPlan, events: PodEvents): RunningPod {
    const { port, environment } = this.#settings
    const own = { ...plan.environment, ...environment, HELLO_ADDRESS: plan.address, HELLO_PORT: String(port) }
    // A process group of its own: a Ctrl-C is for the lab, which ends its pods in order.
    const child = spawn(NODE, [...NODE_FIRST, ...endWithParent(), SERVER], {
      env: childEnvironment(own), stdio: ['ignore', 'ignore', 'pipe'], detached: true
    })
    this.#children.add(child)
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-MAX_SAID) })
    const probe = new ReadinessProbe(`http://${plan.address}:${port}/healthz`, events.ready)
    const timers: NodeJS.Timeout[] = []
    let over = false
    const end = (how: string): void => {
      if (over) return
      over = true
      this.#children.delete(child)
      probe.stop()
      timers.forEach(clearTimeout)
      if (!this.#over) events.ended(how)
    }
    child.once('error', error => { end(error.message) })
    child.once('close', (code, signal) => { end(`${signal ?? `exit code ${code}`}${said === '' ? '' : `: ${said.trim()}`}`) })
    return {
      end: () => {
        timers.push(setTimeout(() => { child.kill('SIGTERM') }, PRE_STOP_MS))
        timers.push(setTimeout(() => { child.kill('SIGKILL') }, PRE_STOP_MS + GRACE_MS))
      }
    }
  }

  /** Ends all at once, and resolves when they are gone. */
  async close (): Promise<void> {
    this.#over = true
    const gone = [...this.#children].map(async child => {
      await new Promise<void>(resolve => { child.once('close', () => { resolve() }) })
    })
    this.#kill()
    await Promise.all(gone)
  }

  #kill (): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}

/** Asks again and again, and tells when the answer changes. */
class ReadinessProbe {
  readonly #url: string
  readonly #tell: (ready: boolean) => void
  #timer: NodeJS.Timeout
  #ready = false
  #failures = 0
  #stopped = false

  constructor (url: string, tell: (ready: boolean) => void) {
    this.#url = url
    this.#tell = tell
    this.#timer = setTimeout(() => { this.#ask() }, PROBE_MS)
  }

  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #ask (): void {
    const request = http.get(this.#url, { agent: false, timeout: PROBE_TIMEOUT_MS }, response => {
      response.resume()
      this.#answered(response.statusCode === 200)
    })
    request.once('timeout', () => { request.destroy() })
    request.once('error', () => { this.#answered(false) })
  }

  #answered (ready: boolean): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => { this.#ask() }, ready ? PROBE_READY_MS : PROBE_MS)
    this.#failures = ready ? 0 : this.#failures + 1
    if (ready === this.#ready || (!ready && this.#failures < PROBE_FAILURES)) return
    this.#ready = ready
    this.#tell(ready)
  }
}
