import { readFileSync } from 'node:fs'
import t from 'tap'
import { IpKey } from '../../../src/routing/ip-key.ts'
import { Split } from '../../../src/routing/split.ts'

const doc = readFileSync(new URL('../../../docs/splitting.md', import.meta.url), 'utf8')
const ipKey = new IpKey()
const keys = Array.from({ length: 100_000 }, (_, n) => ipKey.hash(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`))
const count = (holds: (key: number) => boolean) => keys.filter(holds).length.toLocaleString('en-US')

t.test('the table of moved clients in docs/splitting.md is what the code does', async t => {
  let before: Split | undefined
  for (const weights of [[95, 5], [90, 10], [75, 25], [50, 50], [0, 100], [90, 10]]) {
    const split = new Split('hello', ['stable', 'canary'], weights)
    const moved = ['stable', 'canary'].flatMap((version, index) => {
      const clients = count(key => before !== undefined && before.choose(key) !== index && split.choose(key) === index)
      return clients === '0' ? [] : [` ${clients} to ${version}`]
    })
    const row = `| ${weights.join(' / ')} | ${count(key => split.choose(key) === 0)} | ${count(key => split.choose(key) === 1)} |${moved.join(',')} |`
    t.ok(doc.includes(row), row)
    before = split
  }
})

t.test('the clients of an empty version go to the others by their weights', async t => {
  const split = new Split('hello', ['first', 'empty', 'last'], [60, 30, 10])
  const available = Uint8Array.of(1, 0, 1)
  const orphans = keys.filter(key => split.choose(key) === 1)
  const toFirst = orphans.filter(key => split.chooseAmong(key, available) === 0).length
  t.ok(Math.abs(toFirst / orphans.length - 6 / 7) < 0.01)
})
