/**
 * The lab's cluster: Deployments, their ReplicaSets and pods, and the EndpointSlices of Services, as the controllers of Kubernetes keep
 * them. It is a play of what the lab shows and no more: pods are given by the one who makes the controller, and nothing is scheduled.
 */
import { createHash } from 'node:crypto'
import type { DeploymentManifest, LabManifest, Labels, ServiceManifest } from './lab-manifests.ts'
import { nextRolloutStep, scaleStandingStill, type RolloutGoal } from './lab-rollout.ts'

/** A pod as it is started. */
export interface PodPlan {
  readonly name: string
  readonly uid: string
  readonly address: string
  readonly labels: Labels
  /** The variables of its container. */
  readonly environment: Readonly<Record<string, string>>
}

/** What a pod tells. */
export interface PodEvents {
  /** Its readiness probe has begun to succeed, or to fail. */
  readonly ready: (ready: boolean) => void
  /** Its process is gone. @param how for people */
  readonly ended: (how: string) => void
}

export interface RunningPod {
  /** Deletes it: preStop, SIGTERM, the end of what is in flight. `ended` follows. */
  end (): void
}

export type StartPod = (plan: PodPlan, events: PodEvents) => RunningPod

/** An endpoint of an EndpointSlice (discovery.k8s.io/v1). */
export interface LabEndpoint {
  readonly addresses: readonly [string]
  readonly conditions: { readonly ready: boolean, readonly serving: boolean, readonly terminating: boolean }
  readonly targetRef: { readonly kind: 'Pod', readonly name: string, readonly namespace: string, readonly uid: string }
}

export interface ControllerPorts {
  readonly namespace: string
  readonly startPod: StartPod
  /** The Pod object of a pod is there, before it is in any slice, or is gone, after that. */
  readonly publishPod: (plan: PodPlan, state: 'there' | 'gone') => void
  /** The one slice of a Service. */
  readonly publish: (service: ServiceManifest, endpoints: readonly LabEndpoint[]) => void
  /** An address for the pod of this number, from 1 on. */
  readonly addressOf: (number: number) => string
}

interface Pod {
  readonly plan: PodPlan
  readonly number: number
  running: RunningPod | undefined
  ready: boolean
  /** It was ready once. */
  proven: boolean
  terminating: boolean
}

interface ReplicaSet {
  readonly labels: Labels
  readonly hash: string
  revision: number
  wanted: number
  pods: Pod[]
}

interface Deployment {
  readonly name: string
  readonly manifest: DeploymentManifest
  goal: RolloutGoal
  labels: Labels
  paused: boolean
  /** From the oldest revision on. */
  sets: ReplicaSet[]
}

/** What `kubectl get` and `kubectl rollout` tell of a Deployment. */
export interface DeploymentStatus {
  readonly replicas: number
  /** Ready, and not ending. */
  readonly available: number
  /** All that are not ending. */
  readonly pods: number
  /** Told to end, and not gone. */
  readonly ending: number
  /** Available pods by the label `version`. */
  readonly versions: Readonly<Record<string, number>>
  /** All pods that there are have the Deployment's template, are ready, and are as many as it asks for. */
  readonly complete: boolean
  /** The fewest that were available and the most that there were since `beginWatch`. */
  readonly fewest: number
  readonly most: number
}

/** More changes in a row than any rollout needs: a rule that contradicts another would go on for ever. */
const MAX_STEPS = 1_000

export class LabController {
  /** Pods that have ended without being told to, for people. */
  readonly lost: string[] = []
  readonly #ports: ControllerPorts
  readonly #deployments = new Map<string, Deployment>()
  readonly #services = new Map<string, ServiceManifest>()
  readonly #published = new Map<string, string>()
  readonly #watched = new Map<string, { fewest: number, most: number }>()
  readonly #waiting = new Set<() => void>()
  #started = 0
  #failure: Error | undefined

  constructor (ports: ControllerPorts) {
    this.#ports = ports
  }

  /** `kubectl apply` of objects that are new. */
  apply ({ deployments, services }: LabManifest): void {
    for (const service of services) this.#services.set(service.name, service)
    for (const manifest of deployments) {
      const { name, goal, labels } = manifest
      this.#deployments.set(name, { name, manifest, goal, labels, paused: false, sets: [] })
    }
    this.#reconcile()
  }

  /** `kubectl delete deployment`: its pods end. */
  remove (name: string): void {
    const deployment = this.#deployment(name)
    deployment.goal = { ...deployment.goal, replicas: 0 }
    deployment.paused = false
    this.#reconcile()
  }

  /** `kubectl scale`. */
  scale (name: string, replicas: number): void {
    const deployment = this.#deployment(name)
    deployment.goal = { ...deployment.goal, replicas }
    this.#reconcile()
  }

  /** `kubectl patch deployment` of the template's labels: another template is another ReplicaSet. */
  relabel (name: string, labels: Labels): void {
    const deployment = this.#deployment(name)
    deployment.labels = { ...deployment.labels, ...labels }
    this.#reconcile()
  }

  /** `kubectl rollout pause`. */
  pause (name: string): void {
    this.#deployment(name).paused = true
  }

  /** `kubectl rollout resume`. */
  resume (name: string): void {
    this.#deployment(name).paused = false
    this.#reconcile()
  }

  /**
   * `kubectl rollout undo`: the template of the revision before becomes that of the newest revision.
   * @throws Error as kubectl does, when it is paused or there is nothing before
   */
  undo (name: string): void {
    const deployment = this.#deployment(name)
    if (deployment.paused) throw new Error(`cannot rollback a paused deployment; resume it first with "kubectl rollout resume deployment/${name}"`)
    const before = deployment.sets.at(-2)
    if (before === undefined) throw new Error(`no rollout history found for deployment "${name}"`)
    deployment.labels = before.labels
    this.#reconcile()
  }

  /** `kubectl rollout history`: the revisions with the version of each, from the oldest on. */
  history (name: string): ReadonlyArray<{ readonly revision: number, readonly version: string }> {
    return this.#deployment(name).sets.map(({ revision, labels }) => ({ revision, version: labels['version'] ?? '' }))
  }

  /** `kubectl patch service` of its selector: other keys stay. */
  select (name: string, selector: Labels): void {
    const service = this.#services.get(name)
    if (service === undefined) throw new Error(`services "${name}" not found`)
    this.#services.set(name, { ...service, selector: { ...service.selector, ...selector } })
    this.#reconcile()
  }

  /** From now on `status` tells the fewest and the most pods of it. */
  beginWatch (name: string): void {
    this.#watched.delete(name)
    this.#watch(this.#deployment(name))
  }

  status (name: string): DeploymentStatus {
    const deployment = this.#deployment(name)
    const alive = living(deployment)
    const available = alive.filter(({ ready }) => ready)
    const fresh = deployment.sets.find(({ hash }) => hash === hashOf(deployment.labels))
    const versions = Object.groupBy(available, ({ plan }) => plan.labels['version'] ?? '')
    const watched = this.#watched.get(name)
    const { replicas } = deployment.goal
    return {
      replicas,
      available: available.length,
      pods: alive.length,
      ending: deployment.sets.flatMap(({ pods }) => pods).filter(({ terminating }) => terminating).length,
      versions: Object.fromEntries(Object.entries(versions).sort().map(([version, pods]) => [version, pods?.length ?? 0])),
      complete: alive.length === replicas && fresh?.pods.filter(({ ready, terminating }) => ready && !terminating).length === replicas,
      fewest: watched?.fewest ?? available.length,
      most: watched?.most ?? alive.length
    }
  }

  /** The addresses to which a Service sends requests, of pods that have these labels; none where there is no such Service. */
  readyAddresses (name: string, labels: Labels = {}): readonly string[] {
    const service = this.#services.get(name)
    if (service === undefined) return []
    return this.#endpointsOf(service.selector, labels).filter(({ conditions }) => conditions.ready).map(({ addresses }) => addresses[0])
  }

  /** Does any pod of the cluster still end? */
  get ending (): boolean {
    return [...this.#deployments.values()].some(({ name }) => this.status(name).ending > 0)
  }

  /**
   * Resolves when the condition holds; it is looked at after every change, before anything else can happen.
   * @throws Error when a pod can't be started, or the signal is aborted
   */
  async until (condition: () => boolean, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => { if (this.#failure !== undefined || signal.aborted || condition()) resolve() }
    this.#waiting.add(look)
    signal.addEventListener('abort', look)
    look()
    await promise
    this.#waiting.delete(look)
    signal.removeEventListener('abort', look)
    if (this.#failure !== undefined) throw this.#failure
    signal.throwIfAborted()
  }

  #deployment (name: string): Deployment {
    const deployment = this.#deployments.get(name)
    if (deployment === undefined) throw new Error(`deployments.apps "${name}" not found`)
    return deployment
  }

  /** Everything that follows from what is asked for and what the pods are; then those who wait are told. */
  #reconcile (): void {
    for (const deployment of this.#deployments.values()) {
      for (let steps = 0; this.#step(deployment); steps++) {
        if (steps === MAX_STEPS) throw new Error(`the rollout of ${deployment.name} comes to no end`)
      }
      this.#watch(deployment)
    }
    for (const service of this.#services.values()) this.#publish(service)
    for (const look of this.#waiting) look()
  }

  /** One change of a Deployment's ReplicaSets; false when there is none to make. */
  #step (deployment: Deployment): boolean {
    const { goal, labels, paused } = deployment
    const hash = hashOf(labels)
    let fresh = deployment.sets.find(set => set.hash === hash)
    const newest = Math.max(0, ...deployment.sets.map(({ revision }) => revision))
    const counts = deployment.sets.map(({ wanted }) => wanted)
    if (paused) return this.#resize(deployment, scaleStandingStill(goal, counts))
    if (fresh === undefined) {
      fresh = { labels, hash, revision: newest + 1, wanted: 0, pods: [] }
      deployment.sets.push(fresh)
    } else if (fresh.revision < newest) {
      // A template that comes back is the newest revision, and its old number is gone.
      fresh.revision = newest + 1
      deployment.sets = [...deployment.sets.filter(set => set !== fresh), fresh]
    }
    const old = deployment.sets.filter(set => set !== fresh)
    const next = nextRolloutStep(goal, countsOf(fresh), old.map(countsOf))
    return this.#resize(deployment, deployment.sets.map(set => set === fresh ? next.fresh : next.old[old.indexOf(set)] ?? 0))
  }

  /** Gives each ReplicaSet its number, and starts and ends pods until it has it. */
  #resize ({ name, manifest, sets }: Deployment, counts: readonly number[]): boolean {
    let changed = false
    sets.forEach((set, index) => {
      const wanted = counts[index] ?? 0
      changed ||= wanted !== set.wanted
      set.wanted = wanted
      const alive = set.pods.filter(({ terminating }) => !terminating)
      for (let count = alive.length; count < wanted; count++) this.#start(`${name}-${set.hash}`, manifest, set)
      // Those that are not ready go first, then the youngest, as ReplicaSets do it.
      const victims = alive.toSorted((left, right) => Number(left.ready) - Number(right.ready) || right.number - left.number)
      for (const pod of victims.slice(0, Math.max(0, alive.length - wanted))) {
        pod.terminating = true
        pod.running?.end()
      }
    })
    return changed
  }

  #start (prefix: string, { variables }: DeploymentManifest, set: ReplicaSet): void {
    const number = ++this.#started
    const { labels } = set
    const environment = Object.fromEntries(variables.map(variable =>
      [variable.name, 'value' in variable ? variable.value : labels[variable.label] ?? '']))
    const plan = { name: `${prefix}-${number}`, uid: `pod-${number}`, address: this.#ports.addressOf(number), labels, environment }
    const pod: Pod = { plan, number, running: undefined, ready: false, proven: false, terminating: false }
    set.pods.push(pod)
    this.#ports.publishPod(plan, 'there')
    pod.running = this.#ports.startPod(plan, {
      ready: ready => {
        pod.ready = ready
        pod.proven ||= ready
        this.#reconcile()
      },
      ended: how => { this.#onEnded(set, pod, how) }
    })
  }

  #onEnded (set: ReplicaSet, pod: Pod, how: string): void {
    set.pods = set.pods.filter(each => each !== pod)
    if (!pod.terminating) {
      this.lost.push(`${pod.plan.name}: ${how}`)
      // One that never worked would be started for ever.
      if (!pod.proven) this.#failure ??= new Error(`the pod ${pod.plan.name} ended before it was ready: ${how}`)
    }
    if (this.#failure === undefined) this.#reconcile()
    else for (const look of this.#waiting) look()
    this.#ports.publishPod(pod.plan, 'gone')
  }

  #watch (deployment: Deployment): void {
    const alive = living(deployment)
    const available = alive.filter(({ ready }) => ready).length
    const known = this.#watched.get(deployment.name) ?? { fewest: available, most: alive.length }
    this.#watched.set(deployment.name, { fewest: Math.min(known.fewest, available), most: Math.max(known.most, alive.length) })
  }

  /** As the EndpointSlice controller: pods that end are there until they are gone, and ready is never true of them. */
  #endpointsOf (...selectors: readonly Labels[]): readonly LabEndpoint[] {
    return [...this.#deployments.values()].flatMap(({ sets }) => sets).flatMap(({ pods }) => pods)
      .filter(({ plan: { labels } }) => selectors.every(selector => hasLabels(labels, selector)))
      .map(({ plan, ready, terminating }) => ({
        addresses: [plan.address],
        conditions: { ready: ready && !terminating, serving: ready, terminating },
        targetRef: { kind: 'Pod', name: plan.name, namespace: this.#ports.namespace, uid: plan.uid }
      }))
  }

  #publish (service: ServiceManifest): void {
    const endpoints = this.#endpointsOf(service.selector)
    const text = JSON.stringify(endpoints)
    if (this.#published.get(service.name) === text) return
    this.#published.set(service.name, text)
    this.#ports.publish(service, endpoints)
  }
}

function hasLabels (labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value)
}

function living ({ sets }: Deployment): readonly Pod[] {
  return sets.flatMap(({ pods }) => pods).filter(({ terminating }) => !terminating)
}

function countsOf ({ wanted, pods }: ReplicaSet) {
  return { wanted, available: pods.filter(({ ready, terminating }) => ready && !terminating).length }
}

/** As pod-template-hash: equal for equal templates. */
function hashOf (labels: Labels): string {
  return createHash('sha256').update(JSON.stringify(Object.entries(labels).sort())).digest('hex').slice(0, 8)
}
