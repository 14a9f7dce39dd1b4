import t from 'tap'
import { LookSchedule } from '../../../src/net/look-schedule.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const HINT_MS = 100
const POLL_MS = 5_000

/** A schedule whose looks end when the test says so, each with the time to the next one. */
function createScene () {
  const clock = new FakeClock()
  const lookedAt: number[] = []
  let end: ((nextMs: number) => void) | null = null
  const schedule = new LookSchedule({
    clock,
    hintMs: HINT_MS,
    look: async () => {
      lookedAt.push(clock.nowMs())
      return await new Promise<number>(resolve => { end = resolve })
    }
  })
  return {
    clock,
    schedule,
    lookedAt,
    async endLook (nextMs = POLL_MS) {
      end?.(nextMs)
      end = null
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    }
  }
}

t.test('before the start nothing is looked at', async t => {
  const { clock, schedule, lookedAt } = createScene()
  t.ok(schedule.stopped)
  schedule.hint()
  schedule.lookIn(1)
  t.equal(clock.pending, 0)
  schedule.start()
  t.notOk(schedule.stopped)
  t.equal(clock.pending, 0, 'nor by the start alone')
  clock.advance(POLL_MS)
  t.same(lookedAt, [])
})

t.test('each look says when the next one is', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(10)
  clock.advance(10)
  await endLook(POLL_MS)
  clock.advance(POLL_MS - 1)
  t.same(lookedAt, [10])
  clock.advance(1)
  await endLook(30)
  clock.advance(30)
  t.same(lookedAt, [10, 10 + POLL_MS, 40 + POLL_MS])
})

t.test('the earlier of two looks is made, with one timer', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(500)
  schedule.lookIn(50)
  schedule.lookIn(200)
  t.equal(clock.pending, 1)
  clock.advance(50)
  await endLook()
  clock.advance(1_000)
  t.same(lookedAt, [50])
})

t.test('a hint hastens the look, and more of them do not put it off', async t => {
  const { clock, schedule, lookedAt } = createScene()
  schedule.start()
  schedule.lookIn(POLL_MS)
  schedule.hint()
  clock.advance(HINT_MS / 2)
  schedule.hint()
  clock.advance(HINT_MS / 2)
  t.same(lookedAt, [HINT_MS])
})

t.test('one look at a time: a hint during a look asks for another one soon', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(0)
  clock.advance(0)
  schedule.hint()
  schedule.hint()
  clock.advance(POLL_MS)
  t.same(lookedAt, [0])
  await endLook()
  clock.advance(HINT_MS)
  t.same(lookedAt, [0, POLL_MS + HINT_MS])
  await endLook()
  clock.advance(POLL_MS - 1)
  t.equal(lookedAt.length, 2, 'the hint is used up')
})

t.test('a time that comes during a look counts as a hint', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(0)
  clock.advance(0)
  schedule.lookIn(10)
  clock.advance(10)
  t.same(lookedAt, [0])
  await endLook()
  clock.advance(HINT_MS)
  t.same(lookedAt, [0, 10 + HINT_MS])
})

t.test('a look that wants no other one waits for a hint', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(0)
  clock.advance(0)
  await endLook(Infinity)
  t.equal(clock.pending, 0)
  schedule.hint()
  clock.advance(HINT_MS)
  t.same(lookedAt, [0, HINT_MS])
})

t.test('after stop no look begins, not after one that was under way either, until the next start', async t => {
  const { clock, schedule, lookedAt, endLook } = createScene()
  schedule.start()
  schedule.lookIn(0)
  clock.advance(0)
  schedule.lookIn(10)
  schedule.stop()
  t.ok(schedule.stopped)
  t.equal(clock.pending, 0)
  schedule.hint()
  await endLook()
  t.equal(clock.pending, 0)
  schedule.start()
  schedule.lookIn(10)
  clock.advance(10)
  t.same(lookedAt, [0, 10])
})
