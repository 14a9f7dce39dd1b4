/**
 * The store that the configuration asks for.
 */
import type { Config } from '../config/schema.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Clock } from '../core/clock.ts'
import { createTrafficCodec } from '../rollout/traffic-codec.ts'
import { EMPTY_TRAFFIC } from '../rollout/traffic-state.ts'
import type { TrafficState } from '../rollout/traffic-state.ts'
import type { EventLog } from '../core/logger.ts'
import { FileStore } from '../store/file-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { StateStore } from '../store/state-store.ts'

/** @throws StoreError when the file can't be used */
export async function openStore (state: Config['state'], clock: Clock, log: EventLog): Promise<StateStore<TrafficState>> {
  switch (state.store) {
    case 'memory': return new MemoryStore<TrafficState>(
      EMPTY_TRAFFIC, error => { log.error('a watcher of the state store failed', { error: String(error) }) }
    )
    case 'file': return await FileStore.open({ path: state.path, codec: createTrafficCodec(), clock, log })
    default: return assertNever(state.store)
  }
}
