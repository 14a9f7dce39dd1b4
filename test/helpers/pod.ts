import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Test } from 'tap'
import { NODE, NODE_FIRST } from './bare-node.ts'
import { childEnvironment } from './child-environment.ts'

/** What a pod does with requests. */
export type PodBehaviour = 'ok' | 'unavailable' | 'hang' | 'reset' | 'garbage'

export interface PodSpec {
  /** What it answers. */
  readonly name: string
  readonly address: string
  readonly port: number
  /** The file with what was executed. */
  readonly journal: string
  /** How long a request takes. */
  readonly workMs: number
}

/** A server in a process of its own. */
export class Pod {
  readonly spec: PodSpec
  /** When it was told to end, and when it was seen to be gone, by performance.now(); Infinity before. */
  endingMs = Number.POSITIVE_INFINITY
  goneMs = Number.POSITIVE_INFINITY
  /** How it was told to end. */
  signal: 'SIGTERM' | 'SIGKILL' | undefined
  readonly #child: ChildProcess

  constructor (spec: PodSpec, child: ChildProcess) {
    this.spec = spec
    this.#child = child
  }

  get endpoint (): string { return `${this.spec.address}:${this.spec.port}` }

  /** Resolves when it does. */
  async behave (behaviour: PodBehaviour): Promise<void> {
    const done = once(this.#child, 'message')
    this.#child.send(behaviour)
    await done
  }

  /** Resolves when the process is gone. */
  async end (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.endingMs = Math.min(this.endingMs, performance.now())
    this.signal = signal
    this.#child.kill(signal)
    await exit
    this.goneMs = performance.now()
  }
}

/** Starts a pod and waits until it listens. It ends with the test. */
export async function startPod (t: Test, spec: PodSpec): Promise<Pod> {
  const child = fork(path.join(import.meta.dirname, 'pod-process.ts'), [JSON.stringify(spec)], { execPath: NODE, execArgv: [...NODE_FIRST], env: childEnvironment(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const pod = new Pod(spec, child)
  t.teardown(async () => { await pod.end('SIGKILL') })
  const [said]: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (said !== 'listening') throw new Error(`the pod ${spec.name} ended with ${String(said)} before it listened`)
  return pod
}
