import t from 'tap'
import { RequestHead } from '../../../src/http1/request-head.ts'
import { viaNames } from '../../../src/http1/request-head-fields.ts'
import { LoopGuard } from '../../../src/exchange/loop-guard.ts'

function headOf (...lines: readonly string[]): RequestHead {
  const head = new RequestHead({ maxHeadBytes: 100_000, maxHeaderFields: 128, maxUriBytes: 1_000 })
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`, 'latin1')
  head.reset(bytes, 0)
  if (head.parse(bytes.length) !== 1) throw new Error('the head is not valid')
  return head
}

const guard = new LoopGuard('1abc')
const isLoop = (...lines: readonly string[]): boolean => guard.hasGoneRound(headOf(...lines), 1)

t.test('only a request with a Via is asked about', async t => {
  t.equal(headOf('X-Via: 1.1 weir-1abc').hasVia, false)
  t.equal(headOf('vIA: 1.1 a').hasVia, true)
})

t.test('the names of Via, in lines and lists, without comments', async t => {
  t.same(viaNames(headOf(
    'Via: 1.0 fred, 1.1 p.example.net (Apache/1.1)',
    'X: y',
    'via:\t HTTP/2  Nowhere.com:443 (a, 1.1 b (c\\) , 1.1 d)),,3 e'
  ).fields),
  ['fred', 'p.example.net', 'nowhere.com:443', 'e'])
  t.same(viaNames(headOf('Via: 1.1 a (never ends, 1.1 b', 'Via: 1.1 c').fields), ['a', 'b', 'c'], 'a comment that never ends hides nothing')
  t.same(viaNames(headOf('Via: one, , 1.1 a) , 1.1 b').fields), ['a)', 'b'], 'what is malformed is no name or its own')
})

t.test('its own name says that the request was here', async t => {
  for (const lines of [
    ['Via: 1.1 weir-1abc'], ['Via: 1.0 WEIR-1ABC'], ['Via: 1.0 fred, 1.1 weir-1abc (x), 1.1 other'],
    ['Via: 1.1 a', 'X: y', 'VIA: 1.1 weir-1abc'], ['Via: HTTP/1.1 weir-1abc']
  ]) t.ok(isLoop(...lines), lines.join(' | '))
})

t.test('others of its kind are no loop', async t => {
  for (const lines of [
    ['Via: 1.1 weir'], ['Via: 1.1 weir-2abc'], ['Via: 1.1 weir-1abcd'], ['Via: 1.1 x-weir-1abc'], ['Via: 1.1 fred (weir-1abc)'],
    ['Via: 1.1 fred (came from, 1.1 weir-1abc )']
  ]) t.notOk(isLoop(...lines), lines.join(' | '))
})

t.test('more of them in a row than anybody has is one', async t => {
  const row = (count: number): string => `Via: ${Array.from({ length: count }, (_, index) => `1.1 weir-${index}`).join(', ')}`
  t.notOk(isLoop(row(7)))
  t.ok(isLoop(row(8)))
})

t.test('limits.maxPasses allows more, and 0 any number', async t => {
  const twice = headOf('Via: 1.1 weir-1abc, 1.1 app, 1.1 weir-1abc')
  t.ok(guard.hasGoneRound(twice, 2))
  t.notOk(guard.hasGoneRound(twice, 3))
  t.notOk(guard.hasGoneRound(twice, 0))
})

t.test('without a name of its own it finds long rows alone', async t => {
  const nobody = new LoopGuard('')
  t.equal(nobody.name, 'weir')
  t.notOk(nobody.hasGoneRound(headOf('Via: 1.1 weir'), 1))
  t.ok(nobody.hasGoneRound(headOf(`Via: ${Array(8).fill('1.1 weir').join(', ')}`), 1))
})
