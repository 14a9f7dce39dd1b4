import t from 'tap'
import { RequestIds } from '../../../src/http/request-ids.ts'

t.test('ids are 32 hexadecimal digits, all different, and count in their last twelve', async t => {
  const ids = new RequestIds()
  const made = Array.from({ length: 5_000 }, () => ids.text(ids.next()))
  t.ok(made.every(id => /^[0-9a-f]{32}$/.test(id)))
  t.equal(new Set(made).size, made.length)
  t.same(made.map(id => Number.parseInt(id.slice(20), 16)), made.map((_, index) => index + 1))
})

t.test('the id of a number is the same in whatever order they are asked for, far beyond 32 bits', async t => {
  const ids = new RequestIds()
  for (const number of [1, 0xff_ffff, 0x100_0000, 0x7fff_ffff, 2, 0x1234_5678_9abc, 0x100_0001, 0xffff_ffff_ffff]) {
    const text = ids.text(number)
    t.equal(text.slice(20), number.toString(16).padStart(12, '0'))
    t.equal(ids.line(number).toString('latin1'), `X-Request-Id: ${text}\r\n`)
    t.equal(ids.numberOf(text), number)
  }
})

t.test('two workers do not make the same ids, and know their own', async t => {
  const [one, other] = [new RequestIds(), new RequestIds()]
  t.not(one.text(1), other.text(1))
  t.equal(one.numberOf(other.text(1)), 0)
  for (const text of ['', 'abc', one.text(1).slice(1), `${one.text(1).slice(0, -1)}g`]) t.equal(one.numberOf(text), 0)
})
