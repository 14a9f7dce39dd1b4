import t from 'tap'
import { hashString } from '../../../src/core/hash.ts'
import { Split } from '../../../src/routing/split.ts'

t.test('the draw is the same in every release: a new hash would move clients at an upgrade', async t => {
  const split = new Split('hello', ['stable', 'canary', 'next'], [60, 30, 10])
  const drawn = Array.from({ length: 40 }, (_, n) => split.choose(hashString(`user-${n}`))).join('')
  t.equal(drawn, '0020012101001100200200100001100021100100')
})

t.test('one version with a weight gets every key', async t => {
  const split = new Split('hello', ['stable', 'canary'], [0, 5])
  for (let key = 0; key < 100; key++) t.equal(split.choose(hashString(`${key}`)), 1)
})

t.test('no weight, no version', async t => {
  t.equal(new Split('hello', ['stable', 'canary'], [0, 0]).choose(1), -1)
  t.equal(new Split('hello', ['stable', 'canary'], [0, 0]).chooseAmong(1, new Uint8Array([1, 1])), -1)
  t.equal(new Split('hello', [], []).choose(1), -1)
})

t.test('a list of availability that is too short counts as not available', async t => {
  const split = new Split('hello', ['stable', 'canary'], [0, 1])
  t.equal(split.chooseAmong(1, new Uint8Array([1])), -1)
})

t.test('a version that there is not has no weight', async t => {
  const split = new Split('hello', ['stable', 'canary', 'off'], [3, 1, 0])
  t.same([0, 1, 2, 3].map(index => split.weightOf(index)), [3, 1, 0, 0])
})

t.test('scores say which versions take part', async t => {
  const scores = new Split('hello', ['stable', 'canary'], [1, 0]).scores(7)
  t.match(scores, [{ version: 'stable', weight: 1, score: Number }, { version: 'canary', weight: 0, score: undefined }])
})

t.test('later changes of the lists that were given change nothing', async t => {
  const names = ['stable', 'canary']
  const weights = [1, 0]
  const split = new Split('hello', names, weights)
  weights[1] = 100
  names[0] = 'other'
  t.equal(split.choose(3), 0)
  t.equal(split.weightOf(1), 0)
  t.same(split.versions, ['stable', 'canary'])
})

t.test('lists that do not fit together are refused', async t => {
  t.throws(() => new Split('hello', ['stable'], [1, 2]), { name: 'RangeError', message: /1 versions needs as many weights, not 2/ })
  t.throws(() => new Split('hello', ['stable', 'stable'], [1, 2]), { name: 'RangeError', message: /different names/ })
  for (const weight of [-1, NaN, Infinity]) {
    t.throws(() => new Split('hello', ['stable', 'canary'], [1, weight]), { name: 'RangeError', message: /weight of version "canary"/ })
  }
})
