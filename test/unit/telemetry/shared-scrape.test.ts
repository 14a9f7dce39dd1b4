import t from 'tap'
import { SharedScrape } from '../../../src/telemetry/shared-scrape.ts'

/** Renderings of three chunks, each handed out when the test says so. */
function renderings () {
  const steps: Array<() => void> = []
  const state = { begun: 0, ended: 0 }
  const render = async function * (): AsyncGenerator<string> {
    const number = ++state.begun
    try {
      for (let chunk = 1; chunk <= 3; chunk++) {
        await new Promise<void>(resolve => { steps.push(resolve) })
        yield `${number}.${chunk}\n`
      }
    } finally {
      state.ended++
    }
  }
  const step = async (): Promise<void> => {
    steps.shift()?.()
    await new Promise(resolve => { setImmediate(resolve) })
  }
  return { render, step, state }
}

async function textOf (pieces: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece.toString()
  return text
}

t.test('all who ask while it is made get one rendering, whole', async t => {
  const { render, step, state } = renderings()
  const scrape = new SharedScrape(render)
  const first = textOf(scrape.read())
  await step()
  await step()
  const late = [textOf(scrape.read()), textOf(scrape.read())]
  await step()
  for (const text of [first, ...late]) t.equal(await text, '1.1\n1.2\n1.3\n')
  t.equal(state.begun, 1)
  const next = textOf(scrape.read())
  for (let count = 0; count < 3; count++) await step()
  t.equal(await next, '2.1\n2.2\n2.3\n', 'who asks later gets a new one')
})

t.test('what nobody waits for any more is not made to its end', async t => {
  const { render, step, state } = renderings()
  const reader = new SharedScrape(render).read()
  const first = reader.next()
  await step()
  await first
  await reader.return(undefined)
  await step()
  t.same(state, { begun: 1, ended: 1 })
})

t.test('slow readers keep two renderings at most', async t => {
  const { render, step, state } = renderings()
  const scrape = new SharedScrape(render)
  const slow = []
  for (let count = 1; count <= 2; count++) {
    const reader = scrape.read()
    const first = reader.next()
    for (let chunk = 0; chunk < 3; chunk++) await step()
    await first
    slow.push(reader)
  }
  t.equal(await textOf(scrape.read()), '2.1\n2.2\n2.3\n', 'the latest that there is')
  t.equal(state.begun, 2)
  for (const reader of slow) await reader.return(undefined)
  const next = textOf(scrape.read())
  for (let count = 0; count < 3; count++) await step()
  t.equal(await next, '3.1\n3.2\n3.3\n', 'when they have gone, there is room for another')
})

t.test('a fault reaches all who wait, and the next one is made anew', async t => {
  let count = 0
  const scrape = new SharedScrape(async function * () {
    yield `${++count}\n`
    if (count === 1) throw new Error('no')
  })
  const both = [textOf(scrape.read()), textOf(scrape.read())]
  for (const text of both) await t.rejects(text, { message: 'no' })
  t.equal(await textOf(scrape.read()), '2\n')
})

t.test('a reader that could take everything at once lets the event loop have a turn for each piece', async t => {
  const scrape = new SharedScrape(async function * () {
    for (let chunk = 0; chunk < 20; chunk++) yield `${chunk}\n`
  })
  let turns = 0
  let over = false
  const count = (): void => {
    turns++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const texts = await Promise.all([textOf(scrape.read()), textOf(scrape.read())])
  over = true
  t.same(texts.map(text => text.split('\n').length), [21, 21])
  t.ok(turns >= 19, `${turns} turns`)
})
