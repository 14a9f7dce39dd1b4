/**
 * A ConfigMap in an API server in memory whose watch is told by the test, so that answers and events come in any order; and a store on it.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { KubeError, type KubeApi, type KubeListPage, type KubeObjectApi, type KubeWatchEvent } from '../../src/kube/kube-api.ts'
import type { ConfigMapCodec } from '../../src/store/config-map-codec.ts'
import { ConfigMapStore } from '../../src/store/config-map-store.ts'
import { FakeClock } from './fake-clock.ts'
import { FakeLeadership } from './fake-leadership.ts'
import { ListLog } from './list-log.ts'
import { MemoryWatch } from './memory-watch.ts'

/** One text under one key. */
export const TEXT_CODEC: ConfigMapCodec<string> = {
  initial: 'nothing',
  encode: value => ({ value }),
  decode: data => {
    if (typeof data['value'] !== 'string') throw new Error('value is missing')
    return data['value']
  },
  owns: key => key === 'value'
}

export interface MemoryConfigMap {
  readonly metadata: { readonly name: string, readonly uid: string, readonly resourceVersion: string, readonly labels?: unknown, readonly annotations?: unknown }
  readonly data: Readonly<Record<string, unknown>>
  readonly binaryData?: Readonly<Record<string, unknown>>
  readonly immutable?: boolean
}

/** What is stored. */
export class MemoryConfigMapApi implements KubeApi, KubeObjectApi {
  stored: MemoryConfigMap | undefined
  revision = 10
  /** What the next write gets instead of its answer; the write is made when `made` is set. */
  nextWrite: { readonly error: KubeError, readonly made: boolean } | undefined
  /** Runs between a write and its answer. */
  beforeAnswer: (() => Promise<void>) | undefined
  /** What every write gets; none is made. */
  refusal: KubeError | undefined
  /** What every read of the object gets. */
  unreadable: KubeError | undefined
  /** Runs between a list and its answer. */
  beforeListed: (() => Promise<void>) | undefined
  writes = 0
  readonly #watch = new MemoryWatch()

  put (data: Readonly<Record<string, unknown>>, more: Partial<MemoryConfigMap['metadata']> = {}): MemoryConfigMap {
    this.revision++
    this.stored = { metadata: { name: 'state', uid: this.stored?.metadata.uid ?? `uid-${this.revision}`, ...more, resourceVersion: String(this.revision) }, data }
    return this.stored
  }

  tell (type: string, object: unknown): void {
    this.#watch.tell({ type, object })
  }

  /** Breaks the watch, so that a list follows. */
  breakWatch (): void {
    this.#watch.break(new KubeError('network', 'the watch broke'))
  }

  async list (): Promise<KubeListPage> {
    const page = { resourceVersion: String(this.revision), continueToken: '', items: this.stored === undefined ? [] : [this.stored] }
    await this.beforeListed?.()
    return page
  }

  watch (asked: Parameters<KubeApi['watch']>[0]): AsyncGenerator<KubeWatchEvent, void, undefined> {
    return this.#watch.follow(asked)
  }

  async get (): Promise<unknown> {
    if (this.unreadable !== undefined) throw this.unreadable
    if (this.stored === undefined) throw new KubeError('status', 'not found', { status: 404 })
    return this.stored
  }

  async create (_name: unknown, body: unknown): Promise<unknown> {
    this.#ask()
    if (this.stored !== undefined) throw new KubeError('status', 'already exists', { status: 409 })
    return await this.#write(body)
  }

  async replace (_name: unknown, body: unknown): Promise<unknown> {
    this.#ask()
    if (this.stored === undefined) throw new KubeError('status', 'not found', { status: 404 })
    // As Weir writes it.
    if ((body as MemoryConfigMap).metadata.resourceVersion !== this.stored.metadata.resourceVersion) throw new KubeError('status', 'modified', { status: 409 })
    return await this.#write(body)
  }

  #ask (): void {
    this.writes++
    if (this.refusal !== undefined) throw this.refusal
  }

  async #write (body: unknown): Promise<unknown> {
    const { metadata, data, binaryData, immutable } = body as MemoryConfigMap
    const planned = this.nextWrite
    this.nextWrite = undefined
    const { uid: _, ...kept } = metadata
    const written = planned?.made === false ? undefined : this.put(data, kept)
    if (this.stored !== undefined && written !== undefined) {
      this.stored = { ...written, ...(binaryData === undefined ? {} : { binaryData }), ...(immutable === undefined ? {} : { immutable }) }
    }
    const answer = this.stored
    await this.beforeAnswer?.()
    if (planned !== undefined) throw planned.error
    return answer
  }
}

export async function settled (): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

/** A store on any API server. */
export async function openStoreOn (api: KubeApi & KubeObjectApi, clock = new FakeClock(), leadership = new FakeLeadership('holder')) {
  const log = new ListLog()
  const refused: string[] = []
  const store = new ConfigMapStore<string>({
    api, name: 'state', namespace: 'weir', codec: TEXT_CODEC, clock, random: () => 0, log, leadership, onRefused: reason => { refused.push(reason) }
  })
  const told: string[] = []
  store.watch(({ value }) => { told.push(value) })
  store.start()
  await settled()
  return { store, log, refused, told, clock }
}

export async function openStore (api = new MemoryConfigMapApi(), leadership?: FakeLeadership) {
  return { api, ...await openStoreOn(api, undefined, leadership) }
}
