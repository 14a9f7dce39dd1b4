import t from 'tap'
import { crc32c } from '../../../src/downstream/proxy-header.ts'

t.test('the examples of RFC 3720 section B.4', async t => {
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd794e)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index))), 0x113fdb5c)
})

t.test('the check value of the catalogue, and nothing', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(0)), 0)
})

t.test('bytes may come in parts', async t => {
  const bytes = Buffer.from('123456789')
  for (let cut = 0; cut <= bytes.length; cut++) t.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), 0xe3069283)
})
