import t from 'tap'
import { ControlTicker } from '../../../src/telemetry/control-ticker.ts'
import { CounterBook } from '../../../src/telemetry/counter-book.ts'
import { SLOT, slotView } from '../../../src/telemetry/counter-layout.ts'
import { LoopLag } from '../../../src/telemetry/loop-lag.ts'
import { ObservedShares } from '../../../src/telemetry/observed-share.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

/** A sample is taken in a turn of its own. */
async function nextTurn (): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}

t.test('lag is how much later than the interval a tick comes', t => {
  const lag = new LoopLag(100)
  lag.tick(5_000)
  t.equal(lag.lagS, 0, 'nothing is known at the first tick')
  lag.tick(5_350)
  t.equal(lag.lagS, 0.25)
  lag.tick(5_450)
  t.equal(lag.lagS, 0)
  lag.tick(5_500)
  t.equal(lag.lagS, 0, 'early is not negative')
  t.equal(lag.maxLagS, 0.25)
  t.end()
})

t.test('the control plane measures its loop each second and samples shares', async t => {
  const clock = new FakeClock()
  const book = new CounterBook(clock)
  const shares = new ObservedShares(clock)
  const reading = { idle: 100, active: 10 }
  const ticker = new ControlTicker(clock, book, shares, () => ({ ...reading }))
  const slot = book.slotFor('hello', 'stable')
  book.addWorker(0)
  ticker.start()
  ticker.start()
  t.equal(clock.pending, 1, 'it ticks once however often it is started')
  await nextTurn()
  reading.idle += 750
  reading.active += 250
  clock.advance(1_000)
  t.equal(ticker.loop.utilization, 0.25)
  t.equal(ticker.loop.lagS, 0)
  slotView(book.segmentsOf(0), slot)[SLOT.requestsByClass + 1] = 3
  clock.advance(4_000)
  await nextTurn()
  t.equal(shares.share('hello', 'stable'), 1)
  ticker.stop()
  t.equal(clock.pending, 0)
})
