import t from 'tap'
import { bufferShare, bufferWarning, memoryFacts } from '../../../src/net/byte-budget.ts'

const MIB = 1_048_576
const GIB = 1_024 * MIB
const HUGE = 2 ** 63

t.test('workers share half of what the process leaves of the memory limit', async t => {
  for (const [limitMib, machineGib, workers, mib] of [
    [512, 16, 1, 200], [512, 16, 2, 94], [512, 16, 4, 41], [1_024, 16, 2, 222], [4_096, 16, 4, 489],
    [256, 16, 2, 30], [160, 16, 2, 16], [64, 16, 1, 16], [128, 16, 1, 16],
    // No limit: so much for each, and for all of them no more than a quarter of the machine.
    [0, 16, 2, 256], [0, 16, 16, 256], [0, 4, 8, 128], [0, 1, 2, 128], [0, 1, 64, 16],
    // A limit that is more than there is, is none.
    [32_768, 16, 2, 256], [HUGE / MIB, 16, 2, 256]
  ] as const) {
    t.equal(
      bufferShare({ limitBytes: limitMib * MIB, machineBytes: machineGib * GIB }, workers),
      mib * MIB,
      `${limitMib} MiB of ${machineGib} GiB, ${workers} workers`
    )
  }
})

t.test('a value that the memory limit does not leave is told, with what it leaves', async t => {
  const facts = { limitBytes: 512 * MIB, machineBytes: 16 * GIB }
  t.equal(bufferWarning(bufferShare(facts, 2), facts, 2), undefined)
  t.equal(bufferWarning(188 * MIB, facts, 2), undefined)
  t.match(bufferWarning(189 * MIB, facts, 2), {
    memoryLimit: 512 * MIB,
    workers: 2,
    maxBufferedBytes: 189 * MIB,
    roomPerWorker: 188 * MIB,
    remedy: /limits\.maxBufferedBytes/
  })
  t.match(bufferWarning(16 * MIB, { ...facts, limitBytes: 64 * MIB }, 1), { roomPerWorker: 0 }, 'the least is too much for the smallest')
  t.equal(bufferWarning(GIB, { ...facts, limitBytes: 0 }, 2), undefined, 'without a limit there is nothing to say')
})

t.test('the system tells what there is', async t => {
  const { limitBytes, machineBytes } = memoryFacts()
  t.ok(limitBytes >= 0 && machineBytes > 0)
})
