/** Pods with addresses of their own, an API server that tells of them, and a Weir that follows it. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { failureLog } from './chaos-losses.ts'
import { freePort } from './free-port.ts'
import { KubeApiServer } from './kube-api-server.ts'
import { startPod, type Pod } from './pod.ts'
import { eventually, startWeir, temporaryDirectory, type PlainConfig, type WeirProcess } from './weir-process.ts'

/** The conditions of an endpoint. */
export interface Conditions {
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
}

interface RouteBody {
  readonly versions: ReadonlyArray<{ readonly endpoints: ReadonlyArray<{ readonly address: string, readonly ready: boolean }> }>
}

interface ExplainBody {
  readonly workers?: readonly unknown[]
}

const WORKERS = 2

const READY: Conditions = { ready: true, serving: true, terminating: false }

/** Told to end, and still serving. */
export const TERMINATING: Conditions = { ready: false, serving: true, terminating: true }

/** Told to end, and its readiness probe fails. */
export const UNREADY: Conditions = { ready: false, serving: false, terminating: true }

export class Deployment {
  readonly server: KubeApiServer
  /** All pods that there were. */
  readonly pods: Pod[] = []
  readonly #t: Test
  readonly #directory: string
  readonly #port: number
  readonly #workMs: number
  /** Those of the slice. */
  readonly #endpoints = new Map<Pod, Conditions>()
  /** What slices say of pods. */
  readonly #references = new Map<Pod, object>()
  #started = 0

  /** Use Deployment.start. */
  constructor (t: Test, server: KubeApiServer, { directory, port, workMs }: { readonly directory: string, readonly port: number, readonly workMs: number }) {
    this.server = server
    this.#t = t
    this.#directory = directory
    this.#port = port
    this.#workMs = workMs
  }

  /** @param workMs how long a request takes */
  static async start (t: Test, workMs: number): Promise<Deployment> {
    const directory = await temporaryDirectory(t)
    const server = await KubeApiServer.start()
    t.teardown(async () => { await server.stop() })
    const deployment = new Deployment(t, server, { directory, port: await freePort(), workMs })
    await writeFile(deployment.journal, '')
    server.createSlice(deployment.#slice())
    return deployment
  }

  get journal (): string { return path.join(this.#directory, 'journal') }
  get accessLog (): string { return path.join(this.#directory, 'access.log') }
  /** Those that the slice names. */
  get listed (): readonly Pod[] { return [...this.#endpoints.keys()] }

  /** Starts Weir with one route, to these pods, and waits until it is ready. */
  async follow (route: PlainConfig = {}, config: PlainConfig = {}): Promise<WeirProcess> {
    const kubeconfig = path.join(this.#directory, 'kubeconfig')
    await writeFile(kubeconfig, this.server.kubeconfig())
    const weir = await startWeir(this.#t, {
      directory: this.#directory,
      config: () => ({
        workers: WORKERS,
        kubernetes: { kubeconfig, allowAddresses: ['127.0.0.0/8'] },
        accessLog: failureLog(this.accessLog),
        routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { service: 'web', port: 'http' } }], ...route }],
        ...config
      })
    })
    await weir.untilReadiness(200)
    return weir
  }

  /** Starts a pod. Nobody is told. */
  async start (): Promise<Pod> {
    const number = ++this.#started
    const address = `127.0.${1 + (number >> 7)}.${1 + number % 128}`
    const pod = await startPod(this.#t, { name: `pod-${number}`, address, port: this.#port, journal: this.journal, workMs: this.#workMs })
    this.pods.push(pod)
    this.#references.set(pod, this.server.pods.create({ name: pod.spec.name }))
    return pod
  }

  /** What `kubectl label` does. */
  label ({ spec }: Pod, labels: Readonly<Record<string, string>>): void {
    this.server.pods.label(spec.name, labels)
  }

  /** Starts a pod that is ready. */
  async add (): Promise<Pod> {
    const pod = await this.start()
    this.tell(pod, READY)
    return pod
  }

  /** Tells of the state of a pod; undefined takes it off the list. */
  tell (pod: Pod, conditions: Conditions | undefined): void {
    if (conditions === undefined) this.#endpoints.delete(pod)
    else this.#endpoints.set(pod, conditions)
    this.server.patchSlice(this.#slice())
  }

  /** The Service selects these pods now, all of them ready, and no other: one event, as the controller of EndpointSlices makes it. */
  select (pods: readonly Pod[]): void {
    this.#endpoints.clear()
    for (const pod of pods) this.#endpoints.set(pod, READY)
    this.server.patchSlice(this.#slice())
  }

  /** Resolves when each worker of Weir has been told that these pods are all there are. */
  async untilSelected (weir: WeirProcess, pods: readonly Pod[]): Promise<void> {
    const wanted = pods.map(({ spec }) => spec.address).sort().join()
    await this.#untilTold(weir, endpoints => endpoints.map(({ address }) => address).sort().join() === wanted)
  }

  /** Resolves when each worker of Weir has been told that the pod is not ready any more. */
  async untilKnown (weir: WeirProcess, { spec }: Pod): Promise<void> {
    await this.#untilTold(weir, endpoints => endpoints.some(({ address, ready }) => address === spec.address && !ready))
  }

  async #untilTold (weir: WeirProcess, told: (endpoints: RouteBody['versions'][number]['endpoints']) => boolean): Promise<void> {
    await eventually(async () => {
      const { body } = await weir.api('GET', '/v1/routes/hello')
      const { versions } = body as RouteBody // as its schema has it
      return versions[0] !== undefined && told(versions[0].endpoints) ? true : undefined
    })
    // A worker answers this after it has read what came before. One that is busy is left out of the answer.
    await eventually(async () => {
      const { body } = await weir.api('GET', '/v1/routes/hello/explain?ip=127.0.0.1')
      const { workers } = body as ExplainBody // as its schema has it
      return workers?.length === WORKERS ? true : undefined
    })
  }

  #slice () {
    const endpoints = [...this.#endpoints].map(([pod, conditions]) => ({
      addresses: [pod.spec.address], conditions: { ...conditions }, targetRef: this.#references.get(pod)
    }))
    return { name: 'web-a', service: 'web', endpoints, ports: [{ name: 'http', protocol: 'TCP', port: this.#port }] }
  }
}
