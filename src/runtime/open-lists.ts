/** The lists that the configuration asks for, kept where the weights are kept. */
import { randomBytes } from 'node:crypto'
import { LISTS_SUFFIX } from '../config/list-rules.ts'
import type { Config } from '../config/schema.ts'
import { assertNever } from '../core/assert-never.ts'
import { Random } from '../core/random.ts'
import { ListBook, type ListBookDeps } from '../lists/list-book.ts'
import type { ListStore } from '../lists/list-store.ts'
import { noLists, StateListStore } from '../lists/state-list-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { createKubeClient } from './create-discovery.ts'
import type { StoreDeps } from './open-at-start.ts'

/** Nothing is read yet: the first configuration with a list does that. */
export async function openLists (config: Config, deps: StoreDeps & Pick<ListBookDeps, 'publish' | 'onChange'>): Promise<ListBook> {
  const { clock, publish, onChange, log } = deps
  const random = randomBytes(8)
  return new ListBook({
    store: await openListStore(config, deps),
    clock,
    publish,
    onChange,
    onFailure: ({ route, list }, error) => { log.error('a change of a list could not be stored', { route, list, error: error.message }) },
    key: { low: random.readInt32LE(0), high: random.readInt32LE(4) }
  })
}

async function openListStore (config: Config, { clock, log, metrics, leadership }: StoreDeps): Promise<ListStore> {
  const { state } = config
  switch (state.store) {
    case 'memory': return new StateListStore(new MemoryStore(
      noLists(), error => { log.error('a watcher of the lists failed', { error: String(error) }) }
    ), log)
    case 'file': {
      const { FileListStore } = await import('../lists/file-list-store.ts')
      return new FileListStore({ statePath: state.path, clock, log })
    }
    case 'kubernetes': {
      const [{ ConfigMapStore }, { createListConfigMapCodec }] = await Promise.all([
        import('../store/config-map-store.ts'), import('../lists/list-config-map.ts')
      ])
      const random = new Random()
      return new StateListStore(new ConfigMapStore({
        api: createKubeClient(config, clock),
        name: state.name + LISTS_SUFFIX,
        namespace: config.kubernetes.namespace,
        codec: createListConfigMapCodec(),
        subject: 'what is known of the lists',
        clock,
        random: () => random.nextFraction(),
        log,
        onRefused: reason => { metrics.stateRefused(reason) },
        ...(leadership === undefined ? {} : { leadership })
      }), log)
    }
    default: return assertNever(state.store)
  }
}
