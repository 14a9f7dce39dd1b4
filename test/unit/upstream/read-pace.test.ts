import t from 'tap'
import type { ByteStream } from '../../../src/net/byte-stream.ts'
import { PORTIONS_PER_TURN, TurnQueue } from '../../../src/net/turns.ts'
import { ReadPace } from '../../../src/upstream/read-pace.ts'

/** A stream as far as it is paused and resumed. */
function createScene (turns = new TurnQueue()) {
  const state = { reading: true }
  const stream: Pick<ByteStream, 'pause' | 'resume'> = { pause: () => { state.reading = false }, resume: () => { state.reading = true } }
  // Nothing else of it is used.
  return { state, turns, pace: new ReadPace(stream as ByteStream, turns, error => { throw error }) }
}

async function turn (): Promise<void> {
  await new Promise<void>(resolve => { setImmediate(resolve) })
}

t.test('a read that is framing more than anything else is the only one until its turn comes', async t => {
  const { state, turns, pace } = createScene()
  pace.decoded(8_192, 1_365)
  t.same([state.reading, pace.resting, turns.size], [false, true, 1])
  pace.decoded(8_192, 1_365)
  t.equal(turns.size, 1, 'it waits once')
  await turn()
  t.same([state.reading, pace.resting, turns.size], [true, false, 0])
})

t.test('ordinary bodies and short reads wait for nothing', async t => {
  const { state, turns, pace } = createScene()
  pace.decoded(131_072, 131_000)
  pace.decoded(8_192, 4_096)
  pace.decoded(4_095, 600)
  t.same([state.reading, pace.resting, turns.size], [true, false, 0])
})

t.test('it is read again when nothing is in the way any more, neither its turn nor whoever gets the bytes', async t => {
  const { state, pace } = createScene()
  pace.decoded(8_192, 1_365)
  pace.pause()
  await turn()
  t.equal(state.reading, false)
  pace.resume()
  t.equal(state.reading, true)
  pace.decoded(8_192, 1_365)
  pace.pause()
  pace.resume()
  t.equal(state.reading, false)
  await turn()
  t.equal(state.reading, true)
})

t.test('so many of them read in one turn, however many there are', async t => {
  const turns = new TurnQueue()
  const scenes = Array.from({ length: PORTIONS_PER_TURN + 1 }, () => createScene(turns))
  for (const { pace } of scenes) pace.decoded(8_192, 1_365)
  await turn()
  t.equal(scenes.filter(({ state }) => state.reading).length, PORTIONS_PER_TURN)
  await turn()
  t.ok(scenes.every(({ state }) => state.reading))
})
