import t from 'tap'
import { printable } from '../../../src/core/logger.ts'

const UNPRINTABLE = [
  '\u0000', '\u001b', '\r', '\u007f', '\u0085', '\u009b', '\u2028', '\u2029', '\u202e', '\u2066', '\u061c', '\u200b', '\ufeff', '\u{e0001}',
  '\ud800'
]

t.test('what could forge a line or hide in it is escaped, and the rest stays', async t => {
  for (const character of UNPRINTABLE) t.match(printable(`a${character}b`), /^a(?:\\u[0-9a-f]{4})+b$/, printable(character))
  const plain = 'Grün, 日本語, \u{1f600}, "quoted" \\ and\nanother line'
  t.equal(printable(plain), plain)
})

t.test('JSON stays the same JSON', async t => {
  const value = { text: UNPRINTABLE.slice(0, -1).join(' ') }
  t.same(JSON.parse(printable(JSON.stringify(value))), value)
})
