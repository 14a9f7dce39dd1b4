import t from 'tap'
import { descriptorShare, openFilesLimit, openFilesWarning } from '../../../src/net/open-files.ts'

const TABLE = 'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 4096                 files     \nMax locked memory         8388608              8388608              bytes     \n'

t.test('the limit in force is the soft one; without a table there is none', async t => {
  t.equal(openFilesLimit(TABLE), 1024)
  t.equal(openFilesLimit(TABLE.replace('1024 ', 'unlimited')), Infinity)
  t.equal(openFilesLimit(''), Infinity)
  t.ok(openFilesLimit() > 0)
})

t.test('workers share what is not reserved for the rest of Weir', async t => {
  t.equal(descriptorShare(1_000_256, 4), 250_000)
  t.equal(descriptorShare(64, 1), 32, 'of very few, half')
  t.equal(descriptorShare(Infinity, 4), Infinity)
})

t.test('limits that descriptors can not meet are told, with what can be met and the remedy', async t => {
  t.equal(openFilesWarning({ maxConnections: 60_000, workers: 4 }, 1_048_576), undefined)
  t.equal(openFilesWarning({ maxConnections: 60_000, workers: 4 }, Infinity), undefined)
  t.match(openFilesWarning({ maxConnections: 60_000, workers: 2 }, 20_256), {
    openFiles: 20_256,
    workers: 2,
    maxConnections: 60_000,
    clientsPerWorker: 5_000,
    remedy: /ulimit -n.*limits\.maxConnections/
  })
  t.match(openFilesWarning({ maxConnections: 0, workers: 2 }, 20_256), { maxConnections: 'no limit' })
})

t.test('a limit that nobody has written asks for no more than there is, and warns only when that is little', async t => {
  t.equal(openFilesWarning({ maxConnections: 'auto', workers: 2 }, 20_000), undefined)
  t.equal(openFilesWarning({ maxConnections: 'auto', workers: 4 }, Infinity), undefined)
  t.match(openFilesWarning({ maxConnections: 'auto', workers: 2 }, 1_024), { maxConnections: 'auto', clientsPerWorker: 192 })
})
