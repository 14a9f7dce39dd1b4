import t from 'tap'
import { within } from '../../../src/core/abortable.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

t.test('what comes in time is what it comes to, and nothing is left behind', async t => {
  const clock = new FakeClock()
  const { signal } = new AbortController()
  t.equal(await within(clock, { timeoutMs: 100, signal }, async () => 'an answer'), 'an answer')
  t.equal(clock.pending, 0)
  await t.rejects(within(clock, { timeoutMs: 100, signal }, async () => { throw new Error('refused') }), { message: 'refused' })
  t.equal(clock.pending, 0)
})

t.test('what comes too late is not waited for, and is told so', async t => {
  const clock = new FakeClock()
  let over: AbortSignal | undefined
  const work = Promise.withResolvers<string>()
  const answer = within(clock, { timeoutMs: 100 }, signal => {
    over = signal
    return work.promise
  })
  clock.advance(99)
  t.equal(over?.aborted, false)
  clock.advance(1)
  t.equal(await answer, 'late')
  t.equal(over?.aborted, true)
  work.reject(new Error('nobody hears this'))
})

t.test('what nobody waits for any more ends at once, or does not begin', async t => {
  const clock = new FakeClock()
  const nobody = new AbortController()
  let begun = 0
  const work = async (signal: AbortSignal): Promise<void> => {
    begun++
    await new Promise(resolve => { signal.addEventListener('abort', resolve) })
  }
  const answer = within(clock, { timeoutMs: 100, signal: nobody.signal }, work)
  nobody.abort()
  t.equal(await answer, 'gone')
  t.equal(clock.pending, 0)
  t.equal(await within(clock, { timeoutMs: 100, signal: nobody.signal }, work), 'gone')
  t.equal(begun, 1)
})
