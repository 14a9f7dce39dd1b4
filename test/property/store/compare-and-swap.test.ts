import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { FileStore } from '../../../src/store/file-store.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import type { StateStore, Versioned } from '../../../src/store/state-store.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ListLog } from '../../helpers/list-log.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { textCodec } from '../../helpers/text-codec.ts'

interface Commit {
  readonly on: string
  readonly value: string
}

/** A writer that reads, pauses for a few turns of the loop, and swaps; again when it lost. */
async function writer (store: StateStore<string>, name: string, pauses: readonly number[], commits: Commit[]): Promise<void> {
  for (const [index, pause] of pauses.entries()) {
    const value = `${name}${index}`
    let current = await store.read()
    for (;;) {
      for (let turn = 0; turn < pause; turn++) await Promise.resolve()
      const swapped = await store.compareAndSwap(current.version, value)
      if (swapped.ok) break
      current = swapped.current
    }
    commits.push({ on: current.value, value })
  }
}

/** Every commit was made on the value of exactly one other: the commits are one chain, which watchers saw in its order. */
async function checkLinear (store: StateStore<string>, plans: readonly (readonly number[])[]): Promise<boolean> {
  const seen: Versioned<string>[] = []
  const stop = store.watch(current => { seen.push(current) })
  const commits: Commit[] = []
  const start = (await store.read()).value
  await Promise.all(plans.map((pauses, index) => writer(store, `w${index}.`, pauses, commits)))
  stop()
  const next = new Map(commits.map(({ on, value }) => [on, value]))
  const chain: string[] = []
  for (let value = next.get(start); value !== undefined; value = next.get(value)) chain.push(value)
  const total = plans.reduce((sum, pauses) => sum + pauses.length, 0)
  return chain.length === total && next.size === total &&
    JSON.stringify(seen.map(({ value }) => value)) === JSON.stringify(chain) &&
    new Set(seen.map(({ version }) => version)).size === total &&
    (await store.read()).value === (chain.at(-1) ?? start)
}

const plans = fc.array(fc.array(fc.nat({ max: 6 }), { maxLength: 5 }), { maxLength: 6 })

t.test('concurrent writers of a memory store make one chain of commits', async () => {
  await fc.assert(fc.asyncProperty(plans, chosen => checkLinear(new MemoryStore('', error => { throw error }), chosen)))
})

t.test('concurrent writers of a file store make one chain of commits, and the last survives', async t => {
  const directory = await temporaryDirectory(t)
  let run = 0
  await fc.assert(fc.asyncProperty(plans, async chosen => {
    const options = { path: join(directory, `state-${run++}.json`), codec: textCodec, clock: new FakeClock(), log: new ListLog() }
    const store = await FileStore.open(options)
    const linear = await checkLinear(store, chosen)
    const last = await store.read()
    await store.close()
    const again = await FileStore.open(options)
    const kept = await again.read()
    await again.close()
    return linear && kept.value === last.value && kept.version === last.version
  }), { numRuns: 20 })
})
