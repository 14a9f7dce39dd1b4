import t from 'tap'
import { ByteAccount, ByteBudget } from '../../../src/net/byte-budget.ts'

t.test('accounts say what they keep, and the budget has the sum', async t => {
  const budget = new ByteBudget(1_000, () => {})
  const [one, other] = [new ByteAccount(budget), new ByteAccount(budget)]
  one.set(100)
  other.set(50)
  one.set(30)
  t.same([one.bytes, other.bytes, budget.used], [30, 50, 80])
  one.close()
  other.set(0)
  t.equal(budget.used, 0)
  one.set(100)
  t.equal(budget.used, 0, 'who has left keeps nothing, whatever is said later')
})

t.test('the owner is told once when requests are refused, and once when the limit is passed', async t => {
  let told = 0
  const budget = new ByteBudget(1_000, () => { told++ })
  const account = new ByteAccount(budget)
  account.set(749)
  t.equal(told, 0)
  account.set(750)
  account.set(2_000)
  t.equal(told, 1, 'not again before it has been seen to')
  account.set(800)
  budget.watch()
  account.set(1_000)
  t.equal(told, 1, 'all of it may be used')
  account.set(1_001)
  t.equal(told, 2)
  account.set(100)
  budget.watch()
  account.set(50)
  t.equal(told, 2, 'less is no news')
  account.set(750)
  t.equal(told, 3)
})

t.test('the marks follow the limit', async t => {
  const budget = new ByteBudget(1_000, () => {})
  const marks = (): readonly number[] => [budget.largeBelow, budget.relieved, budget.refuseFrom, budget.rest, budget.limit]
  t.same(marks(), [250, 650, 750, 900, 1_000])
  budget.configure(2_000)
  t.same(marks(), [500, 1_300, 1_500, 1_800, 2_000])
})
