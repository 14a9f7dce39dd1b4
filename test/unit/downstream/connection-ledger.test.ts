import t from 'tap'
import { Random } from '../../../src/core/random.ts'
import { ConnectionLedger, createLedgerMemory } from '../../../src/downstream/connection-ledger.ts'
import { clientCount } from '../../helpers/client-count.ts'

function ledgers (workers: number, listeners: number, seed = 1): readonly ConnectionLedger[] {
  const memory = createLedgerMemory(workers, listeners, new Random(seed))
  return Array.from({ length: workers }, (_, worker) => new ConnectionLedger(memory, worker))
}

function one (seed = 1): ConnectionLedger {
  return new ConnectionLedger(createLedgerMemory(1, 1, new Random(seed)), 0)
}

t.test('the limit of a listener holds over all workers, for each listener by itself', async t => {
  const all = ledgers(3, 2)
  for (const ledger of all) t.equal(ledger.enterListener(1, 3), true)
  for (const ledger of all) t.equal(ledger.enterListener(1, 3), false)
  for (const ledger of all) t.equal(ledger.listenerCount(1), 3)
  t.equal(all[0]?.listenerCount(0), 0)
  t.equal(all[0]?.enterListener(0, 1), true)
  all[2]?.leaveListener(1)
  t.equal(all[0]?.enterListener(1, 3), true)
})

t.test('connections are counted where there is no limit, for one that comes later', async t => {
  const ledger = one()
  for (let round = 0; round < 5; round++) t.equal(ledger.enterListener(0, 0), true)
  t.equal(ledger.enterListener(0, 5), false)
  t.equal(ledger.listenerCount(0), 5)
})

t.test('the limit of a client holds over all workers', async t => {
  const [first, second] = ledgers(2, 1)
  const cells = first?.enterClient('192.0.2.1', 2)
  t.ok(cells)
  t.ok(second?.enterClient('::ffff:192.0.2.1', 2), 'the same address in another form')
  t.equal(first?.enterClient('192.0.2.1', 2), undefined)
  t.equal(clientCount(first, '192.0.2.1'), 2)
  t.ok(first?.enterClient('192.0.2.2', 2), 'another client')
  if (cells !== undefined) first?.leaveClient(cells)
  t.equal(clientCount(second, '192.0.2.1'), 1)
  t.ok(second?.enterClient('192.0.2.1', 2))
})

t.test('a /64 is one IPv6 client', async t => {
  const ledger = one()
  t.ok(ledger.enterClient('2001:db8:0:1::1', 1))
  t.equal(ledger.enterClient('2001:db8:0:1:ffff::2', 1), undefined)
  t.ok(ledger.enterClient('2001:db8:0:2::1', 1))
})

t.test('a worker that dies leaves nothing behind, and its peers keep what they have', async t => {
  const [first, second] = ledgers(2, 1)
  for (const ledger of [first, second]) {
    ledger?.enterListener(0, 0)
    ledger?.enterClient('192.0.2.1', 9)
    ledger?.enterClient('192.0.2.1', 9)
  }
  first?.clear()
  t.equal(second?.listenerCount(0), 1)
  t.equal(clientCount(second, '192.0.2.1'), 2)
  t.equal(first?.listenerCount(0), 1)
})

t.test('no client is counted too low, and few are counted too high among very many', async t => {
  const ledger = one(5)
  const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
  for (let index = 0; index < 60_000; index++) ledger.enterClient(address(index), 1_000)
  let tooHigh = 0
  for (let index = 0; index < 60_000; index++) {
    const count = clientCount(ledger, address(index))
    if (count < 1) t.fail(`${address(index)} is counted ${count} times`)
    if (count > 8) tooHigh++
  }
  t.equal(tooHigh, 0)
})

t.test('which clients share cells is not the same in another process', async t => {
  const shared = [1, 2].map(seed => {
    const ledger = one(seed)
    for (let index = 0; index < 60_000; index++) ledger.enterClient(`10.0.${index >> 8}.${index & 255}`, 1_000)
    return Array.from({ length: 5_000 }, (_, index) => clientCount(ledger, `192.168.${index >> 8}.${index & 255}`)).join()
  })
  t.not(shared[0], shared[1])
})

t.test('a worker without a region is refused', async t => {
  const memory = createLedgerMemory(2, 1, new Random(1))
  t.throws(() => new ConnectionLedger(memory, 2), RangeError)
})
