/**
 * An API server in memory with the rules for writes of the double (`kube-api-server-named.ts`), for tests whose clock stands still.
 */
import { KubeError, type KubeApi, type KubeObjectApi, type KubeObjectName, type KubeWatchEvent } from '../../src/kube/kube-api.ts'
import { LEASES } from './kube-api-server-collection.ts'
import { type GivenObject, type NamedEvent, NamedObjects, type Written } from './kube-api-server-named.ts'
import { MemoryWatch } from './memory-watch.ts'

/** What a request gets instead of its answer; `made` writes all the same. */
export interface MemoryFault {
  readonly error: KubeError
  readonly made: boolean
}

/** What all clients see. */
export class MemoryCluster {
  readonly leases: NamedObjects
  readonly clients = new Set<MemoryKubeApi>()

  constructor () {
    this.leases = new NamedObjects(LEASES, { revision: 100 }, event => { for (const client of this.clients) client.tell(event) })
  }
}

/** One client of it, whose way there may break. */
export class MemoryKubeApi implements KubeApi, KubeObjectApi {
  /** Every request: `get`, `create`, `replace`, `list` or `watch`. */
  readonly requests: string[] = []
  /** Undefined: all is well. */
  fault: MemoryFault | undefined
  /** Events are kept back. */
  deaf = false
  readonly #cluster: MemoryCluster
  readonly #watch = new MemoryWatch(() => this.deaf)

  constructor (cluster: MemoryCluster) {
    this.#cluster = cluster
    cluster.clients.add(this)
  }

  tell ({ type, object }: NamedEvent): void {
    this.#watch.tell({ type, object })
  }

  /** Hears what was kept back. */
  hear (): void {
    this.deaf = false
    this.#watch.look()
  }

  async list ({ collection }: Parameters<KubeApi['list']>[0]) {
    this.#begin('list')
    this.#watch.forget()
    return { resourceVersion: '1', continueToken: '', items: this.#cluster.leases.list(collection.namespace ?? 'default') }
  }

  watch (asked: Parameters<KubeApi['watch']>[0]): AsyncGenerator<KubeWatchEvent, void, undefined> {
    const opened = (): void => {
      this.#begin('watch')
      asked.opened?.()
    }
    return this.#watch.follow({ ...asked, opened })
  }

  async get ({ namespace = 'default', name }: KubeObjectName): Promise<unknown> {
    this.#begin('get')
    const found = this.#cluster.leases.get(namespace, name)
    if (found === undefined) throw new KubeError('status', 'not found', { status: 404 })
    return found
  }

  async create ({ namespace = 'default' }: KubeObjectName, body: unknown): Promise<unknown> {
    return this.#written('create', () => this.#cluster.leases.create(namespace, copyOf(body)))
  }

  async replace ({ namespace = 'default', name }: KubeObjectName, body: unknown): Promise<unknown> {
    return this.#written('replace', () => this.#cluster.leases.replace(namespace, name, copyOf(body)))
  }

  #written (kind: string, write: () => Written): unknown {
    const fault = this.fault
    if (fault?.made !== true) this.#begin(kind)
    else this.requests.push(kind)
    const written = write()
    if (fault !== undefined) throw fault.error
    if ('object' in written) return written.object
    throw new KubeError('status', written.message, { status: written.status })
  }

  #begin (kind: string): void {
    this.requests.push(kind)
    if (this.fault !== undefined) throw this.fault.error
  }
}

function copyOf (body: unknown): GivenObject {
  return JSON.parse(JSON.stringify(body)) as GivenObject // as Weir writes it
}
