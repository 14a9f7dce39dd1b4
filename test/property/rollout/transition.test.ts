import fc from 'fast-check'
import t from 'tap'
import { createTrafficCodec } from '../../../src/rollout/traffic-codec.ts'
import { applyConfig, changeRoute, isWeight, withRoute } from '../../../src/rollout/transition.ts'
import { sameWeights, type Weights } from '../../../src/contract/weights.ts'
import type { ChangeMeta, TrafficCommand, TrafficState } from '../../../src/rollout/traffic-state.ts'
import { EMPTY_TRAFFIC, MAX_HISTORY } from '../../../src/rollout/traffic-state.ts'

const AT = '2026-01-01T00:00:00.000Z'
const META: ChangeMeta = { actor: 'a', reason: '', source: 'api', at: AT }

const version = fc.constantFrom('stable', 'canary', 'blue', 'constructor')
const fileWeight = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1_000_000, noNaN: true }))
const anyWeight = fc.oneof(fileWeight, fc.double(), fc.integer())
const weightsOf = (weight: fc.Arbitrary<number>) => fc.dictionary(version, weight, { minKeys: 1, noNullPrototype: true })

type Step =
  | { readonly kind: 'config', readonly routes: readonly { readonly name: string, readonly weights: Weights }[] }
  | { readonly kind: 'change', readonly route: string, readonly command: TrafficCommand }

const name = fc.constantFrom('r1', 'r2', 'r3')
const command: fc.Arbitrary<TrafficCommand> = fc.oneof(
  fc.record({ type: fc.constant('weights' as const), weights: weightsOf(anyWeight) }),
  fc.record({ type: fc.constant('switch' as const), to: version }),
  fc.constant({ type: 'undo' as const }),
  fc.record({ type: fc.constant('undo' as const), revision: fc.integer({ min: -1, max: 12 }) })
)
const config: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('config' as const),
  routes: fc.uniqueArray(fc.record({ name, weights: weightsOf(fileWeight) }), { selector: route => route.name })
})
const change: fc.Arbitrary<Step> = fc.record({ kind: fc.constant('change' as const), route: name, command })
const steps = fc.tuple(config, fc.array(fc.oneof({ arbitrary: change, weight: 5 }, { arbitrary: config, weight: 1 }), { maxLength: 40 }))
  .map(([first, rest]) => [first, ...rest])

function apply (state: TrafficState, step: Step): TrafficState {
  if (step.kind === 'config') return applyConfig(state, step.routes, AT)
  const route = state.routes.get(step.route)
  if (route === undefined) return state
  const result = changeRoute(route, step.command, META)
  return result.ok && result.changed ? withRoute(state, step.route, result.route) : state
}

/** Runs steps and hands every pair of neighbouring states to `check`. */
function alwaysHolds (check: (before: TrafficState, after: TrafficState, step: Step) => boolean): void {
  fc.assert(fc.property(steps, chosen => {
    let state = EMPTY_TRAFFIC
    for (const step of chosen) {
      const next = apply(state, step)
      if (!check(state, next, step)) return false
      state = next
    }
    return true
  }))
}

t.test('no step leads to an illegal state', async () => {
  alwaysHolds((_before, after, step) => [...after.routes.values()].every(route => {
    const latest = route.history.at(-1)
    return Object.keys(route.weights).sort().join() === Object.keys(route.fileWeights).sort().join() &&
      Object.values(route.weights).every(weight => weight >= 0 && Number.isFinite(weight)) &&
      route.history.length >= 1 && route.history.length <= MAX_HISTORY &&
      latest !== undefined && latest.revision === route.revision && latest.epoch === route.epoch &&
      sameWeights(latest.after, route.weights) &&
      route.history.every((entry, index) => index === 0 || (
        entry.revision === (route.history[index - 1]?.revision ?? 0) + 1 &&
        sameWeights(entry.before, route.history[index - 1]?.after ?? {})))
  }) && (step.kind === 'change' || after.routes.size === step.routes.length))
})

t.test('a command never leaves a route without traffic or with a weight out of range', async () => {
  alwaysHolds((before, after, step) => {
    if (step.kind === 'config' || before === after || step.command.type === 'undo') return true
    const values = Object.values(after.routes.get(step.route)?.weights ?? {})
    return values.some(weight => weight > 0) && values.every(isWeight)
  })
})

t.test('an epoch is never used twice for a route, even one that left and came back', async () => {
  fc.assert(fc.property(steps, chosen => {
    const highest = new Map<string, number>()
    let state = EMPTY_TRAFFIC
    for (const step of chosen) {
      const next = apply(state, step)
      for (const [route, { epoch, weights }] of next.routes) {
        const before = state.routes.get(route)
        if (before === undefined ? epoch <= (highest.get(route) ?? 0) : epoch < before.epoch) return false
        if (before !== undefined && epoch === before.epoch && !sameWeights(weights, before.weights)) return false
        highest.set(route, epoch)
      }
      state = next
    }
    return true
  }))
})

t.test('undo returns exactly the weights before, whatever the change was', async () => {
  alwaysHolds((before, after, step) => {
    if (step.kind !== 'change' || before === after) return true
    const changed = after.routes.get(step.route)
    const old = before.routes.get(step.route)
    if (changed === undefined || old === undefined) return false
    const undone = changeRoute(changed, { type: 'undo' }, META)
    if (!undone.ok) return undone.error.code === 'all_weights_zero' && Object.values(old.weights).every(weight => weight === 0)
    return sameWeights(undone.route.weights, old.weights) && undone.route.epoch === changed.epoch + 1
  })
})

t.test('a refused or empty command leaves the very same state', async () => {
  alwaysHolds((before, after, step) => {
    if (step.kind === 'config') return true
    const old = before.routes.get(step.route)
    const now = after.routes.get(step.route)
    return (old === now) === (before === after)
  })
})

t.test('the configuration wins exactly when its own weights change', async () => {
  alwaysHolds((before, after, step) => step.kind === 'change' || step.routes.every(({ name: route, weights }) => {
    const old = before.routes.get(route)
    const now = after.routes.get(route)
    if (now === undefined || !sameWeights(now.fileWeights, weights)) return false
    if (old === undefined || !sameWeights(old.fileWeights, weights)) return sameWeights(now.weights, weights)
    return now === old
  }))
})

t.test('every state that can be reached is stored and read back the same', async t => {
  const codec = createTrafficCodec()
  alwaysHolds((_before, after) => t.same(codec.decode(JSON.parse(codec.encode(after))), after))
})
