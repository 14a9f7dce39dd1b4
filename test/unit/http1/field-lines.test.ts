import t from 'tap'
import { FIELD } from '../../../src/http1/field-id.ts'
import { FieldLines, LINE_INCOMPLETE, LINE_PARSED, SECTION_END } from '../../../src/http1/field-lines.ts'
import { FAULT } from '../../../src/http1/parse-fault.ts'
import { latin1 } from '../../helpers/http1-message.ts'

const SECTION = latin1('..A: 1\r\nb:\t2 \r\nA: 3\r\nHost: x\r\n\r\nrest')

function read (bytes: Buffer, maxLines = 8): FieldLines {
  const lines = new FieldLines(maxLines)
  lines.reset(bytes, 2)
  while (lines.parseLine(bytes.length) === LINE_PARSED);
  return lines
}

t.test('each line is known by where its parts lie', async t => {
  const lines = read(SECTION)
  t.equal(lines.count, 4)
  t.equal(lines.next, SECTION.length - 4)
  const parts = Array.from({ length: lines.count }, (_, line) => [
    SECTION.toString('latin1', lines.nameStart(line), lines.nameEnd(line)), SECTION.toString('latin1', lines.valueStart(line), lines.valueEnd(line)), SECTION.toString('latin1', lines.nameStart(line), lines.lineEnd(line))
  ])
  t.same(parts, [['A', '1', 'A: 1\r\n'], ['b', '2', 'b:\t2 \r\n'], ['A', '3', 'A: 3\r\n'], ['Host', 'x', 'Host: x\r\n']])
  t.same([...lines.ids.subarray(0, 4)], [FIELD.other, FIELD.other, FIELD.other, FIELD.host])
})

t.test('a line that has not ended changes nothing', async t => {
  const lines = new FieldLines(8)
  lines.reset(SECTION, 2)
  for (let end = 2; end < 8; end++) {
    t.equal(lines.parseLine(end), LINE_INCOMPLETE)
    t.same([lines.count, lines.next], [0, 2])
  }
  t.equal(lines.parseLine(8), LINE_PARSED)
  t.same([lines.count, lines.next], [1, 8])
})

t.test('the empty line ends the section', async t => {
  const lines = new FieldLines(8)
  lines.reset(latin1('\r\n'), 0)
  t.equal(lines.parseLine(1), LINE_INCOMPLETE)
  t.equal(lines.parseLine(2), SECTION_END)
  t.equal(lines.next, 2)
})

t.test('a full table refuses one more line', async t => {
  const lines = read(SECTION, 3)
  t.equal(lines.count, 3)
  t.equal(lines.parseLine(SECTION.length), FAULT.too_many_fields)
  t.equal(read(SECTION, 4).next, SECTION.length - 4, 'with room for one more the end is reached')
})

t.test('many lines are known as few are, however many there may be', async t => {
  for (const [count, maxLines] of [[16, 16], [17, 17], [17, 40], [33, 40], [100, 4_096]] as const) {
    const names = Array.from({ length: count }, (_, line) => line % 3 === 0 ? 'Host' : `X-${line}`)
    const bytes = latin1(`..${names.map((name, line) => `${name}: ${line}\r\n`).join('')}\r\n`)
    const lines = new FieldLines(maxLines)
    lines.reset(bytes, 2)
    for (let line = 0; line < count; line++) {
      t.equal(lines.parseLine(bytes.length), LINE_PARSED)
      lines.drop(line)
    }
    t.equal(lines.parseLine(bytes.length), SECTION_END)
    t.same(names.map((_, line) => [lines.ids[line], bytes.toString('latin1', lines.nameStart(line), lines.nameEnd(line)), lines.value(line), lines.dropped[line]]),
      names.map((name, line) => [name === 'Host' ? FIELD.host : FIELD.other, name, String(line), line]))
  }
})

t.test('values of one name are joined in order', async t => {
  const lines = read(SECTION)
  t.equal(lines.joined('a'), '1, 3')
  t.equal(lines.joined('b'), '2')
  t.equal(lines.joined('c'), undefined)
  t.equal(lines.joinedById(FIELD.host), 'x')
  t.equal(lines.joinedById(FIELD.te), undefined)
  t.equal(lines.value(1), '2')
})

t.test('lines can be dropped in any order, once, and are kept sorted', async t => {
  const lines = read(SECTION)
  lines.drop(1)
  lines.drop(3)
  lines.dropLate(2)
  lines.dropLate(1)
  lines.dropLate(0)
  t.same([...lines.dropped.subarray(0, lines.droppedCount)], [0, 1, 2, 3])
})

t.test('nominated lines are dropped, protected ones are not', async t => {
  const bytes = latin1('..X: 1\r\nConnection: Y, host,\r\ny: 2\r\nConnection: x\r\nHost: h\r\nz: 3\r\n\r\n')
  const lines = read(bytes)
  t.equal(lines.dropNominated(id => id === FIELD.host), 0)
  t.same([...lines.dropped.subarray(0, lines.droppedCount)], [0, 2])
})

t.test('all lines may be dropped at once', async t => {
  const bytes = latin1('..x: 1\r\nx: 2\r\nConnection: x,x, X\r\n\r\n')
  const lines = read(bytes, 3)
  lines.drop(2)
  t.equal(lines.dropNominated(() => false), 0)
  t.same([...lines.dropped], [0, 1, 2])
})

t.test('moved bytes keep their lines', async t => {
  const lines = read(SECTION)
  const moved = Buffer.concat([Buffer.alloc(50), SECTION])
  lines.rebase(moved, 50)
  t.equal(lines.joined('a'), '1, 3')
  t.equal(lines.next, moved.length - 4)
})
