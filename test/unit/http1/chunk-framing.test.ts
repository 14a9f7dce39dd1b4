import t from 'tap'
import {
  CHUNK_HEADROOM, chunkEnd, chunkStart, chunkStartBytes, LAST_CHUNK, lastChunk, lastChunkWith, READ_TAILROOM
} from '../../../src/http1/chunk-framing.ts'
import { latin1 } from '../../helpers/http1-message.ts'

t.test('the size line is written right before the data, its end right behind', async t => {
  const buf = Buffer.from('................hello-----------', 'latin1')
  const start = chunkStart(buf, 16, 21)
  const end = lastChunk(buf, chunkEnd(buf, 21))
  t.equal(buf.toString('latin1', start, end), '5\r\nhello\r\n0\r\n\r\n')
  t.equal(buf.toString('latin1', 0, start), '.............')
  t.equal(buf.toString('latin1', end), '----')
})

t.test('sizes are lower-case hexadecimal without leading zeros, and are known beforehand', async t => {
  for (const length of [1, 9, 10, 15, 16, 255, 256, 65_535, 65_536, 1_048_576]) {
    const buf = Buffer.alloc(CHUNK_HEADROOM + length + READ_TAILROOM)
    const start = chunkStart(buf, CHUNK_HEADROOM, CHUNK_HEADROOM + length)
    t.equal(buf.toString('latin1', start, CHUNK_HEADROOM), `${length.toString(16)}\r\n`)
    t.equal(chunkStartBytes(length), CHUNK_HEADROOM - start)
  }
})

t.test('the rooms are enough for the largest chunk', async t => {
  t.equal(chunkStartBytes(0x7fffffff), CHUNK_HEADROOM)
  const buf = Buffer.alloc(20)
  t.ok(lastChunk(buf, chunkEnd(buf, 0)) <= READ_TAILROOM)
})

t.test('the last chunk carries trailers', async t => {
  t.equal(LAST_CHUNK.toString('latin1'), '0\r\n\r\n')
  t.equal(lastChunkWith(latin1('X: a\r\nY: b\r\n')).toString('latin1'), '0\r\nX: a\r\nY: b\r\n\r\n')
  t.equal(lastChunkWith(Buffer.alloc(0)).toString('latin1'), '0\r\n\r\n')
})
