import t from 'tap'
import { SharedAnswer } from '../../../src/core/shared-answer.ts'

/** Answers that are numbered, each made when the test says so. */
function createScene () {
  const made: Array<PromiseWithResolvers<number>> = []
  const answer = new SharedAnswer(async () => {
    const making = Promise.withResolvers<number>()
    made.push(making)
    return await making.promise
  })
  return { answer, made }
}

t.test('whoever asks while one is made gets the next one, made once for all of them', async t => {
  const { answer, made } = createScene()
  const first = answer.ask()
  const others = [answer.ask(), answer.ask(), answer.ask()]
  t.equal(made.length, 1)
  made[0]?.resolve(1)
  t.equal(await first, 1)
  await new Promise<void>(resolve => { setImmediate(resolve) })
  t.equal(made.length, 2)
  const late = answer.ask()
  made[1]?.resolve(2)
  t.same(await Promise.all(others), [2, 2, 2])
  await new Promise<void>(resolve => { setImmediate(resolve) })
  made[2]?.resolve(3)
  t.equal(await late, 3)
})

t.test('one that fails fails for those who asked for it, and for nobody else', async t => {
  const { answer, made } = createScene()
  const first = answer.ask()
  const second = answer.ask()
  made[0]?.reject(new Error('in vain'))
  await t.rejects(first, { message: 'in vain' })
  await new Promise<void>(resolve => { setImmediate(resolve) })
  made[1]?.resolve(2)
  t.equal(await second, 2)
  const third = answer.ask()
  made[2]?.resolve(3)
  t.equal(await third, 3)
})
