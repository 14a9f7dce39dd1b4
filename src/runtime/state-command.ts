/**
 * `weir state export` and `weir state import`: the weights and their history out of one store and into another one. The text is that of a
 * state file.
 */
import { ConfigError } from '../config/config-error.ts'
import { loadConfig, type ConfigSources } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { pause } from '../core/abortable.ts'
import { foregroundClock } from '../core/clock.ts'
import { errorText } from '../core/error-text.ts'
import { nameSome, printable, type EventLog } from '../core/logger.ts'
import { readBounded } from '../core/read-bounded.ts'
import { readWholeFile } from '../core/read-whole-file.ts'
import { createTrafficCodec } from '../rollout/traffic-codec.ts'
import type { TrafficState } from '../rollout/traffic-state.ts'
import { withImported } from '../rollout/transition.ts'
import { openStateEnvelope, sealStateEnvelope } from '../store/file-store.ts'
import { attemptsAt, type StateCodec, type StateStore, type Versioned } from '../store/state-store.ts'
import { openStore } from './open-at-start.ts'

const MAX_BYTES = 64 * 1_048_576
/** How long the Kubernetes API may take to give out what is stored. */
const READ_MS = 10_000

export interface StateStreams {
  readonly input: AsyncIterable<unknown>
  readonly out: (text: string) => void
  readonly complain: (text: string) => void
}

/** What is said while it works is of no interest when it works, and in the error when it does not. */
const SILENT: EventLog = { info: () => {}, warn: () => {}, error: () => {} }

/**
 * Writes what is stored to `out`, or stores what comes from `input`.
 * @returns the exit code: 0 done, 1 not, 2 wrong arguments
 */
export async function stateCommand (action: 'export' | 'import', sources: ConfigSources, streams: StateStreams): Promise<number> {
  try {
    const { config } = await loadConfig(sources)
    if (config.state.store === 'memory') throw new Error('state.store is memory, which nothing outlives: name a configuration with another store')
    const codec = createTrafficCodec((place, fault) => {
      streams.complain(`${printable(`weir state ${action}: ${place} is left out, for no request is matched by it: ${fault}`)}\n`)
    })
    streams.out(action === 'export' ? await exported(config, codec) : await imported(config, codec, await readText(streams.input)))
    const lists = config.routes.flatMap(route => route.lists.map(({ name }) => `${route.name} ${name}`))
    if (action === 'export' && lists.length > 0) {
      streams.complain(`weir state export: the members of lists are not in it (${nameSome(lists)}): weir list show ROUTE LIST --all -o json has them\n`)
    }
    return 0
  } catch (error) {
    streams.complain(`${printable(error instanceof ConfigError ? error.message : `weir state ${action}: ${errorText(error)}`)}\n`)
    return error instanceof ConfigError && error.blamesArguments ? 2 : 1
  }
}

async function exported (config: Config, codec: StateCodec<TrafficState>): Promise<string> {
  // A file is read as it is, since a running Weir owns it; each change replaces it as a whole.
  if (config.state.store === 'file') {
    const { path } = config.state
    const content = await readWholeFile(path, MAX_BYTES)
    if ('fault' in content) throw new Error(`${path} ${content.fault.phrase}`)
    return sealStateEnvelope(codec, openStateEnvelope(codec, Buffer.from(content.bytes).toString('utf8')))
  }
  return await withStore(config, async store => sealStateEnvelope(codec, { value: (await readSynced(store)).value, version: '1' }))
}

async function imported (config: Config, codec: StateCodec<TrafficState>, text: string): Promise<string> {
  const { value } = openStateEnvelope(codec, text)
  return await withStore(config, async store => {
    let current = await readSynced(store)
    for (let attempt = 1; attempt <= attemptsAt(store); attempt++) {
      const swapped = await store.compareAndSwap(current.version, withImported(current.value, value))
      if (swapped.ok) return `${value.routes.size} ${value.routes.size === 1 ? 'route has' : 'routes have'} been imported.\n`
      current = swapped.current
    }
    throw new Error('others change the state all the time; try again')
  })
}

async function withStore<R> (config: Config, work: (store: StateStore<TrafficState>) => Promise<R>): Promise<R> {
  const store = await openStore(config, { clock: foregroundClock, log: SILENT, metrics: { stateRefused: () => {} } })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** Waits for a store that may take a while until it can be read. */
async function readSynced (store: StateStore<TrafficState>): Promise<Versioned<TrafficState>> {
  if (store.status().state === 'starting') {
    const told = new AbortController()
    const stop = store.watch(() => { told.abort() })
    await pause(foregroundClock, READ_MS, told.signal)
    stop()
  }
  return await store.read()
}

async function readText (input: AsyncIterable<unknown>): Promise<string> {
  const bytes = await readBounded(input, MAX_BYTES)
  if (bytes === undefined) throw new Error(`standard input has more than ${MAX_BYTES} bytes, which no state has`)
  return bytes.toString('utf8')
}
