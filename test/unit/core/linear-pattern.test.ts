import t from 'tap'
import { LinearPattern, MAX_SEARCHED } from '../../../src/core/linear-pattern.ts'

t.test('what is no regular expression of RE2, or takes too much, is refused with the reason', async t => {
  const refusals: ReadonlyArray<readonly [string, RegExp]> = [
    ['(', /is no regular expression of RE2: missing closing \)/],
    ['(?=a)b', /look-around/],
    ['(a)\\1', /back-references/],
    ['a{1001}', /invalid repeat count/],
    ['((a{100}){10}){2}', /invalid repeat count/],
    ['(a{1,300}){1,3}', /takes \d+ steps for each character; 500 are allowed/],
    ['a\ud800', /half of a character/],
    ['x'.repeat(257), /257 characters; 256 are allowed/]
  ]
  for (const [pattern, reason] of refusals) t.throws(() => new LinearPattern(pattern), { name: 'RangeError', message: reason }, pattern)
})

t.test('patterns that other engines take for ever over are searched like any other', async t => {
  const text = `${'a'.repeat(MAX_SEARCHED - 1)}!`
  for (const pattern of ['(a+)+$', '^(a|aa)+$', '(a|a?)+b', '(a*)*b', '(.*)(.*)(.*)(.*)x']) t.equal(new LinearPattern(pattern).isIn(text), false, pattern)
  t.equal(new LinearPattern('^(a+)+!$').isIn(text), true)
})

t.test('the more steps a pattern takes, the shorter the texts that are searched, so that no text takes long', async t => {
  for (const [pattern, maxBytes] of [['a', MAX_SEARCHED], ['[ab].{100}c$', 1_248], ['x{0,240}c$', 270]] as const) {
    const compiled = new LinearPattern(pattern)
    t.equal(compiled.maxBytes, maxBytes, pattern)
    t.equal(compiled.isIn('a'.repeat(maxBytes - 1) + 'c'), true)
    t.equal(compiled.isIn('a'.repeat(maxBytes) + 'c'), false)
  }
})

t.test('a text that is too long is not searched', async t => {
  const pattern = new LinearPattern('a')
  t.equal(pattern.isIn('a'.repeat(MAX_SEARCHED)), true)
  t.equal(pattern.isIn('a'.repeat(MAX_SEARCHED + 1)), false)
})
