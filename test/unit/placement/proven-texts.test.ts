import t from 'tap'
import { Random } from '../../../src/core/random.ts'
import { ProvenTexts } from '../../../src/placement/proven-texts.ts'

function proven (): ProvenTexts {
  const random = new Random(1)
  return new ProvenTexts(() => random.nextInt32())
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${name}-${index}`)

t.test('a text is known from when it was proved', async t => {
  const texts = proven()
  t.notOk(texts.has('a'))
  texts.add('a')
  t.ok(texts.has('a'))
  t.notOk(texts.has('b'))
})

t.test('of 10,000 that take turns next to none is forgotten, and none is known that was not proved', async t => {
  const texts = proven()
  const clients = numbered('client', 10_000)
  for (const client of clients) texts.add(client)
  let forgotten = 0
  for (let round = 0; round < 3; round++) {
    for (const client of clients) {
      if (texts.has(client)) continue
      forgotten++
      texts.add(client)
    }
  }
  t.ok(forgotten < 300, `${forgotten} of 30,000`)
  t.notOk(numbered('stranger', 20_000).some(stranger => texts.has(stranger)))
})

t.test('what goes on asking stays, however many others come', async t => {
  const texts = proven()
  texts.add('regular')
  for (const [index, client] of numbered('client', 200_000).entries()) {
    texts.add(client)
    if (index % 1_000 === 0 && !texts.has('regular')) t.fail(`forgotten after ${index} others`)
  }
  t.notOk(texts.has('client-0'), 'its place was needed')
})
