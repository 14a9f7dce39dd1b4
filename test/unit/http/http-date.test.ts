import t from 'tap'
import { HttpDate } from '../../../src/http/http-response.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

t.test('the date is that of the second', async t => {
  const clock = new FakeClock(Date.UTC(2026, 10, 1, 8, 5, 9, 100))
  const date = new HttpDate(clock)
  t.equal(date.now(), 'Sun, 01 Nov 2026 08:05:09 GMT')
  clock.advance(899)
  t.equal(date.now(), 'Sun, 01 Nov 2026 08:05:09 GMT')
  clock.advance(1)
  t.equal(date.now(), 'Sun, 01 Nov 2026 08:05:10 GMT')
})
