import t from 'tap'
import { FieldLines } from '../../../src/http1/field-lines.ts'

function joined (name: string, ...values: readonly string[]): string | undefined {
  const bytes = Buffer.from(`${values.map(value => `${name}: ${value}\r\nX: y\r\n`).join('')}\r\n`, 'latin1')
  const lines = new FieldLines(64)
  lines.reset(bytes, 0)
  while (lines.next < bytes.length && lines.parseLine(bytes.length) > 0);
  return lines.joined(name.toLowerCase())
}

t.test('the lines of a list are joined by commas', async t => {
  t.equal(joined('Accept', 'text/plain', 'text/html'), 'text/plain, text/html')
  t.equal(joined('X-Anything', 'a', 'b', 'c'), 'a, b, c')
})

t.test('Cookie lines are joined as cookies are', async t => {
  t.equal(joined('Cookie', 'a=1', 'sid=2; b=3', 'c=4'), 'a=1; sid=2; b=3; c=4')
  t.equal(joined('cookie', 'a=1'), 'a=1')
})

t.test('of a field that is no list the first line counts', async t => {
  for (const name of ['Authorization', 'User-Agent', 'Content-Type', 'Referer', 'If-Modified-Since', 'Range', 'Origin']) {
    t.equal(joined(name, 'one', 'two'), 'one', name)
  }
})

t.test('a field that is not there has no value', async t => {
  t.equal(joined('Cookie'), undefined)
})
