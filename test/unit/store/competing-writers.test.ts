/** Replicas that change one ConfigMap at the same time, each as fast as it can, on an API server that takes its time. */
import t from 'tap'
import { pause } from '../../../src/core/abortable.ts'
import { Random } from '../../../src/core/random.ts'
import type { KubeApi, KubeListPage, KubeObjectApi, KubeWatchEvent } from '../../../src/kube/kube-api.ts'
import type { ConfigMapStore } from '../../../src/store/config-map-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { MemoryConfigMapApi, openStore, openStoreOn, settled } from '../../helpers/memory-config-map.ts'
import { MemoryWatch } from '../../helpers/memory-watch.ts'

const SIMULATED_MS = 2_000

interface Server {
  readonly stored: MemoryConfigMapApi
  readonly seats: Set<Seat>
  readonly clock: FakeClock
  readonly random: Random
}

/** What one replica has of the server: its requests and its watch take a while each way. */
class Seat implements KubeApi, KubeObjectApi {
  readonly #server: Server
  /** To the server or back, at most. */
  readonly #wayMs: number
  readonly #watch = new MemoryWatch()
  #toldMs = 0

  constructor (server: Server, wayMs: number) {
    this.#server = server
    this.#wayMs = wayMs
    server.seats.add(this)
  }

  async list (): Promise<KubeListPage> {
    return await this.#server.stored.list()
  }

  watch (asked: Parameters<KubeApi['watch']>[0]): AsyncGenerator<KubeWatchEvent, void, undefined> {
    return this.#watch.follow(asked)
  }

  async get (): Promise<unknown> {
    return await this.#ask(async () => await this.#server.stored.get())
  }

  async create (name: unknown, body: unknown): Promise<unknown> {
    return await this.#ask(async () => await this.#server.stored.create(name, body))
  }

  async replace (name: unknown, body: unknown): Promise<unknown> {
    return await this.#ask(async () => {
      const written = await this.#server.stored.replace(name, body)
      for (const { hear } of this.#server.seats) hear(written)
      return written
    })
  }

  readonly hear = (object: unknown): void => {
    const { clock } = this.#server
    // In their order.
    this.#toldMs = Math.max(this.#toldMs, clock.nowMs() + this.#way())
    clock.after(this.#toldMs - clock.nowMs(), () => { this.#watch.tell({ type: 'MODIFIED', object }) })
  }

  #way (): number {
    return this.#wayMs * (0.5 + this.#server.random.nextFraction() / 2)
  }

  async #ask (does: () => Promise<unknown>): Promise<unknown> {
    const { clock } = this.#server
    await pause(clock, this.#way())
    try {
      return await does()
    } finally {
      await pause(clock, this.#way())
    }
  }
}

/** Changes one after the other, until the time is over. @returns how often each one was tried */
async function writer (store: ConfigMapStore<string>, name: string, clock: FakeClock): Promise<readonly number[]> {
  const tries: number[] = []
  while (clock.nowMs() < SIMULATED_MS) {
    let current = await store.read()
    for (let attempt = 1; ; attempt++) {
      const swapped = await store.compareAndSwap(current.version, `${name} ${tries.length}`)
      if (swapped.ok) {
        tries.push(attempt)
        break
      }
      current = swapped.current
    }
  }
  return tries
}

/** Replicas so far from the server write for a while. @returns how often each of them tried each of its writes */
async function compete (waysMs: readonly number[]): Promise<ReadonlyArray<readonly number[]>> {
  const clock = new FakeClock()
  const random = new Random(7)
  const server = { stored: new MemoryConfigMapApi(), seats: new Set<Seat>(), clock, random }
  server.stored.put({ value: 'there' })
  const opened = await Promise.all(waysMs.map(async wayMs => await openStoreOn(new Seat(server, wayMs), clock)))
  const writers = Promise.all(opened.map(async ({ store }, index) => await writer(store, String(index), clock)))
  for (let ms = 0; ms < SIMULATED_MS + 1_000; ms++) {
    clock.advance(1)
    await settled()
  }
  const tries = await writers
  await Promise.all(opened.map(async ({ store }) => { await store.close() }))
  return tries
}

for (const replicas of [2, 3, 5]) {
  t.test(`each of ${replicas} that write all the time gets its turn, and none loses for long`, async t => {
    const tries = await compete(Array.from({ length: replicas }, () => 10))
    t.comment(tries.map(list => `${list.length} writes, at most ${Math.max(...list)} tries`).join('; '))
    const writes = tries.map(list => list.length)
    t.ok(Math.min(...writes) * 2 >= Math.max(...writes), `writes: ${writes.join(', ')}`)
    t.ok(Math.max(...tries.flat()) <= 10, 'without turns it is up to 60')
  })
}

t.test('a replica that writes alone never waits', async t => {
  const [tries = []] = await compete([10])
  t.ok(tries.length >= SIMULATED_MS / 20, `${tries.length} writes`)
})

t.test('what the watch has told by the time of a conflict is not read again', async t => {
  const { api, store } = await openStore()
  api.put({ value: 'there' })
  const { version } = await store.read()
  const theirs = api.put({ value: 'theirs' })
  let reads = 0
  api.get = async () => {
    reads++
    return api.stored
  }
  const swap = store.compareAndSwap(version, 'ours')
  api.tell('ADDED', theirs)
  t.match(await swap, { ok: false, current: { value: 'theirs' } })
  t.equal(reads, 0)
  await store.close()
})
