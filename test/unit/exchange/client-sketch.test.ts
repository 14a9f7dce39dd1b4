import t from 'tap'
import { censusOf, estimatedClients } from '../../../src/control/client-census.ts'
import { ClientSketch } from '../../../src/exchange/client-sketch.ts'
import { hashString } from '../../../src/core/hash.ts'
import { isSampled } from '../../../src/routing/client-rank.ts'

const VERSIONS = ['stable', 'canary']
const keyOf = (client: number): number => hashString(`client ${client}`)

t.test('few clients are all known, with their requests and the version that served each last', async t => {
  const sketch = new ClientSketch(VERSIONS, 1_024)
  for (let round = 0; round < 3; round++) for (let client = 0; client < 200; client++) sketch.note(keyOf(client), client % 4 === round ? 1 : 0, round * 1_000)
  const sample = sketch.sample(5_000)
  t.equal(sample.part, 1)
  t.equal(sample.keys.length, 200)
  t.ok(sample.requests.every(requests => requests === 3))
  t.strictSame(new Set(sample.keys), new Set(Array.from({ length: 200 }, (_, client) => keyOf(client))))
  const served = new Map([...sample.keys].map((key, index) => [key, sample.servedBy[index]]))
  t.equal(served.get(keyOf(2)), 1)
  t.equal(served.get(keyOf(0)), 0, 'it was on canary before')
  t.strictSame(sample.requestsByVersion, [450, 150])
  t.equal(sample.coversMs, 5_000)
  t.strictSame(sample.heavy, [])
})

t.test('of many clients a part is kept that their keys choose, and it tells how many there were', async t => {
  const sketch = new ClientSketch(VERSIONS, 1_024)
  for (let client = 0; client < 100_000; client++) sketch.note(keyOf(client), 0, 0)
  const sample = sketch.sample(1_000)
  t.ok(sample.keys.length <= 1_024 && sample.keys.length > 256, `${sample.keys.length} are kept`)
  t.ok(sample.keys.every(key => isSampled(key, sample.part)))
  const estimate = estimatedClients(censusOf([sample]))
  t.ok(Math.abs(estimate - 100_000) < 20_000, `estimated: ${estimate}`)
  t.strictSame(sample.requestsByVersion, [100_000, 0])
})

t.test('a heavy client is known although the sample does not have it', async t => {
  const sketch = new ClientSketch(VERSIONS, 64)
  const heavy = Array.from({ length: 100_000 }, (_, client) => keyOf(client)).find(key => !isSampled(key, 0.001)) ?? 0
  for (let client = 0; client < 20_000; client++) {
    sketch.note(keyOf(client), 0, 0)
    for (let again = 0; again < 3; again++) sketch.note(heavy, 1, 0)
  }
  const sample = sketch.sample(0)
  t.notOk(sample.keys.includes(heavy))
  const [first] = sample.heavy
  t.equal(first?.key, heavy)
  t.ok(Math.abs((first?.requests ?? 0) - 60_000) < 6_000, `${first?.requests} of 60000 requests`)
})

t.test('what is older than two spans is forgotten, also when nobody came meanwhile', async t => {
  const sketch = new ClientSketch(VERSIONS, 1_024)
  sketch.note(1, 0, 0)
  sketch.note(2, 0, 160_000)
  t.strictSame([...sketch.sample(170_000).keys].sort(), [1, 2])
  sketch.note(3, 0, 320_000)
  t.strictSame([...sketch.sample(320_000).keys].sort(), [2, 3])
  t.strictSame([...sketch.sample(900_000).keys], [])
  t.equal(sketch.sample(900_000).coversMs, 0)
  sketch.note(4, 0, 1_000_000)
  t.strictSame([...sketch.sample(1_000_001).keys], [4])
})

t.test('requests without a key and placed ones are counted apart', async t => {
  const sketch = new ClientSketch(VERSIONS, 64)
  sketch.noteOther(1, true, 0)
  sketch.noteOther(0, false, 0)
  sketch.noteOther(0, false, 0)
  const { keys, requestsByVersion, placedByVersion, unkeyed } = sketch.sample(0)
  t.strictSame({ keys: keys.length, requestsByVersion, placedByVersion, unkeyed }, { keys: 0, requestsByVersion: [2, 1], placedByVersion: [0, 1], unkeyed: 2 })
})

t.test('a sketch knows whose it is', async t => {
  const sketch = new ClientSketch(VERSIONS, 64)
  t.ok(sketch.isOf(['stable', 'canary']))
  t.notOk(sketch.isOf(['canary', 'stable']))
  t.notOk(sketch.isOf(['stable']))
})
