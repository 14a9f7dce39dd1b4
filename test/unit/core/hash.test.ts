import t from 'tap'
import { combineHashes, hashRange, hashString, mix32 } from '../../../src/core/hash.ts'

t.test('hashes are the same in every release: another one would move clients at an upgrade', async t => {
  t.same([hashString(''), hashString('a'), hashString('web-v1'), hashString('web-v1', 7)], [-1421968373, 444641715, 841786649, -122593092])
  t.same([mix32(1), mix32(-1), combineHashes(1, 2), combineHashes(2, 1)], [1364076727, -2114883783, 2117216093, 232174035])
})

t.test('hashes are signed 32-bit integers', async t => {
  for (let n = 0; n < 100; n++) {
    t.equal(mix32(n), mix32(n) | 0)
    t.equal(hashString(`${n}`), hashString(`${n}`) | 0)
  }
})

t.test('a range hashes as its substring does', async t => {
  t.equal(hashRange('a=1; sid=abc; b', 9, 12), hashString('abc'))
  t.equal(hashRange('abc', 1, 1), hashString(''))
})

t.test('each bit of the input changes about half of the bits of the output', async t => {
  for (let bit = 0; bit < 32; bit++) {
    let changed = 0
    for (let n = 0; n < 1_000; n++) {
      let difference = mix32(n) ^ mix32(n ^ (1 << bit))
      for (; difference !== 0; difference &= difference - 1) changed++
    }
    t.ok(Math.abs(changed / 1_000 - 16) < 1.5, `bit ${bit}: ${changed / 1_000}`)
  }
})
