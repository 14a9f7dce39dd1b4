/**
 * What a start opens: the store that the configuration asks for, the certificates of its listeners, and each port once, to try it.
 */
import type { Config } from '../config/schema.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/clock.ts'
import type { Leadership } from '../core/leadership.ts'
import { Random } from '../core/random.ts'
import type { DroppedListener } from '../rollout/match-codec.ts'
import { createTrafficCodec } from '../rollout/traffic-codec.ts'
import { EMPTY_TRAFFIC, type TrafficState } from '../rollout/traffic-state.ts'
import type { EventLog } from '../core/logger.ts'
import { FileStore } from '../store/file-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { StateStore } from '../store/state-store.ts'
import { formatFault } from '../config/config-error.ts'
import type { CertificateStore, CertificateStoreOptions } from '../certificates/certificate-store.ts'
import type { ListenerSpec } from '../contract/listener-spec.ts'
import { explainListenError, tryPort } from '../net/listen-error.ts'
import type { ControlMetrics } from '../telemetry/control-metrics.ts'
import { createKubeClient } from './create-discovery.ts'

export interface StoreDeps {
  readonly clock: Clock
  readonly log: EventLog
  readonly metrics: Pick<ControlMetrics, 'stateRefused'>
  /** Who does what is to be done once; by default this process. */
  readonly leadership?: Leadership
}

/**
 * Opens the store. That of Kubernetes may take a while until it can be read.
 * @throws StoreError when the file can't be used
 */
export async function openStore (
  config: Pick<Config, 'state' | 'kubernetes'>, { clock, log, metrics, leadership }: StoreDeps
): Promise<StateStore<TrafficState>> {
  const { state } = config
  const dropped = tellDroppedOnce(log)
  switch (state.store) {
    case 'memory': return new MemoryStore<TrafficState>(
      EMPTY_TRAFFIC, error => { log.error('a watcher of the state store failed', { error: String(error) }) }
    )
    case 'file': return await FileStore.open({ path: state.path, codec: createTrafficCodec(dropped), clock, log })
    case 'kubernetes': {
      const [{ ConfigMapStore }, { createTrafficConfigMapCodec }] = await Promise.all([
        import('../store/config-map-store.ts'), import('../rollout/traffic-config-map.ts')
      ])
      const random = new Random()
      const store = new ConfigMapStore({
        api: createKubeClient(config, clock),
        name: state.name,
        namespace: config.kubernetes.namespace,
        codec: createTrafficConfigMapCodec(dropped),
        clock,
        random: () => random.nextFraction(),
        log,
        onRefused: reason => { metrics.stateRefused(reason) },
        ...(leadership === undefined ? {} : { leadership })
      })
      store.start()
      return store
    }
    default: return assertNever(state.store)
  }
}

/** More is not told. */
const MAX_DROPPED = 100

/** Where replicas share the state it is read again and again. */
function tellDroppedOnce (log: EventLog): DroppedListener {
  const told = new Set<string>()
  return (place, fault) => {
    const what = `${place} ${fault}`
    if (told.has(what) || told.size === MAX_DROPPED) return
    told.add(what)
    log.warn('a condition of a stored rollout is left out: this Weir would refuse it, and no request is matched by it any more; all else is kept', { place, fault })
  }
}

/**
 * Reads the certificates of the listeners, and watches them from then on. What that needs is loaded only if there are any.
 * @param source the file of the configuration, for faults
 * @returns undefined when no listener speaks TLS
 * @throws ConfigError when a file can't be used
 */
export async function openCertificates (options: CertificateStoreOptions, source: string): Promise<CertificateStore | undefined> {
  if (options.listeners.every(({ tls }) => tls === undefined)) return undefined
  const { CertificateStore } = await import('../certificates/certificate-store.ts')
  const store = new CertificateStore(options)
  try {
    for (const fault of await store.load(source)) options.log.warn('the configuration is odd', { fault: formatFault(fault) })
    return store
  } catch (error) {
    store.stop()
    throw error
  }
}

/**
 * Workers share their ports with SO_REUSEPORT, so the kernel would let a second Weir share them too, unnoticed. Opening
 * each listener once without sharing finds out before.
 * @param portOption what chooses the port of a listener, where that is no file
 * @throws Error naming the listener that can't be opened, and what helps
 */
export async function probeListeners (listeners: readonly ListenerSpec[], portOption?: string): Promise<void> {
  for (const [index, { name, address, port }] of listeners.entries()) {
    const cause = await tryPort({ address, port })
    if (cause === undefined) continue
    const reason = await explainListenError(cause, { address, port, option: portOption ?? `port of listeners[${index}]` })
    throw new Error(`the listener "${name}" can't be opened on ${address} port ${port}: ${reason}`, { cause })
  }
}
