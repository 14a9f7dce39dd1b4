import fc from 'fast-check'
import t from 'tap'
import { sameWeights, type Weights } from '../../../src/contract/weights.ts'
import type { ChangeMeta, RouteTraffic, TrafficState } from '../../../src/rollout/traffic-state.ts'
import { EMPTY_TRAFFIC } from '../../../src/rollout/traffic-state.ts'
import { applySharedConfig } from '../../../src/rollout/shared-config.ts'
import { changeRoute, editedAt, goingOnFrom, recordEdits, withRoute } from '../../../src/rollout/transition.ts'

const AT = '2026-01-01T00:00:00.000Z'
const META: ChangeMeta = { actor: 'ops', reason: '', source: 'api', at: AT }
const NAMES = ['r1', 'r2', 'r3'] as const

const weights = fc.record({ a: fc.integer({ min: 1, max: 9 }), b: fc.nat(9) })
const step = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('change' as const), route: fc.constantFrom(...NAMES), weights }), weight: 5 },
  { arbitrary: fc.record({ kind: fc.constant('config' as const), routes: fc.subarray([...NAMES]), weights }), weight: 1 }
)
/** What somebody with kubectl does to what is stored: other weights, another epoch, an older copy of a route, a route taken out. */
const edit = fc.record({
  back: fc.nat(20),
  routes: fc.array(fc.record({ route: fc.constantFrom(...NAMES), weights: fc.option(weights), epoch: fc.option(fc.nat(12)), gone: fc.boolean() }), { maxLength: 4 })
})

type Step = { readonly kind: 'change', readonly route: string, readonly weights: Weights } | { readonly kind: 'config', readonly routes: readonly string[], readonly weights: Weights }

/** All states that a Weir has gone through, the oldest first. */
function pastOf (steps: readonly Step[]): readonly TrafficState[] {
  const first = applySharedConfig(EMPTY_TRAFFIC, [], NAMES.map(name => ({ name, weights: { a: 1, b: 1 } })), AT)
  const past = [first]
  for (const each of steps) past.push(next(past.at(-1) ?? first, each))
  return past
}

function next (state: TrafficState, each: Step): TrafficState {
  if (each.kind === 'config') {
    return applySharedConfig(state, NAMES.map(name => ({ name, weights: {} })), each.routes.map(name => ({ name, weights: each.weights })), AT)
  }
  const route = state.routes.get(each.route)
  const changed = route === undefined ? undefined : changeRoute(route, { type: 'weights', weights: each.weights }, META)
  return changed?.ok === true && changed.changed ? withRoute(state, each.route, changed.route) : state
}

function edited (state: TrafficState, { routes: edits }: { readonly routes: ReadonlyArray<{ readonly route: string, readonly weights: Weights | null, readonly epoch: number | null, readonly gone: boolean }> }): TrafficState {
  const routes = new Map<string, RouteTraffic>(state.routes)
  for (const { route, weights: other, epoch, gone } of edits) {
    const known = routes.get(route)
    if (gone) routes.delete(route)
    else if (known !== undefined) routes.set(route, { ...known, ...(other === null ? {} : { weights: other }), ...(epoch === null ? {} : { epoch }) })
  }
  return { ...state, routes }
}

t.test('whatever somebody writes over it, no epoch stands for two splits, none goes back, and what is wanted is in force', async () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 30 }), edit, (steps, change) => {
    const past = pastOf(steps)
    const known = past.at(-1) ?? EMPTY_TRAFFIC
    const written = edited(past.at(-1 - change.back) ?? known, change)
    const taken = recordEdits(goingOnFrom(known, written, editedAt(AT)), AT)
    for (const [name, before] of known.routes) {
      const after = taken.routes.get(name)
      if (after === undefined) {
        if (taken.epochFloor < before.epoch) throw new Error(`${name} may get epoch ${before.epoch} again`)
        continue
      }
      if (after.epoch < before.epoch) throw new Error(`${name} goes back to epoch ${after.epoch}`)
      if (after.epoch === before.epoch && !sameWeights(after.weights, before.weights)) throw new Error(`epoch ${after.epoch} of ${name} is used twice`)
      const wanted = written.routes.get(name)
      if (wanted !== undefined && !sameWeights(after.weights, wanted.weights)) throw new Error(`${name} does not have the weights that were written`)
    }
    if (goingOnFrom(taken, taken, editedAt(AT)) !== taken) throw new Error('what is taken is not taken as it is')
  }), { numRuns: 1_000 })
})

t.test('what a Weir has written itself is taken as it is', async () => {
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), steps => {
    const past = pastOf(steps)
    past.forEach((state, index) => {
      const after = past[index + 1] ?? state
      if (goingOnFrom(state, after, editedAt(AT)) !== after) throw new Error(`step ${index} is taken for an edit`)
    })
  }), { numRuns: 500 })
})
