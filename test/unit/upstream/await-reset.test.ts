import t from 'tap'
import { createReadBuffer } from '../../../src/net/byte-stream.ts'
import { awaitReset } from '../../../src/upstream/connection-facts.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { StalledStream } from '../../helpers/stalled-stream.ts'

/** Its reset is seen from a given time on. */
class ResetStream extends StalledStream {
  looks = 0
  readonly #clock: FakeClock
  readonly #fromMs: number

  constructor (clock: FakeClock, fromMs: number) {
    super(createReadBuffer(0, 1, 0))
    this.#clock = clock
    this.#fromMs = fromMs
  }

  override isReset (): boolean {
    this.looks++
    return this.#clock.nowMs() >= this.#fromMs
  }
}

for (const [fromMs, expected] of [[0, [0, true]], [1, [1, true]], [12, [15, true]], [63, [63, true]], [64, [63, false]]] as const) {
  t.test(`a reset that is seen after ${fromMs} ms`, async t => {
    const clock = new FakeClock()
    let known: unknown
    awaitReset(new ResetStream(clock, fromMs), clock, reset => { known = [clock.nowMs(), reset] })
    t.equal(known, undefined, 'never during the call')
    clock.advance(1_000)
    t.same(known, expected)
    t.equal(clock.pending, 0)
  })
}

t.test('cancelled, it looks no more', async t => {
  const clock = new FakeClock()
  const stream = new ResetStream(clock, 8)
  const waiting = awaitReset(stream, clock, () => { t.fail('it was cancelled') })
  clock.advance(5)
  const { looks } = stream
  waiting.cancel()
  clock.advance(1_000)
  t.same([stream.looks, clock.pending], [looks, 0])
})
