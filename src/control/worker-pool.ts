/**
 * The workers: starts them, tells them what changes, replaces those that die, and lets them drain.
 *
 * The pool remembers the latest of everything it was told, so that a replacement gets the whole state before it listens.
 */
import type { ListenerSpec, TlsMaterial } from '../contract/listener-spec.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/clock.ts'
import { type Endpoint, type EndpointChange, EndpointSet } from '../core/endpoint.ts'
import { Random } from '../core/random.ts'
import { VersionMap } from '../core/version-map.ts'
import { ConnectionLedger, createLedgerMemory } from '../downstream/connection-ledger.ts'
import type { RouteSplit, SplitPublisher, SplitReceipt } from '../rollout/traffic-state.ts'
import type {
  AccessLogMessage,
  CertificatesMessage,
  ControlMessage,
  ChecksMessage,
  EjectMessage,
  EvidenceMessage,
  FailedCheck,
  HealthMessage,
  ListMessage,
  LogMessage,
  RoutesMessage,
  ShadowMessage,
  SingleMessage,
  SplitMessage,
  TicketKeysMessage,
  WorkerMessage
} from '../contract/messages.ts'
import type { CounterBook } from '../telemetry/counter-book.ts'
import type { Logger } from '../core/logger.ts'
import { ShadowBook } from './shadow-book.ts'
import { SplitReceipts } from './split-receipts.ts'
import { type EvidenceListener, WorkerWatches } from './worker-watches.ts'
import { WorkerInquiries } from './worker-inquiries.ts'
import type { RunningWorker, WorkerThreadEvents } from './worker-thread.ts'
import type { RouteWatch } from '../contract/rollout-watch.ts'
import type { RouteSpec } from '../contract/route-spec.ts'
import type { DataPlaneOptions, IoChoice, IoMode, WorkerData } from '../contract/data-plane-options.ts'

export interface WorkerPoolDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly book: CounterBook
  /** Starts a thread. */
  readonly spawn: (data: WorkerData, startedMs: number, events: WorkerThreadEvents) => RunningWorker
  /** Takes a batch of access log lines; `done` when they are written or dropped. */
  readonly appendAccessLog: (lines: Uint8Array, done: () => void) => void
  /** Takes down what workers know of endpoints. */
  readonly health: {
    report (worker: number, message: HealthMessage): void
    /** The worker has ended. */
    forget (worker: number): void
  }
  /** A worker died and is replaced. */
  readonly onRestart: () => void
  /** How the workers' streams reach the kernel: `events` when anything of one of them does. */
  readonly onIo: (mode: IoMode) => void
}

export interface WorkerPoolShape {
  readonly count: number
  readonly listeners: readonly ListenerSpec[]
  readonly reusePort: boolean
  /** What the configuration says of the way that streams take. */
  readonly io: IoChoice
  /** Tells this process from all others; nothing does by default. */
  readonly instance?: string
}

const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 5_000
/** A worker that has not drained so long after it should have is stuck. */
const STUCK_MS = 2_000
/** A worker that has lived so long dies of something new. */
const STABLE_MS = 10_000

export class WorkerPool implements SplitPublisher {
  readonly #deps: WorkerPoolDeps
  readonly #shape: WorkerPoolShape
  readonly #ledger: SharedArrayBuffer
  readonly #threads = new Map<number, RunningWorker>()
  readonly #listening = new Set<number>()
  /** By worker. */
  readonly #io = new Map<number, IoMode>()
  readonly #receipts: SplitReceipts
  readonly inquiries: WorkerInquiries
  readonly #watches: WorkerWatches
  /** What has come of copies, and who may have some. */
  readonly shadow: ShadowBook
  readonly #splits = new Map<string, RouteSplit>()
  readonly #endpoints = new VersionMap<EndpointSet>()
  readonly #checks = new VersionMap<ChecksMessage>()
  /** By route and list. */
  readonly #lists = new VersionMap<ListMessage>()
  /** By listener. */
  readonly #certificates = new Map<string, CertificatesMessage>()
  #ticketKeys: TicketKeysMessage | undefined
  /** By worker, what is to be sent as one message; null when each is sent by itself. */
  #gathered: Map<RunningWorker, SingleMessage[]> | null = null
  #options: DataPlaneOptions
  #specs: readonly RouteSpec[] = []
  #backoffMs = FIRST_BACKOFF_MS
  /** The listeners are to be open: a replacement opens them too. */
  #open = false
  #stopping = false
  #onListening: (() => void) | undefined
  #onListenFailed: ((error: Error) => void) | undefined
  readonly #drained = new Map<number, number>()
  #onDrained: (() => void) | undefined

  constructor (deps: WorkerPoolDeps, shape: WorkerPoolShape, options: DataPlaneOptions) {
    this.#deps = deps
    this.#shape = shape
    this.#ledger = createLedgerMemory(shape.count, shape.listeners.length, new Random())
    this.#options = options
    this.inquiries = new WorkerInquiries(deps.clock, {
      ids: () => [...this.#threads.keys()],
      tell: message => { this.#broadcast(message) }
    })
    this.#watches = new WorkerWatches(deps.clock)
    this.shadow = new ShadowBook(deps.clock)
    this.#receipts = new SplitReceipts(deps.clock, {
      workers: shape.count,
      applied: (route, epoch) => this.#appliedCount(route, epoch)
    })
  }

  get workerCount (): number { return this.#shape.count }

  /** Are all listeners of at least one worker open? */
  get accepting (): boolean { return this.#listening.size > 0 && !this.#stopping }

  /** The running workers, for /metrics. */
  workers (): ReadonlyArray<{ readonly id: number, readonly appliedEpoch: (route: string) => number | undefined }> {
    return [...this.#threads.values()].map(({ id, appliedEpochs }) => ({ id, appliedEpoch: route => appliedEpochs.get(route) }))
  }

  /** Starts the threads; they load while the control plane goes on. */
  start (): void {
    for (let id = 0; id < this.#shape.count; id++) this.#spawn(id)
  }

  /**
   * Opens the listeners, once everything the workers have to know has been sent.
   * @throws Error when a listener can't be opened
   */
  listen (): Promise<void> {
    this.#open = true
    return new Promise((resolve, reject) => {
      this.#onListening = () => { if (this.#listening.size === this.#shape.count) resolve() }
      this.#onListenFailed = reject
      for (const thread of this.#threads.values()) thread.send(this.#listenMessage())
    })
  }

  #listenMessage (): ControlMessage {
    return { type: 'listen', listeners: this.#shape.listeners, reusePort: this.#shape.reusePort }
  }

  publish (split: RouteSplit, timeoutMs: number): Promise<SplitReceipt> {
    this.#tellMirror(split)
    this.#splits.set(split.route, split)
    this.#deps.log.debug('weights are sent to the workers', { route: split.route, epoch: split.epoch })
    this.#broadcast(splitMessage(split))
    return this.#receipts.wait(split, timeoutMs)
  }

  /** Resolves when all workers have applied this epoch of a route or a later one, or the time is over; sends nothing. */
  async untilApplied (route: string, epoch: number, timeoutMs: number): Promise<SplitReceipt> {
    return await this.#receipts.wait({ route, epoch }, timeoutMs)
  }

  /** Says what the workers look at on a route while a rollout of it runs; null ends it. */
  watch (route: string, watch: RouteWatch | null): void {
    this.#broadcast(this.#watches.watch(route, watch))
  }

  /** Hears what the workers see of watched routes, about ten times a second. Returns a function that ends it. */
  onEvidence (listener: EvidenceListener): () => void {
    return this.#watches.subscribe(listener)
  }

  /** Takes an endpoint out of use for a while in every worker, as far as the rules of ejection allow it there. */
  eject (ejection: Omit<EjectMessage, 'type'>): void {
    this.#broadcast(this.#watches.eject(ejection))
  }

  /** What `work` tells the workers, they act on in one turn: no request meets half of it. Sent even if `work` throws. */
  together (work: () => void): void {
    if (this.#gathered !== null) return work()
    const gathered = this.#gathered = new Map()
    try {
      work()
    } finally {
      this.#gathered = null
      for (const [thread, messages] of gathered) thread.send({ type: 'together', messages })
    }
  }

  #send (thread: RunningWorker, message: SingleMessage): void {
    if (this.#gathered === null) return thread.send(message)
    const messages = this.#gathered.get(thread) ?? []
    messages.push(message)
    this.#gathered.set(thread, messages)
  }

  /** Tells all endpoints of a version. */
  sendEndpoints (route: string, version: string, endpoints: readonly Endpoint[]): void {
    this.#deps.log.debug('endpoints are sent to the workers', { route, version, endpoints: endpoints.length })
    this.#endpointsOf(route, version).replace(endpoints)
    this.#broadcast({ type: 'endpoints', route, version, endpoints })
  }

  /** Tells what is different about the endpoints of a version. */
  sendEndpointChange (route: string, version: string, change: EndpointChange): void {
    this.#deps.log.debug('changed endpoints are sent to the workers', { route, version, set: change.set.length, gone: change.gone.length })
    this.#endpointsOf(route, version).apply(change)
    this.#broadcast({ type: 'endpoint-change', route, version, change })
  }

  #endpointsOf (route: string, version: string): EndpointSet {
    return this.#endpoints.getOrCreate(route, version, () => new EndpointSet())
  }

  /** Tells what the active checks of a version find to fail. */
  sendChecks (route: string, version: string, failing: readonly FailedCheck[]): void {
    const message: ChecksMessage = { type: 'checks', route, version, failing }
    this.#deps.log.debug('what fails its active check is sent to the workers', { route, version, failing: failing.length })
    this.#checks.set(route, version, message)
    this.#broadcast(message)
  }

  /** Tells who is on a list. It need not be told again when that changes in the table. */
  sendList (route: string, list: string, table: SharedArrayBuffer): void {
    const message: ListMessage = { type: 'list', route, list, table }
    this.#lists.set(route, list, message)
    this.#broadcast(message)
  }

  /** Tells what a listener speaks TLS with. */
  sendCertificates (listener: string, material: TlsMaterial): void {
    const message: CertificatesMessage = { type: 'certificates', listener, material }
    this.#certificates.set(listener, message)
    this.#broadcast(message)
  }

  /** Tells the keys of session tickets. */
  sendTicketKeys (keys: Uint8Array): void {
    this.#ticketKeys = { type: 'ticket-keys', keys }
    this.#broadcast(this.#ticketKeys)
  }

  /** Puts routes and options in force. Endpoints and splits of new routes have to be sent before. */
  sendRoutes (options: DataPlaneOptions, specs: readonly RouteSpec[]): void {
    this.#options = options
    this.#specs = specs
    this.#forgetMissing()
    for (const thread of this.#threads.values()) this.#send(thread, this.#routesMessage(thread.id))
    // How copies are made and compared is what the file says, also where a rollout says whose.
    for (const split of this.#splits.values()) this.#tellMirror(split)
  }

  #tellMirror (split: RouteSplit): void {
    const mirror = this.shadow.step(split, this.#specs.find(({ name }) => name === split.route)?.mirror ?? null)
    if (mirror !== undefined) this.#broadcast(mirror)
  }

  #routesMessage (id: number): RoutesMessage {
    return { type: 'routes', options: this.#options, routes: this.#specs, segments: this.#deps.book.segmentsOf(id) }
  }

  #forgetMissing (): void {
    const names = new Set(this.#specs.map(({ name }) => name))
    for (const name of this.#splits.keys()) if (!names.has(name)) this.#splits.delete(name)
    this.#endpoints.retain(this.#specs)
    this.#checks.retain(this.#specs)
    this.#lists.retain(this.#specs.map(({ name, placement }) => ({ name, versions: placement?.lists ?? [] })))
    this.#watches.retain(names)
    this.shadow.retain(names)
    for (const { appliedEpochs } of this.#threads.values()) {
      for (const name of appliedEpochs.keys()) if (!names.has(name)) appliedEpochs.delete(name)
    }
  }

  #broadcast (message: SingleMessage): void {
    for (const thread of this.#threads.values()) this.#send(thread, message)
  }

  #spawn (id: number): void {
    const { page } = this.#deps.book.addWorker(id)
    const thread = this.#deps.spawn({
      workerId: id, page, ledger: this.#ledger, io: this.#shape.io, instance: this.#shape.instance ?? ''
    }, this.#deps.clock.nowMs(), {
      onMessage: (from, message) => { this.#onMessage(from, message) },
      onExit: (from, reason) => { this.#onExit(from, reason) }
    })
    this.#threads.set(id, thread)
    // The first message makes the worker; the rest finds it whole.
    thread.send({ type: 'routes', options: this.#options, routes: [], segments: [] })
  }

  /** Brings a replacement up to the state of its peers. */
  #bringUp (thread: RunningWorker): void {
    for (const [ref, endpoints] of this.#endpoints.entries()) thread.send({ type: 'endpoints', ...ref, endpoints: [...endpoints.values()] })
    for (const [, message] of this.#checks.entries()) thread.send(message)
    for (const [, message] of this.#lists.entries()) thread.send(message)
    for (const split of this.#splits.values()) thread.send(splitMessage(split))
    for (const message of this.#watches.watches) thread.send(message)
    for (const message of this.shadow.orders) thread.send(message)
    thread.send(this.#routesMessage(thread.id))
    for (const message of this.#watches.ejections) thread.send(message)
    if (this.#ticketKeys !== undefined) thread.send(this.#ticketKeys)
    for (const message of this.#certificates.values()) thread.send(message)
    if (this.#open) thread.send(this.#listenMessage())
  }

  #onMessage (thread: RunningWorker, message: WorkerMessage): void {
    switch (message.type) {
      case 'applied':
        thread.appliedEpochs.set(message.route, message.epoch)
        this.#deps.log.debug('a worker applies the weights', { route: message.route, epoch: message.epoch, worker: thread.id })
        return this.#receipts.applied(message.route)
      case 'listening':
        this.#listening.add(thread.id)
        this.#deps.log.debug('a worker listens', { worker: thread.id })
        return this.#onListening?.()
      case 'io':
        if (this.#io.get(thread.id) !== 'events') this.#io.set(thread.id, message.mode)
        return this.#deps.onIo([...this.#io.values()].includes('events') ? 'events' : 'direct')
      case 'listen-failed': return this.#listenFailed(thread, message.listener, message.reason)
      case 'drained':
        this.#drained.set(thread.id, message.cut)
        return this.#onDrained?.()
      case 'explained': case 'recalled': case 'sampled': return this.inquiries.answered(thread.id, message)
      default: return this.#onReport(thread, message)
    }
  }

  /** What a worker says by itself, of requests and endpoints. */
  #onReport (thread: RunningWorker, message: HealthMessage | EvidenceMessage | ShadowMessage | AccessLogMessage | LogMessage): void {
    switch (message.type) {
      case 'health': return this.#deps.health.report(thread.id, message)
      case 'evidence': return this.#watches.receive(message, thread)
      case 'shadow': return this.shadow.receive(message)
      case 'access-log': return this.#appendAccessLog(thread, message.lines)
      case 'log': return this.#deps.log[message.level](message.message, { ...message.fields, worker: thread.id })
      default: assertNever(message)
    }
  }

  #appendAccessLog (thread: RunningWorker, lines: Uint8Array): void {
    const bytes = lines.length
    this.#deps.appendAccessLog(lines, () => { thread.send({ type: 'access-log-written', bytes }) })
  }

  #listenFailed (thread: RunningWorker, listener: string, reason: string): void {
    const where = this.#shape.listeners.find(({ name }) => name === listener)
    this.#onListenFailed?.(new Error(`the listener "${listener}" can't be opened on ${where?.address ?? '?'} port ${where?.port ?? '?'}: ${reason}`))
    // A replacement that can't listen is of no use: end it, and try again after a while.
    if (!this.#stopping) void thread.terminate()
  }

  #onExit (thread: RunningWorker, reason: string): void {
    const { book, clock, log, onRestart } = this.#deps
    this.#threads.delete(thread.id)
    this.#listening.delete(thread.id)
    this.#io.delete(thread.id)
    book.removeWorker(thread.id)
    this.#deps.health.forget(thread.id)
    this.inquiries.gone(thread.id)
    new ConnectionLedger(this.#ledger, thread.id).clear()
    if (this.#stopping) {
      this.#drained.set(thread.id, this.#drained.get(thread.id) ?? 0)
      this.#onDrained?.()
      return
    }
    this.#backoffMs = clock.nowMs() - thread.startedMs > STABLE_MS ? FIRST_BACKOFF_MS : Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS)
    log.error('a worker died and is replaced', { worker: thread.id, reason, retryInMs: this.#backoffMs })
    onRestart()
    clock.after(this.#backoffMs, () => { this.#replace(thread.id) })
  }

  #replace (id: number): void {
    if (this.#stopping) return
    this.#spawn(id)
    const thread = this.#threads.get(id)
    if (thread !== undefined) this.#bringUp(thread)
  }

  #appliedCount (route: string, epoch: number): number {
    let count = 0
    for (const { appliedEpochs } of this.#threads.values()) {
      if ((appliedEpochs.get(route) ?? -1) >= epoch) count++
    }
    return count
  }

  /**
   * Stops accepting and finishes what is in flight.
   * @returns how many connections were cut because the time was over
   */
  async drain (timeoutMs: number): Promise<number> {
    this.#stopping = true
    const running = [...this.#threads.keys()]
    if (running.length > 0) {
      const stuck = this.#deps.clock.after(timeoutMs + STUCK_MS, () => { void this.stop() })
      await new Promise<void>(resolve => {
        this.#onDrained = () => { if (running.every(id => this.#drained.has(id))) resolve() }
        this.#broadcast({ type: 'drain', timeoutMs })
        this.#onDrained()
      })
      stuck.cancel()
    }
    await this.stop()
    return [...this.#drained.values()].reduce((sum, cut) => sum + cut, 0)
  }

  /** Cuts a drain short: what is in flight is not waited for any more. */
  hurry (): void {
    if (!this.#stopping) return
    this.#broadcast({ type: 'drain', timeoutMs: 0 })
    this.#deps.clock.after(STUCK_MS, () => { void this.stop() })
  }

  /** Ends all threads at once. */
  async stop (): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#threads.values()].map(async thread => { await thread.terminate() }))
  }
}

function splitMessage ({ route, epoch, weights, salt, match }: RouteSplit): SplitMessage {
  return { type: 'split', route, epoch, weights, salt, ...(match === undefined ? {} : { match }) }
}
