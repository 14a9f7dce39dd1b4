import t from 'tap'
import fc from 'fast-check'
import { hashString } from '../../../src/core/hash.ts'
import { IpKey } from '../../../src/routing/ip-key.ts'
import { Split } from '../../../src/routing/split.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

const KEYS = 100_000
const ipKey = new IpKey()
const octet = (number: number, shift: number) => (number >>> shift) & 255
const group = (number: number) => number.toString(16)

/** The n-th key of a family that starts somewhere. */
const families: Readonly<Record<string, (start: number, n: number) => number>> = {
  'sequential IPv4 addresses': (start, n) =>
    ipKey.hash(`${octet(start + n, 24)}.${octet(start + n, 16)}.${octet(start + n, 8)}.${octet(start + n, 0)}`),
  'the first address of sequential /24 networks': (start, n) =>
    ipKey.hash(`${octet(start + n, 16)}.${octet(start + n, 8)}.${octet(start + n, 0)}.1`),
  'sequential IPv6 /64 networks': (start, n) =>
    ipKey.hash(`2001:${group(start >>> 16)}:${group(n >>> 16)}:${group(n & 0xffff)}::${group(n & 0xff)}`),
  'numbered users': (start, n) => hashString(`user-${start + n}`),
  'random strings': (start, n) => hashString((Math.imul(start ^ n, 0x9e3779b1) >>> 0).toString(36) + n.toString(36))
}

/** 2 to 8 names, alike or not, with weights of which one at least is above 0. */
const splits = fc.tuple(
  fc.string(),
  fc.oneof(
    fc.tuple(fc.constantFrom('web-v', 'v', 'canary', ''), fc.integer({ min: 2, max: 8 })).map(([stem, count]) => Array.from({ length: count }, (_, index) => `${stem}${index}`)),
    fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 8 })
  ),
  fc.array(fc.oneof(fc.integer({ min: 0, max: 100 }), fc.double({ min: 0.001, max: 1, noNaN: true })), { minLength: 8, maxLength: 8 })
).map(([salt, names, weights]) => ({ salt, names, weights: weights.slice(0, names.length) }))
  .filter(({ weights }) => weights.some(weight => weight > 0))

for (const [family, keyHash] of Object.entries(families)) {
  t.test(`each share is within one percentage point of its weight for ${family}`, async t => {
    fc.assert(fc.property(splits, fc.nat(), ({ salt, names, weights }, start) => {
      const split = new Split(salt, names, weights)
      const counts = names.map(() => 0)
      for (let n = 0; n < KEYS; n++) {
        const chosen = split.choose(keyHash(start, n))
        counts[chosen] = (counts[chosen] ?? 0) + 1
      }
      const sum = weights.reduce((left, right) => left + right, 0)
      return counts.every((count, index) => Math.abs(count / KEYS - (weights[index] ?? 0) / sum) < 0.01)
    }), { numRuns: propertyRuns(6) })
    t.pass('held')
  })
}

t.test('a share of 0.01 % is held too', async t => {
  const split = new Split('route', ['stable', 'canary'], [99.99, 0.01])
  let canary = 0
  for (let n = 0; n < 4_000_000; n++) canary += split.choose(hashString(`client ${n}`))
  // 400 are expected; a fair draw misses by more than 100 once in a million times.
  t.ok(canary > 300 && canary < 500, `${canary} of 4,000,000`)
})

t.test('another salt draws another cohort', async t => {
  const versions = ['stable', 'canary']
  fc.assert(fc.property(fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 2 }), ([first = '', second = '']) => {
    const one = new Split(first, versions, [80, 20])
    const other = new Split(second, versions, [80, 20])
    let both = 0
    for (let n = 0; n < KEYS; n++) {
      const key = hashString(`user-${n}`)
      if (one.choose(key) === 1 && other.choose(key) === 1) both++
    }
    return Math.abs(both / KEYS - 0.04) < 0.01
  }), { numRuns: propertyRuns(6) })
  t.pass('held')
})

t.test('a rollout draws a cohort of its own, independent of that without one and of the next one\'s', async t => {
  const versions = ['stable', 'canary']
  fc.assert(fc.property(fc.string(), fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 2 }), (salt, [first = '', second = '']) => {
    const one = new Split(salt, versions, [80, 20], first)
    const other = new Split(salt, versions, [80, 20], second)
    let both = 0
    for (let n = 0; n < KEYS; n++) {
      const key = hashString(`user-${n}`)
      if (one.choose(key) === 1 && other.choose(key) === 1) both++
    }
    return Math.abs(both / KEYS - 0.04) < 0.01
  }), { numRuns: propertyRuns(6) })
  t.pass('held')
})
