import fc from 'fast-check'
import t from 'tap'
import { LineCollector } from '../../../src/http1/line-collector.ts'
import { latin1 } from '../../helpers/http1-message.ts'

const LAYOUT = { headroom: 5, tailroom: 3, maxBytes: 100 }

/** Gives it the text in pieces of this size; says after how many bytes there was a look. */
function looks (text: string, size: number, layout = LAYOUT): number[] {
  const collector = new LineCollector(layout)
  const bytes = latin1(text)
  const at: number[] = []
  for (let from = 0; from < bytes.length; from += size) {
    if (collector.add(bytes, from, Math.min(from + size, bytes.length))) at.push(collector.end - layout.headroom)
  }
  return at
}

t.test('the bytes are kept in order, with room before and behind, while the buffer grows', async t => {
  const collector = new LineCollector(LAYOUT)
  const text = Array.from({ length: 700 }, (_, index) => String.fromCharCode(index % 256)).join('')
  let buffers = 0
  let before = collector.buf
  for (const byte of latin1(text)) {
    collector.add(Buffer.from([0, byte, 0]), 1, 2)
    if (collector.buf !== before) buffers++
    before = collector.buf
    t.ok(collector.buf.length >= collector.end + LAYOUT.tailroom)
  }
  t.equal(collector.buf.toString('latin1', LAYOUT.headroom, collector.end), text)
  t.equal(buffers, 2, 'one for the first bytes, and one that is twice as large')
})

t.test('a look is due when a line has ended', async t => {
  t.same(looks('aaaaaaaa\nbb\nc', 1).filter(at => at > 8), [9, 12])
  t.same(looks('aaaaaaaa\nbb\nc', 13), [13])
})

t.test('a look is due when a line that does not end has doubled', async t => {
  t.same(looks('a'.repeat(100), 1), [1, 2, 4, 8, 16, 32, 64])
})

t.test('a look is due for each piece beyond the limit', async t => {
  t.same(looks('a'.repeat(103), 1).slice(-3), [101, 102, 103])
  t.same(looks('a'.repeat(103), 50), [50, 100, 103])
})

t.test('a piece may be empty', async t => {
  const collector = new LineCollector(LAYOUT)
  collector.add(latin1('ab\n'), 0, 3)
  t.equal(collector.add(latin1('c'), 0, 0), false)
  t.equal(collector.end, LAYOUT.headroom + 3)
})

/** Bytes and the sizes of the pieces that they come in. */
const arrivals = fc.tuple(
  fc.array(fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 400 }) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 6_000 }) }), { maxLength: 30 }),
  fc.array(fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 1, max: 3 }) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 900 }) }), { minLength: 1, maxLength: 12 })
)

t.test('all looks together cost no more than four times the bytes, and no line end is missed', async () => {
  fc.assert(fc.property(arrivals, ([lines, sizes]) => {
    const bytes = latin1(lines.map(length => `${'a'.repeat(length)}\n`).join(''))
    const collector = new LineCollector({ headroom: 0, tailroom: 0, maxBytes: bytes.length })
    let work = 0
    let next = 0
    let copied = 0
    let before = collector.buf
    for (let from = 0, index = 0; from < bytes.length; index++) {
      const to = Math.min(bytes.length, from + (sizes[index % sizes.length] ?? 1))
      if (collector.add(bytes, from, to)) {
        work += collector.end - next
        next = collector.buf.subarray(0, collector.end).lastIndexOf('\n') + 1
      }
      if (collector.buf !== before) copied += from
      before = collector.buf
      from = to
      if (next !== bytes.subarray(0, to).lastIndexOf('\n') + 1) throw new Error(`no look at the line that ended before ${to}`)
    }
    if (work > 4 * bytes.length) throw new Error(`${work} bytes looked at, of ${bytes.length}`)
    if (copied > 2 * bytes.length) throw new Error(`${copied} bytes copied, of ${bytes.length}`)
  }), { seed: 7, numRuns: 300 })
})
