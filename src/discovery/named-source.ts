import { endpointKey, type Endpoint } from '../core/endpoint.ts'
import { parseTarget } from '../core/socket-address.ts'
import type { OwnPorts } from '../core/own-ports.ts'
import { ownReason } from './checked-slice.ts'
import {
  MAX_IGNORED, type EndpointListener, type EndpointSource, type EndpointSourceStatus, type IgnoredAddress
} from './endpoint-source.ts'
import { WatchedName, type NameContext } from './watched-name.ts'

interface Target {
  readonly port: number
  /** Undefined for an address. */
  readonly name: WatchedName | undefined
  readonly address: string
}

/**
 * Endpoints of which some are given by name: `app:8080`. Each name stands for all of its addresses, in the order of the
 * configuration. Addresses beside names are there from the start.
 */
export class NamedSource implements EndpointSource {
  readonly #targets: readonly Target[]
  readonly #names: readonly WatchedName[]
  readonly #ownPorts: OwnPorts
  #listener: EndpointListener | undefined

  /**
   * @param texts `name:port` or `address:port` each
   * @throws RangeError for an entry that is neither
   */
  constructor (texts: readonly string[], context: NameContext) {
    this.#ownPorts = context.ownPorts
    const names = new Map<string, WatchedName>()
    this.#targets = texts.map(text => {
      const { host, port, isName } = parseTarget(text)
      if (!isName) return { port, address: host, name: undefined }
      const name = names.get(host) ?? new WatchedName(host, context, () => { this.#tell() })
      names.set(host, name)
      return { port, address: '', name }
    })
    this.#names = [...names.values()]
  }

  start (listener: EndpointListener): void {
    this.#listener = listener
    for (const name of this.#names) name.start()
    this.#tell()
  }

  stop (): void {
    for (const name of this.#names) name.stop()
  }

  get names (): readonly string[] { return this.#names.map(({ name }) => name) }

  /** Every name has been answered, or what is there already is better than nothing. */
  get #synced (): boolean {
    return this.#names.every(({ addresses }) => addresses !== undefined)
  }

  #tell (): void {
    const endpoints = this.#endpoints()
    if (this.#synced || endpoints.length > 0) this.#listener?.(endpoints)
  }

  #endpoints (): readonly Endpoint[] {
    const found = new Map<string, Endpoint>()
    for (const { name, address, port } of this.#targets) {
      for (const one of name === undefined ? [address] : name.addresses ?? []) {
        if (this.#ownPorts.at(one, port) !== undefined) continue
        const endpoint = { address: one, port, ready: true, serving: true, terminating: false }
        found.set(endpointKey(endpoint), endpoint)
      }
    }
    return [...found.values()]
  }

  /** Addresses at which Weir itself would answer; at most MAX_IGNORED. */
  #own (): readonly IgnoredAddress[] {
    const found: IgnoredAddress[] = []
    for (const { name, port } of this.#targets) {
      for (const address of name?.addresses ?? []) {
        const own = this.#ownPorts.at(address, port)
        if (own !== undefined && found.length < MAX_IGNORED) found.push({ address, reason: ownReason(own) })
      }
    }
    return found
  }

  status (): EndpointSourceStatus {
    const synced = this.#synced
    const errors = this.#names.flatMap(({ lastError }) => lastError === undefined ? [] : [lastError])
    const own = this.#own()
    const [loop] = own
    const times = this.#names.flatMap(({ lastSyncWallMs }) => lastSyncWallMs === undefined ? [] : [lastSyncWallMs])
    return {
      kind: 'dns',
      synced,
      lastSyncWallMs: times.length === 0 ? undefined : Math.min(...times),
      restarts: this.#names.reduce((sum, { failures }) => sum + failures, 0),
      lastError: errors.length === 0 ? undefined : errors.join('; '),
      ignored: [...own, ...this.#names.flatMap(({ ignored }) => ignored)].slice(0, MAX_IGNORED),
      whyNone: errors.length > 0 ? errors.join('; ') : loop === undefined ? 'its name has no address' : `its name leads to ${loop.address}, and ${loop.reason}`
    }
  }
}
