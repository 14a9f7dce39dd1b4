/**
 * One worker of the data plane: listeners, routes, the tick that drives all deadlines, and the way out.
 */
import { errorText } from '../core/error-text.ts'
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import { assertNever } from '../core/assert-never.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { isChecked, type WorkerIo } from '../net/worker-io.ts'
import { ConnectionLedger } from '../downstream/connection-ledger.ts'
import { DataPlane } from './data-plane.ts'
import { explainChoice, recallRequest } from '../exchange/explain-choice.ts'
import { Listener } from '../downstream/listener.ts'
import { MemoryWatch } from './memory-watch.ts'
import { PausedLook } from '../downstream/paused-look.ts'
import { listenerSettings } from '../downstream/downstream-context.ts'
import type {
  ChecksMessage, ControlMessage, EjectMessage, EndpointChangeMessage, EndpointsMessage, ListenMessage, ListMessage, MirrorMessage,
  WatchMessage, WorkerMessage
} from '../contract/messages.ts'
import type { RouteSpec } from '../contract/route-spec.ts'
import { WorkerRoutes } from './worker-routes.ts'
import { usesMirror } from './worker-shadows.ts'
import { WorkerTls } from './worker-tls.ts'
import { AccessLog } from '../telemetry/access-log.ts'
import { WORKER } from '../telemetry/counter-layout.ts'
import { LoopLag } from '../telemetry/loop-lag.ts'
import { EndpointPools } from '../upstream/endpoint-pools.ts'
import { descriptorShare, openFilesLimit } from '../net/open-files.ts'
import { releaseMemory } from '../core/release-memory.ts'
import type { DataPlaneOptions, IoMode, WorkerData } from '../contract/data-plane-options.ts'

/** Deadlines are met to this precision. */
const TICK_MS = 100
/** Failures of a version that is judged are told after so long, together: they come in crowds, and each millisecond costs answers. */
const SOON_MS = 10
/** When a worker that nobody uses yet gives back what its start needed; each worker a little later than the one before. */
const RELEASE_AFTER_TICKS = 35
/** What a worker has before its first message. */
interface WorkerSurroundings {
  readonly port: MessagePort
  readonly clock: Clock
  readonly io: WorkerIo
}

export class WorkerApp {
  readonly #port: MessagePort
  readonly #clock: Clock
  readonly #page: Float64Array
  readonly #plane: DataPlane
  readonly #ledger: ConnectionLedger
  readonly #pools: EndpointPools
  readonly #routes: WorkerRoutes
  readonly #tls: WorkerTls
  readonly #paused: PausedLook
  readonly #memory: MemoryWatch
  readonly #lag = new LoopLag(TICK_MS)
  readonly #listeners: Listener[] = []
  #opening: Promise<void> = Promise.resolve()
  /** The listeners are not closed yet. */
  #accepts = true
  #tick: TimerHandle | undefined
  #soon: TimerHandle | undefined
  #ticksToRelease: number
  #loop: EventLoopUtilization = performance.eventLoopUtilization()
  /** What has come while something that few workers need is being loaded. */
  #backlog: ControlMessage[] | null = null
  #drainUntilMs = Infinity
  /** Client connections that were cut because the time was over. */
  #cut = 0
  #drained = false

  constructor ({ port, clock, io }: WorkerSurroundings, data: WorkerData, options: DataPlaneOptions) {
    this.#port = port
    this.#clock = clock
    this.#page = new Float64Array(data.page)
    this.#ledger = new ConnectionLedger(data.ledger, data.workerId)
    this.#ticksToRelease = RELEASE_AFTER_TICKS + data.workerId
    const random = new Random()
    const accessLog = new AccessLog({
      policy: options.accessLog,
      random: () => random.nextFraction(),
      send: lines => { port.postMessage({ type: 'access-log', lines } satisfies WorkerMessage, [lines.buffer]) },
      page: this.#page
    })
    this.#plane = new DataPlane({ clock, page: this.#page, accessLog, io, instance: data.instance }, options)
    this.#plane.maxDescriptors = descriptorShare(openFilesLimit(), this.#ledger.workers)
    this.#plane.reportDefect = error => {
      this.#send({ type: 'log', level: 'error', message: 'a defect of Weir made a request fail; please report it', fields: { stack: error instanceof Error ? error.stack ?? error.message : String(error) } })
    }
    this.#paused = new PausedLook(clock)
    this.#memory = new MemoryWatch(this.#plane)
    this.#pools = new EndpointPools(this.#plane)
    this.#tls = new WorkerTls(this.#plane)
    this.#routes = new WorkerRoutes(this.#plane, this.#pools, random, () => { this.#tellSoon() })
  }

  start (): void {
    this.#port.on('message', (message: ControlMessage) => { this.receive(message) })
    this.#scheduleTick()
  }

  /** Acts on a message of the control plane, in the order in which they come. */
  receive (message: ControlMessage): void {
    if (this.#backlog !== null) {
      this.#backlog.push(message)
    } else if (this.#lacks(message)) {
      this.#backlog = [message]
      void this.#load(message)
    } else {
      this.#act(message)
    }
  }

  #lacks (message: ControlMessage): boolean {
    const { transports, shadows, placements } = this.#routes
    if (!placements.isLoaded && setsMatch(message)) return true
    return (!shadows.loaded && usesMirror(message)) ||
      someRoute(message, route => !placements.isReadyFor(route) || (!transports.loaded && usesTls(route)))
  }

  async #load (message: ControlMessage): Promise<void> {
    const { transports, shadows, placements } = this.#routes
    if (!transports.loaded && someRoute(message, usesTls)) await transports.load()
    if (usesMirror(message)) await shadows.load()
    if (setsMatch(message) || someRoute(message, route => !placements.isReadyFor(route))) await placements.load()
    const backlog = this.#backlog ?? []
    this.#backlog = null
    for (const message of backlog) this.receive(message)
  }

  #act (message: ControlMessage): void {
    switch (message.type) {
      case 'together': return this.#routes.together(() => { for (const each of message.messages) this.#act(each) })
      case 'routes': return this.#routes.applyRoutes(message)
      case 'split':
        this.#routes.applySplit(message)
        return this.#send({ type: 'applied', route: message.route, epoch: message.epoch })
      case 'certificates': return this.#tls.applyCertificates(message)
      case 'ticket-keys': return this.#tls.applyTicketKeys(message)
      case 'listen':
        this.#opening = this.#listen(message)
        return
      case 'drain': return this.#drain(message.timeoutMs)
      case 'explain': return this.#send({ type: 'explained', id: message.id, answer: explainChoice(this.#plane, message.question) })
      case 'clients': return this.#send({ type: 'sampled', id: message.id, sample: this.#routes.clientsOf(message.route) })
      case 'recall': return this.#send({ type: 'recalled', id: message.id, answer: recallRequest(this.#plane, message.requestId) })
      case 'access-log-written': return this.#plane.accessLog.acknowledge(message.bytes)
      default: return this.#actOnRoute(message)
    }
  }

  /** What is said of one route. */
  #actOnRoute (
    message: EndpointsMessage | EndpointChangeMessage | ChecksMessage | ListMessage | WatchMessage | MirrorMessage | EjectMessage
  ): void {
    switch (message.type) {
      case 'endpoints': return this.#routes.applyEndpoints(message)
      case 'endpoint-change': return this.#routes.applyEndpointChange(message)
      case 'checks': return this.#routes.applyChecks(message)
      case 'list': return this.#routes.applyList(message)
      case 'eject': return this.#routes.applyEject(message)
      case 'mirror': return this.#routes.applyMirror(message)
      case 'watch':
        this.#routes.applyWatch(message)
        return this.#sendEvidence()
      default: assertNever(message)
    }
  }

  async #listen (message: ListenMessage): Promise<void> {
    for (const [index, config] of message.listeners.entries()) {
      const { name, address, port } = config
      try {
        const tls = config.tls === undefined ? undefined : await this.#tls.terminatorFor(name)
        if (this.#plane.draining) break
        const listener = new Listener(this.#plane, this.#ledger, listenerSettings(config, index), tls)
        await listener.listen({ address, port, reusePort: message.reusePort })
        this.#listeners.push(listener)
      } catch (error) {
        return this.#send({ type: 'listen-failed', listener: name, reason: errorText(error) })
      }
    }
    this.#send({ type: 'listening' })
  }

  #scheduleTick (): void {
    this.#tick = this.#clock.after(TICK_MS, () => {
      this.#scheduleTick()
      this.#onTick()
    })
  }

  #onTick (): void {
    const nowMs = this.#plane.readClock()
    this.#plane.deadlines.sweep(nowMs)
    this.#paused.tick(nowMs, () => this.#plane.deadlines.snapshot())
    this.#routes.tick(nowMs)
    for (const news of this.#routes.healthNews()) this.#send(news)
    this.#sendEvidence()
    for (const shadow of this.#routes.shadows.take()) this.#send(shadow)
    for (const failure of this.#plane.failures.take()) {
      this.#send({
        type: 'log', level: 'warn', message: 'requests to an endpoint fail', fields: { ...failure }
      })
    }
    const shortage = this.#memory.tick(nowMs)
    if (shortage !== undefined) this.#send({ type: 'log', level: 'warn', message: 'slow clients and endpoints take all the memory that there is for them', fields: shortage })
    this.#plane.accessLog.flush()
    this.#lag.tick(nowMs)
    this.#page[WORKER.loopLagS] = this.#lag.lagS
    this.#page[WORKER.loopLagMaxS] = this.#lag.maxLagS
    const loop = performance.eventLoopUtilization()
    this.#page[WORKER.loopUtilization] = performance.eventLoopUtilization(loop, this.#loop).utilization
    this.#loop = loop
    if (this.#plane.draining) this.#checkDrained(nowMs)
    // Once, and only if no client would wait for it: under load V8 collects often enough by itself.
    if (--this.#ticksToRelease === 0 && this.#page[WORKER.connectionsOpen] === 0) void releaseMemory()
  }

  /**
   * Stops accepting; connections end after their next answer, or when they have been idle for a while. Said again, it can
   * only leave less time.
   */
  #drain (timeoutMs: number): void {
    const nowMs = this.#plane.readClock()
    this.#drainUntilMs = Math.min(this.#drainUntilMs, nowMs + timeoutMs)
    if (!this.#plane.draining) {
      this.#plane.draining = true
      void this.#closeListeners()
      this.#tellToDrain(false)
    }
    this.#checkDrained(nowMs)
  }

  async #closeListeners (): Promise<void> {
    // A worker that replaces another may be told to drain while it opens them.
    await this.#opening
    await Promise.all(this.#listeners.map(async listener => { await listener.close() }))
    this.#accepts = false
    this.#checkDrained(this.#plane.readClock())
  }

  #checkDrained (nowMs: number): void {
    const open = this.#page[WORKER.connectionsOpen] ?? 0
    const waits = open > 0 || this.#accepts
    if (this.#drained || (waits && nowMs < this.#drainUntilMs)) return
    if (open > 0 && this.#cut === 0) {
      // What that makes them say has until the next tick to leave.
      this.#cut = open
      return this.#tellToDrain(true)
    }
    this.#drained = true
    this.#tick?.cancel()
    this.#plane.accessLog.flush()
    this.#pools.retireAll()
    this.#routes.shadows.close()
    this.#sendEvidence()
    for (const shadow of this.#routes.shadows.take()) this.#send(shadow)
    this.#send({ type: 'drained', cut: this.#cut })
  }

  #tellSoon (): void {
    this.#soon ??= this.#clock.after(SOON_MS, () => { this.#sendEvidence() })
  }

  #sendEvidence (): void {
    this.#soon?.cancel()
    this.#soon = undefined
    for (const evidence of this.#routes.evidence()) this.#send(evidence)
  }

  #tellToDrain (over: boolean): void {
    for (const member of this.#plane.deadlines.snapshot()) member.drain?.(over)
  }

  #send (message: WorkerMessage): void {
    this.#port.postMessage(message)
  }
}

function usesTls ({ versions }: RouteSpec): boolean {
  return versions.some(({ tls }) => tls !== undefined)
}

/** Does a rollout have a match in force? */
function setsMatch (message: ControlMessage): boolean {
  return message.type === 'together' ? message.messages.some(setsMatch) : message.type === 'split' && message.match !== undefined
}

function someRoute (message: ControlMessage, isMeant: (route: RouteSpec) => boolean): boolean {
  if (message.type === 'together') return message.messages.some(each => someRoute(each, isMeant))
  return message.type === 'routes' && message.routes.some(isMeant)
}

/** A decision of a worker, see src/net/worker-io.ts. */
interface IoDecision {
  readonly part: 'TCP' | 'TLS'
  readonly mode: IoMode
  /** Why it is not direct. */
  readonly reason: string
  readonly nodeVersion: string
}

/** What the control plane is told of a decision: the mode, and a line for the log unless all is as it was checked. */
export function tellIo ({ part, mode, reason, nodeVersion }: IoDecision): readonly WorkerMessage[] {
  const told: WorkerMessage = { type: 'io', mode }
  if (mode === 'events') {
    const remedy = 'nothing fails, but requests cost far more CPU (docs/architecture.md, Undocumented parts of Node); run a Node release that was checked'
    return [told, { type: 'log', level: 'warn', message: `${part} connections work on events of Node's streams, not on their handles`, fields: { reason, node: nodeVersion, remedy } }]
  }
  if (isChecked(nodeVersion)) return [told]
  return [told, { type: 'log', level: 'info', message: `${part} connections work on handles of a Node release that was not checked with them; the trial at the start has passed`, fields: { node: nodeVersion } }]
}
