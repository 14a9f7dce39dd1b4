import t from 'tap'
import { HalfSipHash } from '../../../src/core/half-sip-hash.ts'

/** From vectors.h of the reference implementation: the key is 00 01 … 07, the input so many bytes 00 01 02 …. */
const VECTORS = [
  '218d1f59b9b83cc8', 'be552412f8387315', '064f39ef7c50eb57', 'ce0f1a45f7060679', 'd5e78a175be52ea1', 'cb9d7c3f2f3db580', 'ce3e91358aa2bc25',
  'ff202728b07bc684', 'edfee820bce4858c', '5b51cccc13888307', '95b0469f06a6f2ee', 'ae26333994ddcd48', '7bc71f9faef5c799', '5a2352d75a0c3744',
  '3bb1a870eae8e658', '217d0bcb4e81c902'
]

function hexOf (hash: HalfSipHash, text: string): string {
  hash.hash(text)
  const bytes = Buffer.alloc(8)
  bytes.writeInt32LE(hash.low, 0)
  bytes.writeInt32LE(hash.high, 4)
  return bytes.toString('hex')
}

t.test('hashes as the reference implementation does', async t => {
  const hash = new HalfSipHash(0x03020100, 0x07060504)
  t.same(VECTORS.map((_, length) => hexOf(hash, String.fromCharCode(...Array.from({ length }, (_, index) => index)))), VECTORS)
})

t.test('another key gives another hash', async t => {
  t.not(hexOf(new HalfSipHash(1, 2), 'user-1'), hexOf(new HalfSipHash(1, 3), 'user-1'))
  t.not(hexOf(new HalfSipHash(1, 2), 'user-1'), hexOf(new HalfSipHash(2, 2), 'user-1'))
})
