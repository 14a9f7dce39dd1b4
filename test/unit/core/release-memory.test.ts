import t from 'tap'
import { releaseMemory } from '../../../src/core/release-memory.ts'

t.test('garbage is gone afterwards, and the flags of the process are as before', async t => {
  let garbage: object | undefined = { large: new Uint8Array(1024) }
  const reference = new WeakRef(garbage)
  garbage = undefined
  // A WeakRef holds its object until the end of the turn.
  await new Promise(resolve => { setImmediate(resolve) })
  await releaseMemory()
  t.equal(reference.deref(), undefined)
  const { runInNewContext } = await import('node:vm')
  t.equal(runInNewContext('typeof gc'), 'undefined')
})
