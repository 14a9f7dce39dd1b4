import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { MemberTable, MemberTableWriter } from '../../../src/placement/member-table.ts'

const KEY = { low: 0x2545f491, high: -0x4f6cdd1d }

t.test('a table has the members that a set has, after any changes, and tells what has changed', async () => {
  const change = fc.record({ isAdded: fc.boolean(), id: fc.integer({ min: 0, max: 150 }) })
  fc.assert(fc.property(fc.array(change, { maxLength: 600 }), fc.nat(200), (changes, room) => {
    const set = new Set<string>()
    const writer = new MemberTableWriter(KEY, room)
    let { memory } = writer
    let table = new MemberTable(memory)
    for (const { isAdded, id } of changes) {
      const text = `user-${id}`
      const differs = isAdded !== set.has(text)
      const said = isAdded ? writer.add(text) : writer.delete(text)
      if (isAdded) set.add(text)
      else set.delete(text)
      if (said !== differs || table.has(text) !== isAdded || writer.size !== set.size) return false
      if (writer.memory !== memory) table = new MemberTable(memory = writer.memory)
    }
    return Array.from({ length: 151 }, (_, id) => `user-${id}`).every(text => table.has(text) === set.has(text))
  }), { numRuns: 60 })
})

t.test('who comes and goes for ever does not make it grow', async t => {
  const writer = new MemberTableWriter(KEY, 40)
  const most = writer.memory.byteLength * 2
  for (let round = 0; round < 20_000; round++) {
    writer.add(`user-${round}`)
    writer.delete(`user-${round - 30}`)
  }
  t.ok(writer.memory.byteLength <= most, `${writer.memory.byteLength} bytes`)
  t.equal(writer.size, 30)
})

/**
 * Looks in every round for texts that are members for ever, that never are, and that come and go; counts what can't be. It ends when the
 * flag says so, at the earliest after a whole round.
 */
const READER = `
  const { parentPort, workerData: { url, memory, stop, steady, never } } = require('node:worker_threads')
  import(url).then(({ MemberTable }) => {
    const table = new MemberTable(memory)
    let wrong = 0
    let rounds = 0
    do {
      for (let id = 0; id < steady; id++) if (!table.has('steady-' + id)) wrong++
      for (let id = 0; id < never; id++) if (table.has('never-' + id)) wrong++
      if (++rounds === 1) parentPort.postMessage('reads')
    } while (Atomics.load(stop, 0) === 0)
    parentPort.postMessage({ wrong, rounds })
  })
`

t.test('threads that read while it changes miss nobody who stays and find nobody who never was there', async t => {
  const [steady, never, coming] = [300, 300, 400]
  const writer = new MemberTableWriter(KEY, 900)
  for (let id = 0; id < steady; id++) writer.add(`steady-${id}`)
  const { memory } = writer
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const url = new URL('../../../src/placement/member-table.ts', import.meta.url).href
  const readers = [1, 2].map(() => new Worker(READER, { eval: true, workerData: { url, memory, stop, steady, never } }))
  await Promise.all(readers.map(async reader => await once(reader, 'message')))
  const ends = readers.map(async reader => await once(reader, 'message'))
  // In and out in another order each time, so that slots are filled again by others.
  for (let round = 0; round < 100; round++) {
    for (let id = 0; id < coming; id++) writer.add(`coming-${round * 7 + id}`)
    for (let id = 0; id < coming; id++) writer.delete(`coming-${round * 7 + (id * 3) % coming}`)
    for (let id = 0; id < coming; id++) writer.delete(`coming-${round * 7 + id}`)
  }
  Atomics.store(stop, 0, 1)
  for (const [result] of await Promise.all(ends)) t.same(result.wrong, 0, `${result.rounds} rounds`)
  t.equal(writer.memory, memory, 'all of it was in the same memory')
  t.equal(writer.size, steady)
  await Promise.all(readers.map(async reader => await reader.terminate()))
})
