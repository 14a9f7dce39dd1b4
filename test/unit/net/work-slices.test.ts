import t from 'tap'
import { WorkSlices } from '../../../src/net/turns.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

t.test('a slice is over by time, not by count, and the next one begins in another turn', async t => {
  const clock = new FakeClock()
  const slices = new WorkSlices(clock)
  for (let count = 0; count < 1_000; count++) t.notOk(slices.isOver)
  clock.advance(4)
  t.notOk(slices.isOver)
  clock.advance(1)
  t.ok(slices.isOver)
  let turned = false
  setImmediate(() => { turned = true })
  const resting = slices.rest()
  clock.advance(7)
  await resting
  t.ok(turned, 'everything else had its turn')
  t.notOk(slices.isOver, 'what others did is not in its time')
})
