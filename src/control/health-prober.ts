/**
 * The active checks: one probe for each endpoint of a version that wants it, however many workers there are. It keeps the time
 * and the states; how an endpoint is probed it is told.
 */
import type { RouteConfig } from '../config/schema.ts'
import type { Clock, TimerHandle } from '../core/clock.ts'
import { parseDurationMs } from '../core/duration.ts'
import { type Endpoint, type EndpointChange, endpointKey } from '../core/endpoint.ts'
import { UsableEndpoints, type UsableChange } from '../discovery/usable-endpoints.ts'
import { ActiveCheck, type ActiveCheckPolicy, type ProbeResult } from '../health/active-check.ts'
import type { FailedCheck } from '../contract/messages.ts'
import type { Logger } from '../core/logger.ts'
import type { RouteSpec, UpstreamTls } from '../contract/route-spec.ts'
import type { HttpProbe, ProbeTarget } from './http-probe.ts'
import { Random } from '../core/random.ts'

/**
 * Asks an endpoint once. It never throws, and leaves nothing open when it resolves; soon after `signal` is aborted it does.
 */
type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>

interface HealthProberDeps {
  readonly clock: Clock
  readonly log: Logger
  /** 32 random bits. */
  readonly random: () => number
  readonly probe: Probe
  readonly endpointsOf: (route: string, version: string) => readonly Endpoint[]
  /** Told of all that fails in a version, whenever that has changed. */
  readonly onChange: (route: string, version: string, failing: readonly FailedCheck[]) => void
  /** Told of each probe. */
  readonly onProbed: (route: string, version: string, passed: boolean) => void
  /** Told of a version that is not probed any more. */
  readonly onLeft: (route: string, version: string) => void
}

/** A version whose endpoints are probed. */
interface CheckedVersion {
  readonly route: string
  readonly version: string
  policy: ActiveCheckPolicy
  request: Pick<ProbeTarget, 'path' | 'tls'> & { readonly host: string | undefined }
  timeoutMs: number
  readonly usable: UsableEndpoints
  /** By `address:port`. */
  readonly endpoints: Map<string, CheckedEndpoint>
}

interface CheckedEndpoint {
  readonly address: string
  readonly port: number
  readonly check: ActiveCheck
  /** Ends the probe that is under way. */
  running: AbortController | null
}

/** Probes start to this precision. */
const TICK_MS = 100
const MAX_RUNNING = 128

export class HealthProber {
  readonly #deps: HealthProberDeps
  /** By route and version. */
  readonly #versions = new Map<string, CheckedVersion>()
  readonly #running = new Set<Promise<void>>()
  #timer: TimerHandle | undefined
  #stopped = false

  constructor (deps: HealthProberDeps) {
    this.#deps = deps
  }

  /** Takes over a configuration. A version that was checked before keeps what is known of its endpoints. */
  configure (routes: readonly RouteConfig[], specs: readonly RouteSpec[]): void {
    const wanted = new Set<string>()
    const specOf = new Map(specs.map(spec => [spec.name, spec]))
    for (const { name: route, health: { active }, versions } of routes) {
      if (active === undefined) continue
      for (const { name: version } of versions) {
        wanted.add(keyOf(route, version))
        const tls = specOf.get(route)?.versions.find(({ name }) => name === version)?.tls
        this.#check(route, version, active, tls)
      }
    }
    for (const [key, checked] of this.#versions) if (!wanted.has(key)) this.#give(key, checked)
    if (this.#versions.size > 0 && this.#timer === undefined && !this.#stopped) this.#scheduleTick()
  }

  #check (route: string, version: string, active: NonNullable<RouteConfig['health']['active']>, tls: UpstreamTls | undefined): void {
    const { path, host, jitter, rise, fall } = active
    const key = keyOf(route, version)
    const policy = { intervalMs: parseDurationMs(active.interval), jitter, rise, fall }
    const request = { path, host, ...(tls === undefined ? {} : { tls }) }
    const timeoutMs = parseDurationMs(active.timeout)
    const known = this.#versions.get(key)
    if (known === undefined) {
      this.#versions.set(key, { route, version, policy, request, timeoutMs, usable: new UsableEndpoints(), endpoints: new Map() })
    } else {
      Object.assign(known, { policy, request, timeoutMs })
      for (const { check } of known.endpoints.values()) check.configure(policy, this.#deps.clock.nowMs())
    }
    this.refresh(route, version)
  }

  /** No check is wanted any more: what failed it passes. */
  #give (key: string, checked: CheckedVersion): void {
    this.#versions.delete(key)
    for (const { running } of checked.endpoints.values()) running?.abort()
    if (failingOf(checked).length > 0) this.#deps.onChange(checked.route, checked.version, [])
    this.#deps.onLeft(checked.route, checked.version)
  }

  /** Takes over the endpoints of a version, if it is checked: those that came are probed, those that left are not any more. */
  refresh (route: string, version: string): void {
    const checked = this.#versions.get(keyOf(route, version))
    if (checked !== undefined) this.#take(checked, checked.usable.replace(this.#deps.endpointsOf(route, version)))
  }

  /** Takes over what is different about the endpoints of a version, if it is checked. */
  change (route: string, version: string, change: EndpointChange): void {
    const checked = this.#versions.get(keyOf(route, version))
    if (checked !== undefined) this.#take(checked, checked.usable.apply(change))
  }

  #take (checked: CheckedVersion, { joined, left }: UsableChange): void {
    const { clock, random } = this.#deps
    for (const { address, port } of joined) {
      const check = new ActiveCheck(checked.policy, random, clock.nowMs())
      checked.endpoints.set(endpointKey({ address, port }), { address, port, check, running: null })
    }
    let failingLeft = false
    for (const key of left) {
      const gone = checked.endpoints.get(key)
      gone?.running?.abort()
      if (gone?.check.healthy === false) failingLeft = true
      checked.endpoints.delete(key)
    }
    if (failingLeft) this.#tell(checked)
  }

  #scheduleTick (): void {
    this.#timer = this.#deps.clock.after(TICK_MS, () => {
      this.#timer = undefined
      this.#startDue()
      if (this.#versions.size > 0 && !this.#stopped) this.#scheduleTick()
    })
  }

  /** Starts the probes that are due, the longest overdue first. */
  #startDue (): void {
    const nowMs = this.#deps.clock.nowMs()
    const due: Array<readonly [CheckedVersion, CheckedEndpoint]> = []
    for (const checked of this.#versions.values()) {
      for (const endpoint of checked.endpoints.values()) {
        if (endpoint.running === null && endpoint.check.nextProbeMs <= nowMs) due.push([checked, endpoint])
      }
    }
    due.sort(([, left], [, right]) => left.check.nextProbeMs - right.check.nextProbeMs)
    for (const [checked, endpoint] of due.slice(0, MAX_RUNNING - this.#running.size)) {
      const probing = this.#probe(checked, endpoint).finally(() => { this.#running.delete(probing) })
      this.#running.add(probing)
    }
  }

  async #probe (checked: CheckedVersion, endpoint: CheckedEndpoint): Promise<void> {
    const { clock, probe } = this.#deps
    const { address, port } = endpoint
    const { request: { host = endpointKey(endpoint), ...request }, timeoutMs } = checked
    const controller = endpoint.running = new AbortController()
    let late = false
    const timer = clock.after(timeoutMs, () => {
      late = true
      controller.abort()
    })
    const result = await probe({ address, port, host, ...request }, controller.signal)
    timer.cancel()
    endpoint.running = null
    // Aborted by anything but its time, it says nothing of the endpoint.
    if (controller.signal.aborted && !late) return
    this.#record(checked, endpoint, late ? { passed: false, detail: `no whole answer within ${timeoutMs} ms` } : result)
  }

  #record (checked: CheckedVersion, { address, port, check }: CheckedEndpoint, result: ProbeResult): void {
    const { clock, log, onProbed } = this.#deps
    const { route, version } = checked
    if (result.unmade !== true) onProbed(route, version, result.passed)
    if (!check.record(result, clock.nowMs())) return
    const fields = { route, version, endpoint: endpointKey({ address, port }), detail: check.detail }
    if (check.healthy) log.info('an endpoint passes its active check again', fields)
    else log.warn('an endpoint fails its active check', fields)
    this.#tell(checked)
  }

  #tell (checked: CheckedVersion): void {
    const { clock, onChange } = this.#deps
    const offsetMs = clock.wallMs() - clock.nowMs()
    onChange(checked.route, checked.version, failingOf(checked).map(({ endpoint, check }) =>
      ({ endpoint, sinceWallMs: check.sinceMs + offsetMs, detail: check.detail })))
  }

  /** Ends all probes. */
  async stop (): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    for (const { endpoints } of this.#versions.values()) for (const { running } of endpoints.values()) running?.abort()
    await Promise.all(this.#running)
  }
}

function failingOf ({ endpoints }: CheckedVersion): ReadonlyArray<{ readonly endpoint: string, readonly check: ActiveCheck }> {
  return [...endpoints].flatMap(([endpoint, { check }]) => check.healthy ? [] : [{ endpoint, check }])
}

/** Names hold no space. */
function keyOf (route: string, version: string): string {
  return `${route} ${version}`
}

/** The prober of the running program. Its HTTP client is loaded with the first probe: a Weir without active checks does without it. */
export function createProber (deps: Omit<HealthProberDeps, 'probe' | 'random'>): HealthProber {
  const random = new Random()
  let loading: Promise<HttpProbe> | undefined
  return new HealthProber({
    ...deps,
    random: () => random.nextInt32(),
    probe: async (target, signal) => {
      loading ??= import('./http-probe.ts').then(({ HttpProbe }) => new HttpProbe())
      return await (await loading).run(target, signal)
    }
  })
}
