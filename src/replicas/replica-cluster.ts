/**
 * All replicas of this Weir: finds them, looks at each of them every few seconds, and answers for all together.
 *
 * They are looked at in the background, not when somebody asks: since when one is behind or silent is only known to who has watched, and a
 * scrape then costs nothing. Each has a time of its own, so that a hundred of them are no burst, and a slow one is no queue.
 */
import type { Clock, TimerHandle } from '../core/clock.ts'
import { type Endpoint, endpointKey } from '../core/endpoint.ts'
import type { Logger } from '../core/logger.ts'
import type { EndpointSource } from '../discovery/endpoint-source.ts'
import { ClusterFacts, type ClusterRoute } from './cluster-facts.ts'
import { Convergence, type AwaitedChange, type ConvergenceReceipt } from './convergence.ts'
import { EvidenceGatherer, type LedRollout } from './evidence-gatherer.ts'
import type { OwnFacts } from './own-facts.ts'
import { PeerClient, type PeerFault } from './peer-client.ts'
import { ProofGate } from './proof-gate.ts'
import { ReplicaBook, type KnownReplica } from './replica-book.ts'
import { ReplicaMembers } from './replica-members.ts'
import type { ReplicaSecret } from './replica-secret.ts'

interface ReplicaClusterDeps {
  readonly clock: Clock
  /** Throttled: anybody who may write slices could make it say much. */
  readonly log: Logger
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly own: OwnFacts
  readonly secret: ReplicaSecret
  /** The port of the admin API in the slices of the Service. */
  readonly source: EndpointSource
  /** The rollouts whose steps this replica makes. */
  readonly led: () => readonly LedRollout[]
}

/** Between two looks at a replica; a fifth more or less, so that they don't fall in step. */
const LOOK_EVERY_MS = 5_000
const JITTER = 0.2
/** After the first of a row of looks that fail: it may have been a moment's matter. */
const LOOK_AGAIN_MS = 1_000
const LOOK_MS = 2_000

export class ReplicaCluster {
  readonly #deps: ReplicaClusterDeps
  readonly #members: ReplicaMembers
  readonly #book: ReplicaBook
  readonly #client: PeerClient
  readonly #convergence: Convergence
  readonly #facts: ClusterFacts
  readonly #gatherer: EvidenceGatherer
  /** By address, the next look. */
  readonly #timers = new Map<string, TimerHandle>()
  /** Addresses whose fault was told in the log. */
  readonly #told = new Set<string>()
  #sharedNames: ReadonlySet<string> = new Set()
  /** Why others may be unknown, as it was told last. */
  #doubt = ''
  #doubtTimer: TimerHandle | undefined
  #stopped = false
  /** Who may ask this replica. */
  readonly gate: ProofGate

  constructor (deps: ReplicaClusterDeps) {
    const { clock, log, own, secret, source, led } = deps
    this.#deps = deps
    this.#members = new ReplicaMembers(source, log)
    this.#book = new ReplicaBook(clock, { facts: () => own.facts(), routes: () => own.routes() })
    this.#client = new PeerClient({ secret, clock })
    this.gate = new ProofGate({ secret, clock, log })
    const parts = { clock, own, members: this.#members, book: this.#book, client: this.#client }
    this.#convergence = new Convergence(parts)
    this.#facts = new ClusterFacts(parts)
    this.#gatherer = new EvidenceGatherer({ ...parts, ownId: own.id, led })
  }

  start (): void {
    this.#members.subscribe(({ set, gone }) => {
      for (const key of gone) this.#forget(key)
      for (const endpoint of set) this.#take(endpoint)
    })
    this.#members.start()
    this.#gatherer.start()
    this.#watchDoubt()
  }

  /** Ends everything; who is asked by others still answers. */
  async stop (): Promise<void> {
    this.#stopped = true
    this.#members.stop()
    this.#gatherer.stop()
    this.#doubtTimer?.cancel()
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await this.#client.close()
  }

  /** This replica first, and why there may be others; undefined when all are known. */
  list (): { readonly replicas: readonly KnownReplica[], readonly unknown: string | undefined } {
    return { replicas: this.#book.all(), unknown: this.#members.doubt()?.reason }
  }

  /** Resolves when all ready replicas apply a change, or the time is over. Never rejects. */
  async converge (change: AwaitedChange): Promise<ConvergenceReceipt> {
    return await this.#convergence.until(change)
  }

  /** What all replicas have of a route; undefined when this one has no such route. */
  async route (name: string): Promise<ClusterRoute | undefined> {
    return await this.#facts.route(name)
  }

  #take (endpoint: Endpoint): void {
    const key = endpointKey(endpoint)
    this.#book.put(endpoint)
    if (!this.#timers.has(key)) void this.#look(key)
  }

  #forget (key: string): void {
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
    this.#told.delete(key)
    this.#book.remove(key)
    this.#gatherer.forget(key)
    this.#client.forget(key)
  }

  async #look (key: string): Promise<void> {
    const endpoint = this.#members.get(key)
    if (endpoint === undefined || this.#stopped) return
    // Marks it as looked at until the next one is due.
    const mark = { cancel: () => {} }
    this.#timers.set(key, mark)
    const reply = await this.#client.ask(endpoint, { query: {}, timeoutMs: LOOK_MS, kind: 'look' })
    if (this.#timers.get(key) !== mark) return
    let againMs = LOOK_EVERY_MS
    if (reply.ok) {
      this.#book.answered(key, reply.answer)
      this.#tellOfAnswer(key)
      this.#tellOfNames()
    } else if (this.#book.failed(key, reply.fault)) {
      againMs = LOOK_AGAIN_MS
    } else {
      this.#tellOfFault(key, reply.fault)
    }
    const { clock, random } = this.#deps
    this.#timers.set(key, clock.after(againMs * (1 + JITTER * (2 * random() - 1)), () => { void this.#look(key) }))
  }

  /** Nothing tells when it comes to be known, or not, whether these are all. */
  #watchDoubt (): void {
    this.#doubtTimer = this.#deps.clock.after(LOOK_EVERY_MS, () => {
      const doubt = this.#members.doubt()?.reason ?? ''
      if (doubt !== this.#doubt) {
        if (doubt === '') this.#deps.log.info('all replicas are known now', { replicas: this.#members.all().length })
        else this.#deps.log.warn('there may be replicas that are not known: ?wait=all does not vouch for them, and no version is safe to scale down', { reason: doubt })
      }
      this.#doubt = doubt
      this.#watchDoubt()
    })
  }

  /** At the second look that fails: a pod that starts or ends is not worth a word. */
  #tellOfFault (key: string, { reason }: PeerFault): void {
    if (this.#told.has(key)) return
    this.#told.add(key)
    const name = this.#book.factsOf(key)?.name
    this.#deps.log.warn('a replica can\'t be asked what it applies', { endpoint: key, ...(name === undefined ? {} : { replica: name }), reason })
  }

  #tellOfAnswer (key: string): void {
    if (!this.#told.delete(key)) return
    this.#deps.log.info('a replica can be asked again', { endpoint: key, replica: this.#book.factsOf(key)?.name ?? '' })
  }

  #tellOfNames (): void {
    const shared = this.#book.sharedNames()
    for (const name of shared) {
      if (!this.#sharedNames.has(name)) this.#deps.log.warn('two replicas have the same name: give each a replicas.name of its own, such as that of its pod', { replica: name })
    }
    this.#sharedNames = shared
  }
}
