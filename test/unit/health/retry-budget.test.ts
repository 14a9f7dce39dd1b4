import t from 'tap'
import { RetryBudget } from '../../../src/health/retry-budget.ts'

const take = (budget: RetryBudget, active: number, times: number) => Array.from({ length: times }, () => budget.tryTake(active)).filter(Boolean).length

t.test('the minimum is there however few requests there are', async t => {
  const budget = new RetryBudget({ share: 0.2, minimum: 3 })
  t.equal(take(budget, 1, 10), 3)
  t.equal(budget.hasLeft(1), false)
})

t.test('the share of the requests in flight is there beyond it', async t => {
  const budget = new RetryBudget({ share: 0.2, minimum: 3 })
  t.equal(take(budget, 104, 50), 20)
  t.notOk(budget.tryTake(50), 'fewer requests now: what is under way stays, and nothing comes on top')
})

t.test('what is released can be taken again', async t => {
  const budget = new RetryBudget({ share: 0, minimum: 1 })
  t.same([budget.tryTake(9), budget.tryTake(9)], [true, false])
  budget.release()
  t.same([budget.tryTake(9), budget.tryTake(9)], [true, false])
})

t.test('a release too many does not widen the budget', async t => {
  const budget = new RetryBudget({ share: 0, minimum: 2 })
  budget.release()
  budget.release()
  t.equal(take(budget, 0, 5), 2)
})

t.test('no share and no minimum is no retry', async t => {
  t.equal(take(new RetryBudget({ share: 0, minimum: 0 }), 1_000, 5), 0)
})

t.test('another policy counts what is under way already', async t => {
  const budget = new RetryBudget({ share: 0, minimum: 3 })
  t.equal(take(budget, 10, 5), 3)
  budget.configure({ share: 0, minimum: 4 })
  t.equal(take(budget, 10, 5), 1)
  budget.configure({ share: 0, minimum: 2 })
  budget.release()
  budget.release()
  t.equal(take(budget, 10, 5), 0, 'two are under way still')
  budget.release()
  t.equal(take(budget, 10, 5), 1)
})
