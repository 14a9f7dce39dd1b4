import t from 'tap'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { applyConfig } from '../../../src/rollout/transition.ts'
import { EMPTY_TRAFFIC } from '../../../src/rollout/traffic-state.ts'

const codec = createTrafficCodec()
const state = applyConfig(EMPTY_TRAFFIC, [{ name: 'hello', weights: { stable: 1.5, constructor: 0 } }, { name: 'constructor', weights: { a: 1 } }], '2026-01-01T00:00:00.000Z')

t.test('what is written is read back the same', async t => {
  t.same(codec.decode(JSON.parse(codec.encode(state))), state)
  t.same(codec.decode(JSON.parse(codec.encode(EMPTY_TRAFFIC))), EMPTY_TRAFFIC)
  t.equal(codec.encode(state), codec.encode(state), 'and written the same again')
})

const HELLO = JSON.parse(codec.encode(state)).routes.hello

const BROKEN: readonly (readonly [unknown, RegExp])[] = [
  [null, /value is not an object/],
  [[], /value is not an object/],
  [{}, /value\.routes is not an object/],
  [{ routes: {} }, /epochFloor is not a whole number/],
  [{ routes: { a: 1 }, epochFloor: 0 }, /value\.routes\.a is not an object/],
  [{ routes: { a: { ...HELLO, epoch: -1 } }, epochFloor: 0 }, /value\.routes\.a\.epoch/],
  [{ routes: { a: { ...HELLO, epoch: 1.5 } }, epochFloor: 0 }, /epoch is not a whole number/],
  [{ routes: { a: { ...HELLO, weights: { stable: '1' } } }, epochFloor: 0 }, /weights\.stable is not a weight/],
  [{ routes: { a: { ...HELLO, weights: { stable: -1 } } }, epochFloor: 0 }, /weights\.stable is not a weight/],
  [{ routes: { a: { ...HELLO, weights: { stable: 1 } } }, epochFloor: 0 }, /name different versions/],
  [{ routes: { a: { ...HELLO, history: {} } }, epochFloor: 0 }, /history is not a list/],
  [{ routes: { a: { ...HELLO, history: [{ ...HELLO.history[0], source: 'magic' }] } }, epochFloor: 0 }, /history\[0\]\.source is not one of api/],
  [{ routes: { a: { ...HELLO, history: [{ ...HELLO.history[0], reason: 'x'.repeat(9999) }] } }, epochFloor: 0 }, /reason is not a text/]
]

for (const [plain, message] of BROKEN) {
  t.test(`${String(message)} names the place`, async t => {
    t.throws(() => codec.decode(plain), { message })
  })
}
