import t from 'tap'
import fc from 'fast-check'
import { combineHashes, hashString, mix32 } from '../../../src/core/hash.ts'
import { Split } from '../../../src/routing/split.ts'

/** Weights as people write them and as doubles can be, down to the smallest and up to the greatest. */
const weight = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.constantFrom(0, Number.MIN_VALUE, 1e-9, 1_000_000, Number.MAX_VALUE)
)
const keys = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }), { minLength: 50, maxLength: 50 })
const splits = fc.integer({ min: 1, max: 8 }).chain(count => fc.record({
  salt: fc.string(),
  names: fc.uniqueArray(fc.string(), { minLength: count, maxLength: count }),
  weights: fc.array(weight, { minLength: count, maxLength: count }),
  changed: fc.nat({ max: count - 1 }),
  to: weight,
  available: fc.uint8Array({ min: 0, max: 1, minLength: count, maxLength: count })
}))

t.test('the same key gives the same version in every instance, whether its hash is taken as signed or unsigned', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights }, keys) => {
    const here = new Split(salt, names, weights)
    const there = new Split(salt, names, weights)
    return keys.every(key => here.choose(key) === there.choose(key) && here.choose(key | 0) === here.choose(key >>> 0))
  }))
  t.pass('held')
})

t.test('the order in which versions are listed does not matter', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights }, keys) => {
    const forth = new Split(salt, names, weights)
    const back = new Split(salt, names.toReversed(), weights.toReversed())
    return keys.every(key => forth.choose(key) === -1
      ? back.choose(key) === -1
      : forth.versions[forth.choose(key)] === back.versions[back.choose(key)])
  }))
  t.pass('held')
})

t.test('a change of one weight moves keys only into the version when it is raised, only out of it when it is lowered', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights, changed, to }, keys) => {
    const before = new Split(salt, names, weights)
    const after = before.withWeights(weights.with(changed, to), '')
    const raised = to >= (weights[changed] ?? 0)
    return keys.every(key => {
      const from = before.choose(key)
      const into = after.choose(key)
      return from === into || (raised ? into === changed : from === changed)
    })
  }), { numRuns: 1000 })
  t.pass('held')
})

t.test('a key that is raised away does come back when the weight is lowered again', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights, changed, to }, keys) => {
    const before = new Split(salt, names, weights)
    const back = before.withWeights(weights.with(changed, to), '').withWeights(weights, '')
    return keys.every(key => before.choose(key) === back.choose(key))
  }))
  t.pass('held')
})

/** What a version scored before rollouts had a salt, written down once more. */
function plainScore (salt: string, name: string, weight: number, key: number): number {
  const first = combineHashes(hashString(salt), hashString(name))
  const second = combineHashes(hashString(name, 0x5bd1e995), hashString(salt, 0x5bd1e995))
  const u = ((mix32(mix32(key + first) ^ second) >>> 0) + 0.5) / 2 ** 32
  return -Math.log(u) * Math.min(1 / weight, 1e300)
}

t.test('without the salt of a rollout, or when it has gone again, every client is where the configured salt alone puts it', async t => {
  fc.assert(fc.property(splits, keys, fc.string({ minLength: 1 }), ({ salt, names, weights }, keys, rolloutSalt) => {
    const plain = new Split(salt, names, weights)
    const back = plain.withWeights(weights, rolloutSalt).withWeights(weights, '')
    return keys.every(key => back.choose(key) === plain.choose(key) && plain.scores(key).every(({ score, weight }, index) =>
      (weight === 0 ? undefined : plainScore(salt, names[index] ?? '', weight, key)) === score))
  }))
  t.pass('held')
})

t.test('the salt of a rollout is one more salt: the same whether a split is made with it or gets it later, and it stays with its weights', async t => {
  fc.assert(fc.property(splits, keys, fc.string(), ({ salt, names, weights, changed, to }, keys, rolloutSalt) => {
    const made = new Split(salt, names, weights, rolloutSalt)
    const later = new Split(salt, names, weights.with(changed, to)).withWeights(weights, rolloutSalt)
    return keys.every(key => made.choose(key) === later.choose(key))
  }))
  t.pass('held')
})

t.test('a version with weight 0 gets nobody, not even as a fallback', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights, available }, keys) => {
    const split = new Split(salt, names, weights)
    return keys.every(key => {
      const chosen = split.choose(key)
      const served = split.chooseAmong(key, available)
      const allowed = (index: number) => index === -1 || (weights[index] ?? 0) > 0
      return allowed(chosen) && allowed(served) && (chosen === -1) === weights.every(weight => weight === 0)
    })
  }))
  t.pass('held')
})

t.test('an empty version sends its clients to their next score; nobody else moves', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights, available }, keys) => {
    const split = new Split(salt, names, weights)
    return keys.every(key => {
      const served = split.chooseAmong(key, available)
      const chosen = split.choose(key)
      if (chosen !== -1 && available[chosen] === 1) return served === chosen
      const left = split.scores(key).flatMap(({ score }, index) => score === undefined || available[index] === 0 ? [] : [{ score, index }])
      const lowest = Math.min(...left.map(({ score }) => score))
      return left.length === 0 ? served === -1 : left.some(({ score, index }) => index === served && score === lowest)
    })
  }))
  t.pass('held')
})

t.test('the chosen version has the lowest of the scores that are shown', async t => {
  fc.assert(fc.property(splits, keys, ({ salt, names, weights }, keys) => {
    const split = new Split(salt, names, weights)
    return keys.every(key => {
      const scores = split.scores(key)
      const chosen = split.choose(key)
      return chosen === -1 || scores.every(({ score }) => score === undefined || score >= (scores[chosen]?.score ?? Infinity))
    })
  }))
  t.pass('held')
})
