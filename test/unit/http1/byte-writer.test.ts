import t from 'tap'
import { ByteWriter } from '../../../src/http1/rewrite-request-head.ts'

t.test('bytes are written one after the other, whatever their number', async t => {
  const source = Buffer.from('0123456789abcdef'.repeat(10), 'latin1')
  for (let length = 0; length <= 150; length++) {
    const out = Buffer.alloc(200, 0x21)
    const writer = new ByteWriter(out, 3)
    writer.range(source, 5, 5 + length)
    t.equal(writer.position, 3 + length)
    t.equal(out.toString('latin1'), `!!!${source.toString('latin1', 5, 5 + length)}${'!'.repeat(197 - length)}`)
  }
})

t.test('ranges, single bytes and text follow each other', async t => {
  const out = Buffer.alloc(12, 0x21)
  const writer = new ByteWriter(out, 0)
  writer.all(Buffer.from('abc', 'latin1'))
  writer.byte(0x64)
  writer.text('e\xe9')
  writer.text('')
  t.equal(out.toString('latin1'), 'abcde\xe9!!!!!!')
  t.equal(writer.position, 6)
})
