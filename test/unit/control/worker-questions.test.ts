import t from 'tap'
import { ANSWER_MS, WorkerQuestions } from '../../../src/control/worker-questions.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

function setUp () {
  const clock = new FakeClock()
  const questions = new WorkerQuestions<string>(clock)
  const sent: number[] = []
  return { clock, questions, sent, ask: () => questions.ask([0, 1], id => { sent.push(id) }) }
}

t.test('resolves when all have answered, in the order of the workers', async t => {
  const { questions, sent, ask } = setUp()
  const answer = ask()
  questions.answered(1, sent[0] ?? 0, 'b')
  questions.answered(0, sent[0] ?? 0, 'a')
  questions.answered(0, sent[0] ?? 0, 'late')
  t.same(await answer, { answers: new Map([[0, 'a'], [1, 'b']]), silent: [] })
})

t.test('a worker that does not answer is waited for no longer than a second, one that ends not at all', async t => {
  const { clock, questions, sent, ask } = setUp()
  const slow = ask()
  questions.answered(0, sent[0] ?? 0, 'a')
  clock.advance(ANSWER_MS)
  t.same(await slow, { answers: new Map([[0, 'a']]), silent: [1] })
  const ended = ask()
  questions.gone(1)
  questions.answered(0, sent[1] ?? 0, 'a')
  t.same(await ended, { answers: new Map([[0, 'a']]), silent: [] })
  t.same(await questions.ask([], () => {}), { answers: new Map(), silent: [] }, 'nobody is there')
})

t.test('a bounded number of questions waits', async t => {
  const { clock, ask } = setUp()
  const waiting = Array.from({ length: 16 }, ask)
  t.equal(await ask(), undefined)
  clock.advance(ANSWER_MS)
  t.ok((await Promise.all(waiting)).every(answers => answers?.silent.length === 2))
  const later = ask()
  clock.advance(ANSWER_MS)
  t.match(await later, { silent: [0, 1] })
})
