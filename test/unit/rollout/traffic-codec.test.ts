import t from 'tap'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { applyConfig } from '../../../src/rollout/transition.ts'
import { EMPTY_TRAFFIC, type RouteTraffic } from '../../../src/rollout/traffic-state.ts'
import { openStateEnvelope, sealStateEnvelope } from '../../../src/store/file-store.ts'
import { after, analyse, EVIDENCE, headerMatch, mirror, pauseFor, planOf, ramp, rolloutOf, routeOf, setMatch, setWeight, start } from '../../helpers/rollout-events.ts'

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

const ROLLED_OUT = after(routeOf({ stable: 100, canary: 0 }), start(planOf([
  setWeight(5), { kind: 'await-endpoints' }, analyse(1_000, { requests: 5 }), ramp(50, 2_000), pauseFor(null)
])), { type: 'evidence', id: 'r1', step: 1, stepMs: 7, evidence: EVIDENCE })
const withRollout = { routes: new Map([['hello', ROLLED_OUT]]), epochFloor: 0 }

t.test('a rollout is read back as it was, and is marked for Weirs that would drop it', async t => {
  t.same(codec.decode(JSON.parse(codec.encode(withRollout))), withRollout)
  t.equal(codec.newestFormat, 3)
  t.equal(codec.formatOf?.(withRollout), 2)
  t.equal(codec.formatOf?.(state), 1, 'a state without one stays what every Weir can read')
  const sealed = sealStateEnvelope(codec, { value: withRollout, version: '3' })
  t.match(sealed, /^\{"format":"weir-state","formatVersion":2,/)
  t.same(openStateEnvelope(codec, sealed), { value: withRollout, version: '3' })
  t.throws(() => openStateEnvelope(codec, sealed.replace('"formatVersion":2', '"formatVersion":4')), { message: /format version is 4; this Weir reads 1 to 3/ })
})

t.test('steps that came later are marked for Weirs that do not know them, and a match that nobody could write is refused', async t => {
  const placed = { routes: new Map([['hello', after(routeOf({ stable: 100, canary: 0 }), start(planOf([setMatch(headerMatch('x-beta', '1')), mirror(5), pauseFor(null)])))]]), epochFloor: 0 }
  t.same(codec.decode(JSON.parse(codec.encode(placed))), placed)
  t.equal(codec.formatOf?.(placed), 3)
  t.equal(codec.formatOf?.({ routes: new Map([['hello', after(routeOf({ a: 1, stable: 1, canary: 1 }), start(planOf([analyse(1_000)], { preset: 'a-b' })))]]), epochFloor: 0 }), 3)
  const damaged = (from: string, to: string): unknown => JSON.parse(codec.encode(placed).replaceAll(from, to))
  t.throws(() => codec.decode(damaged('"x-beta"', '"x beta"')), { message: /rollout\.(plan\.steps\[0\]\.)?match\.match\[0\] must be the name of a header field/ })
  t.throws(() => codec.decode(damaged('"exact"', '"regexp"')), { message: /test\.kind is not one of present, exact/ })
  t.throws(() => codec.decode(damaged('"weights":{', '"weights":{"v3":5,')), { message: /hello\.weights and fileWeights name different versions/ }, 'what was edited is named')
  t.throws(() => codec.decode(damaged('"percent":5', '"percent":500')), { message: /mirror\.percent/ })
})

t.test('conditions that an older Weir took and this one refuses are left out and told, and all else is kept', async t => {
  const always = { match: [], alwaysNever: [{ by: 'header', name: 'X-Beta' }] } as const
  const plan = planOf([setMatch({ ...headerMatch('x-beta', '1'), alwaysNever: [{ by: 'cookie', name: 'beta' }] }), pauseFor(null), setMatch(always)])
  const placed = { routes: new Map([['hello', after(routeOf({ stable: 100, canary: 0 }), start(plan))]]), epochFloor: 0 }
  const told: string[] = []
  const old = createTrafficCodec((place, why) => { told.push(`${place} ${why}`) })
  const read = (from: string, to: string): RouteTraffic | undefined => old.decode(JSON.parse(codec.encode(placed).replaceAll(from, to))).routes.get('hello')
  t.match(read('"value":"1"', '"value":" 1"'), {
    epoch: placed.routes.get('hello')?.epoch,
    rollout: { phase: 'Paused', match: { match: [], alwaysNever: [{ name: 'beta' }] }, plan: { steps: [{ kind: 'set-match', match: { match: [] } }, {}, { match: always }] } }
  })
  t.match(told.splice(0), [/hello\.rollout\.plan\.steps\[0\]\.match\.match\[0\] can never match: /, /hello\.rollout\.match\.match\[0\] can never match: /])
  t.match(read('"X-Beta"', '"X-Weir-Version"'), { rollout: { plan: { steps: [{}, {}, { kind: 'set-match', match: null }] } } }, 'nothing is left of it')
  t.equal(told.splice(0).length, 1)
  t.same(read('"beta"', '"beta"'), placed.routes.get('hello'))
  t.same(told, [])
})

/** Every place in a value. */
function placesIn (value: unknown, path: readonly (string | number)[] = []): ReadonlyArray<readonly (string | number)[]> {
  if (typeof value !== 'object' || value === null) return [path]
  return [...(path.length > 0 ? [path] : []), ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, Array.isArray(value) ? Number(key) : key]))]
}

function withValueAt (root: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const copy = (Array.isArray(root) ? [...root] : { ...root as object }) as Record<string | number, unknown>
  copy[key] = withValueAt(copy[key], rest, value)
  return copy
}

t.test('no field of a rollout is taken as it comes', async t => {
  const { rollout } = JSON.parse(JSON.stringify(ROLLED_OUT))
  const decoded = (of: unknown) => codec.decode({ routes: { hello: { ...JSON.parse(JSON.stringify(ROLLED_OUT)), rollout: of } }, epochFloor: 0 })
  // Within the evidence there are thousands of numbers, which have a test of their own.
  const places = placesIn({ ...rollout, evidence: null }).concat([['evidence']])
  t.ok(places.length > 60)
  for (const path of places) {
    for (const wrong of [{ a: 1 }, [1], true]) {
      if (path.at(-1) === 'before' && !Array.isArray(wrong) && wrong !== true) continue
      t.throws(() => decoded(withValueAt(rollout, path, wrong)), { message: /value\.routes\.hello\.rollout/ }, `${path.join('.')} ${JSON.stringify(wrong)}`)
    }
  }
})

const IMPOSSIBLE: ReadonlyArray<readonly [string, Record<string, unknown>, RegExp]> = [
  ['a pause by nobody', { phase: 'Paused', pausedBy: null }, /pausedBy does not fit the phase Paused/],
  ['a cause without a pause', { pausedBy: 'person' }, /pausedBy does not fit the phase Progressing/],
  ['a pause of a step that is none', { phase: 'Paused', pausedBy: 'step' }, /the step is no pause/],
  ['a step behind the watch', { step: 6 }, /rollout\.step is not a number from 0 to 5/],
  ['weights of other versions', { before: { stable: 1 } }, /before and the weights name different versions/],
  ['weights that would serve nobody', { before: { stable: 0, canary: 0 } }, /before would serve nobody/],
  ['steps in another order', { plan: planOf([setWeight(50), setWeight(5)]), step: 0 }, /steps\[1\] goes down from 50 % to 5 %/],
  ['a version that the route has not', { plan: { ...planOf([setWeight(5)]), to: 'blue' }, step: 0 }, /plan names blue/],
  ['no steps', { plan: planOf([]), step: 0 }, /steps are not 1 to 100/],
  ['too many steps', { plan: planOf(Array.from({ length: 101 }, () => setWeight(5))), step: 0 }, /steps are not 1 to 100/],
  ['the same version twice', { plan: { ...planOf([setWeight(5)]), to: 'stable' }, step: 0 }, /the same version/],
  ['a ramp of no time', { plan: planOf([ramp(5, 0)]), step: 0 }, /overMs is 0/],
  ['a share of more than all', { shareTo: 101 }, /shareTo is not a number from 0 to 100/],
  ['no sum', { sum: 0 }, /sum is 0/],
  ['an endless id', { id: 'x'.repeat(200) }, /id is not an id/],
  ['evidence of no format', { evidence: { ...EVIDENCE, format: 'new' } }, /rollout\.evidence.*format/]
]

for (const [name, fields, message] of IMPOSSIBLE) {
  t.test(`${name} is refused`, async t => {
    const route = { ...ROLLED_OUT, rollout: { ...ROLLED_OUT.rollout, ...fields } }
    t.throws(() => codec.decode(JSON.parse(codec.encode({ routes: new Map([['hello', route as RouteTraffic]]), epochFloor: 0 }))), { message })
  })
}

t.test('evidence of another format is left out alone: weights, plan and step stay', async t => {
  const rollout = { ...rolloutOf(ROLLED_OUT), step: 2, stepRequests: 40 }
  const stored = JSON.parse(JSON.stringify({ ...ROLLED_OUT, rollout: { ...rollout, evidence: { format: 1, counts: [1, 2] } } }))
  const expected = { ...ROLLED_OUT, rollout: { ...rollout, stepRequests: null, evidence: null } }
  t.same(codec.decode({ routes: { hello: stored }, epochFloor: 0 }).routes.get('hello'), expected)
})

t.test('a salt is a short text', async t => {
  const decoded = (salt: unknown) => codec.decode({ routes: { hello: { ...JSON.parse(JSON.stringify(ROLLED_OUT)), salt } }, epochFloor: 0 })
  t.throws(() => decoded(7), { message: /hello\.salt is not a text/ })
  t.throws(() => decoded('x'.repeat(129)), { message: /hello\.salt is longer than 128/ })
  t.equal(decoded('x').routes.get('hello')?.salt, 'x')
})

t.test('a rollout that is over may name versions that are gone', async t => {
  const gone = applyConfig({ routes: new Map([['hello', ROLLED_OUT]]), epochFloor: 0 }, [{ name: 'hello', weights: { stable: 1, blue: 0 } }], '')
  t.match(gone.routes.get('hello')?.rollout, { phase: 'Aborted', reason: 'the configuration has no version "canary" any more' })
  t.same(codec.decode(JSON.parse(codec.encode(gone))), gone)
})
