import t from 'tap'
import { HolderDuty } from '../../../src/core/holder-duty.ts'
import type { HolderStanding, Leadership } from '../../../src/core/leadership.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { FakeLeadership } from '../../helpers/fake-leadership.ts'

function dutyUnder (standing: HolderStanding) {
  const leadership = new FakeLeadership(standing)
  const clock = new FakeClock()
  const seen = { due: true, done: 0 }
  const duty = new HolderDuty({
    leadership,
    clock,
    isDue: () => seen.due,
    perform: async () => {
      seen.done++
      seen.due = false
    }
  })
  return { leadership, clock, seen, duty }
}

t.test('the holder does it at once, and so does everybody while there is none', async t => {
  for (const standing of ['holder', 'vacant'] as const) {
    const { seen, duty, leadership } = dutyUnder(standing)
    duty.ask()
    t.equal(seen.done, 1)
    duty.ask()
    t.equal(seen.done, 1, 'nothing to do is not done')
    duty.stop()
    t.equal(leadership.listeners, 0)
  }
})

t.test('another replica leaves it to the holder, and does it when that is gone', async t => {
  const { seen, duty, leadership, clock } = dutyUnder('follower')
  duty.ask()
  duty.ask()
  t.equal(seen.done, 0)
  leadership.become('vacant')
  t.equal(seen.done, 1)
  t.equal(clock.pending, 0)
  seen.due = true
  leadership.become('follower')
  t.equal(seen.done, 1)
  leadership.become('holder')
  t.equal(seen.done, 2)
})

t.test('a holder that has not done it in 20 s is not relied on; one that has done it is', async t => {
  const { seen, duty, clock } = dutyUnder('follower')
  duty.ask()
  clock.advance(19_999)
  t.equal(seen.done, 0)
  duty.ask()
  clock.advance(1)
  t.equal(seen.done, 1)
  seen.due = true
  duty.ask()
  seen.due = false
  clock.advance(60_000)
  t.equal(seen.done, 1)
})

t.test('after its end it does nothing', async t => {
  const { seen, duty, leadership, clock } = dutyUnder('follower')
  duty.ask()
  duty.stop()
  clock.advance(60_000)
  leadership.become('holder')
  duty.ask()
  t.same([seen.done, clock.pending], [0, 0])
  const port: Leadership = leadership
  t.ok(port.isHolder)
})
