import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type * as PromClient from 'prom-client'
import type { Counter, Gauge, Registry } from 'prom-client'
import type { Clock } from '../core/clock.ts'
import { familyHead, labelText, sampleLine } from './exposition.ts'
import { METRICS, type MetricName } from './metric-catalogue.ts'
import { openFilesLimit } from '../net/open-files.ts'

/**
 * The parts of prom-client that are used, by their files: its index loads a push gateway, summaries and a cluster's registry as
 * well, and for them https, zlib and more of Node, which nobody uses. What require gives is what the types of the index say.
 */
const load = createRequire(import.meta.url)
const prom = {
  Counter: load('prom-client/lib/counter.js') as typeof PromClient.Counter,
  Gauge: load('prom-client/lib/gauge.js') as typeof PromClient.Gauge,
  Registry: load('prom-client/lib/registry.js') as typeof PromClient.Registry
} as const

const REASON_PATTERN = /^[a-z0-9_-]{1,32}$/

/** What is shown of a webhook: events by what became of them, failed tries, and when it took one last (wall clock, ms). */
export interface WebhookGauges {
  readonly name: string
  readonly queued: number
  readonly delivered: number
  readonly refused: number
  readonly expired: number
  readonly dropped: number
  readonly retried: number
  readonly lastSuccessMs: number | undefined
}

interface CheckCounts {
  pass: number
  fail: number
}

/** What the control plane itself counts: rare events, so plain prom-client metrics. */
export class ControlMetrics {
  readonly registry: Registry = new prom.Registry()
  readonly #clock: Clock
  readonly #reloads: Counter
  readonly #reloadOk: Gauge
  readonly #reloadTime: Gauge
  readonly #certificateExpiry: Gauge
  readonly #certificateReloads: Counter
  readonly #watchRestarts: Counter
  /** By the labels of the version; not in the registry, which writes a family in one go however many series it has. */
  readonly #checks = new Map<string, CheckCounts>()
  readonly #workerRestarts: Counter
  readonly #stateUp: Gauge
  readonly #stateRefused: Counter
  readonly #leaseHolder: Gauge
  readonly #leaseTransitions: Counter
  readonly #replicas: Gauge
  readonly #replicaLag: Gauge
  readonly #webhookEvents: Counter
  readonly #webhookRetries: Counter
  readonly #webhookQueued: Gauge
  readonly #webhookSuccess: Gauge
  readonly #rolloutSteps: Counter
  readonly #rolloutAborts: Counter
  readonly #buildInfo: Gauge
  readonly #build: { readonly version: string, readonly node: string }

  /** @param build the versions of Weir and Node that run */
  constructor (clock: Clock, build: { readonly version: string, readonly node: string }) {
    this.#clock = clock
    this.#reloads = this.#counter('weir_config_reloads_total')
    this.#reloadOk = this.#gauge('weir_config_last_reload_successful')
    this.#reloadTime = this.#gauge('weir_config_last_reload_success_timestamp_seconds')
    this.#certificateExpiry = this.#gauge('weir_certificate_expiry_timestamp_seconds')
    this.#certificateReloads = this.#counter('weir_certificate_reloads_total')
    this.#watchRestarts = this.#counter('weir_watch_restarts_total')
    this.#workerRestarts = this.#counter('weir_worker_restarts_total')
    this.#stateUp = this.#gauge('weir_state_store_up')
    this.#stateRefused = this.#counter('weir_state_refused_total')
    this.#leaseHolder = this.#gauge('weir_lease_holder')
    this.#leaseTransitions = this.#counter('weir_lease_transitions_total')
    this.#replicas = this.#gauge('weir_replicas')
    this.#replicaLag = this.#gauge('weir_replica_epoch_lag')
    this.#webhookEvents = this.#counter('weir_webhook_events_total')
    this.#webhookRetries = this.#counter('weir_webhook_retries_total')
    this.#webhookQueued = this.#gauge('weir_webhook_queued_events')
    this.#webhookSuccess = this.#gauge('weir_webhook_last_success_timestamp_seconds')
    this.#rolloutSteps = this.#counter('weir_rollout_steps_total')
    this.#rolloutAborts = this.#counter('weir_rollout_aborts_total')
    this.#buildInfo = this.#gauge('weir_build_info')
    this.#build = build
    this.ioDecided('unknown')
    this.#reloads.inc({ result: 'success' }, 0)
    this.#reloads.inc({ result: 'failure' }, 0)
    for (const reason of ['invalid', 'newer']) this.#stateRefused.inc({ reason }, 0)
    for (const cause of ['person', 'errors']) this.#rolloutAborts.inc({ cause }, 0)
    this.#leaseHolder.remove()
    for (const change of ['gained', 'lost']) this.#leaseTransitions.inc({ change }, 0)
    this.#certificateReloads.inc({ result: 'success' }, 0)
    this.#certificateReloads.inc({ result: 'failure' }, 0)
  }

  /** How the workers' streams reach the kernel, as soon as they have said so. */
  ioDecided (io: 'direct' | 'events' | 'unknown'): void {
    this.#buildInfo.reset()
    this.#buildInfo.set({ ...this.#build, io }, 1)
  }

  /** The configuration of the start is in use. */
  configLoaded (): void {
    this.#reloadOk.set(1)
    this.#reloadTime.set(this.#clock.wallMs() / 1000)
  }

  /** A reload was applied, or was refused and the last good configuration stays. */
  configReloaded (result: 'success' | 'failure'): void {
    this.#reloads.inc({ result })
    if (result === 'success') this.configLoaded()
    else this.#reloadOk.set(0)
  }

  /**
   * A certificate of a listener is in use.
   * @param certificate its file
   * @param atMs when it expires, in milliseconds since the Unix epoch
   */
  certificateExpires (listener: string, certificate: string, atMs: number): void {
    this.#certificateExpiry.set({ listener, certificate }, atMs / 1000)
  }

  /** The certificate or the client authorities of a listener were read again, or could not be and the last good ones stay. */
  certificateReloaded (result: 'success' | 'failure'): void {
    this.#certificateReloads.inc({ result })
  }

  /**
   * A watch of the Kubernetes API ended and is started again.
   * @param reason a word of a fixed set, such as `gone` or `closed`; anything that does not look like one counts as `other`
   */
  watchRestarted (namespace: string, reason: string): void {
    this.#watchRestarts.inc({ namespace, reason: REASON_PATTERN.test(reason) ? reason : 'other' })
  }

  /** How the store of the weights is doing, as of now. */
  stateStore (store: string, up: boolean): void {
    this.#stateUp.set({ store }, up ? 1 : 0)
  }

  /** What the shared state held was not taken over. */
  stateRefused (reason: 'invalid' | 'newer'): void {
    this.#stateRefused.inc({ reason })
  }

  /** Whether this replica holds the Lease, as of now. */
  leaseHeld (held: boolean): void {
    this.#leaseHolder.set(held ? 1 : 0)
  }

  /** This replica has got the Lease or holds it no more. */
  leaseChanged (change: 'gained' | 'lost'): void {
    this.#leaseTransitions.inc({ change })
  }

  /** All replicas, as of now. Those that are gone leave nothing. */
  replicas ({ states, lags }: { readonly states: Readonly<Record<string, number>>, readonly lags: ReadonlyMap<string, number> }): void {
    for (const [state, count] of Object.entries(states)) this.#replicas.set({ state }, count)
    this.#replicaLag.reset()
    for (const [replica, lag] of lags) this.#replicaLag.set({ replica }, lag)
  }

  /** All webhooks, as of now. Those that are gone leave nothing. */
  webhooks (all: readonly WebhookGauges[]): void {
    for (const family of [this.#webhookEvents, this.#webhookRetries, this.#webhookQueued, this.#webhookSuccess]) family.reset()
    for (const { name: webhook, queued, retried, lastSuccessMs, ...counts } of all) {
      for (const outcome of ['delivered', 'refused', 'expired', 'dropped'] as const) {
        this.#webhookEvents.inc({ webhook, outcome }, counts[outcome])
      }
      this.#webhookRetries.inc({ webhook }, retried)
      this.#webhookQueued.set({ webhook }, queued)
      if (lastSuccessMs !== undefined) this.#webhookSuccess.set({ webhook }, lastSuccessMs / 1000)
    }
  }

  /** A rollout has gone on to another step. */
  rolloutStepped (): void {
    this.#rolloutSteps.inc()
  }

  /** The weights of a rollout were put back. @param cause the rule that has failed it, or who has aborted it */
  rolloutAborted (cause: string): void {
    this.#rolloutAborts.inc({ cause })
  }

  /** An active check of an endpoint has ended. */
  endpointProbed (route: string, version: string, passed: boolean): void {
    const labels = labelText({ route, version })
    const counts = this.#checks.get(labels) ?? { pass: 0, fail: 0 }
    this.#checks.set(labels, counts)
    if (passed) counts.pass++
    else counts.fail++
  }

  /** A version is not checked any more: what was counted of it goes, or names that come and go would pile up. */
  forgetProbes (route: string, version: string): void {
    this.#checks.delete(labelText({ route, version }))
  }

  /** The exposition of the active checks, in pieces of some lines each. */
  * checkLines (): Generator<string> {
    const name = 'weir_health_checks_total'
    yield familyHead(name)
    for (const [labels, counts] of this.#checks) {
      let lines = ''
      for (const result of ['pass', 'fail'] as const) {
        if (counts[result] > 0) lines += sampleLine(name, `${labels},${labelText({ result })}`, counts[result])
      }
      yield lines
    }
  }

  /** A worker died and is replaced. */
  workerRestarted (): void {
    this.#workerRestarts.inc()
  }

  #counter (name: MetricName): Counter {
    return new prom.Counter({ name, help: METRICS[name].help, labelNames: METRICS[name].labels, registers: [this.registry] })
  }

  #gauge (name: MetricName): Gauge {
    return new prom.Gauge({ name, help: METRICS[name].help, labelNames: METRICS[name].labels, registers: [this.registry] })
  }
}

/**
 * Registers the metrics of the process, each read at the time of a scrape.
 *
 * prom-client's own collectDefaultMetrics comes whole or not at all, with an event loop histogram that wakes an idle
 * process a hundred times a second and an observer of every garbage collection; hence this smaller set under its names.
 */
export function registerProcessMetrics (registry: Registry): void {
  counter(registry, 'process_cpu_user_seconds_total', () => process.cpuUsage().user / 1e6)
  counter(registry, 'process_cpu_system_seconds_total', () => process.cpuUsage().system / 1e6)
  counter(registry, 'process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge(registry, 'process_start_time_seconds', () => performance.timeOrigin / 1000)
  gauge(registry, 'process_resident_memory_bytes', () => process.memoryUsage.rss())
  gauge(registry, 'nodejs_heap_size_total_bytes', () => process.memoryUsage().heapTotal)
  gauge(registry, 'nodejs_heap_size_used_bytes', () => process.memoryUsage().heapUsed)
  gauge(registry, 'nodejs_external_memory_bytes', () => process.memoryUsage().external)
  gauge(registry, 'process_open_fds', openFileDescriptors)
  gauge(registry, 'process_max_fds', maxFileDescriptors)
}

function counter (registry: Registry, name: MetricName, read: () => number): void {
  const metric: Counter = new prom.Counter({
    name,
    help: METRICS[name].help,
    registers: [registry],
    collect: () => {
      metric.reset()
      metric.inc(read())
    }
  })
}

function gauge (registry: Registry, name: MetricName, read: () => number | undefined | Promise<number | undefined>): void {
  const metric: Gauge = new prom.Gauge({
    name,
    help: METRICS[name].help,
    registers: [registry],
    collect: async () => {
      const value = await read()
      if (value === undefined) metric.remove()
      else metric.set(value)
    }
  })
}

async function openFileDescriptors (): Promise<number | undefined> {
  try {
    // The listing's own descriptor is one of them.
    return (await readdir('/proc/self/fd')).length - 1
  } catch {
    return undefined
  }
}

function maxFileDescriptors (): number | undefined {
  const limit = openFilesLimit()
  return limit === Infinity ? undefined : limit
}
