import t from 'tap'
import fc from 'fast-check'
import { type Balancer, type Candidate, createBalancer } from '../../../src/balancing/balancer.ts'
import { hashString, mix32 } from '../../../src/core/hash.ts'
import { Random } from '../../../src/core/random.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

const KINDS = ['least-request', 'round-robin', 'rendezvous'] as const

function balancer (kind: typeof KINDS[number], seed: number): Balancer {
  const random = new Random(seed)
  return createBalancer(kind, 'version', () => random.nextInt32())
}

const endpoints = (count: number): Candidate[] =>
  Array.from({ length: count }, (_, n) => ({ inFlight: 0, hash: hashString(`10.1.${n >> 8}.${n & 255}:8080`), eligible: true }))

const candidates = fc.array(fc.record({ inFlight: fc.nat({ max: 5 }), hash: fc.integer(), eligible: fc.boolean() }), { maxLength: 40 })

for (const kind of KINDS) {
  t.test(`${kind} picks an eligible candidate whenever there is one, and never another`, async t => {
    fc.assert(fc.property(candidates, fc.integer(), fc.integer(), (list, key, seed) => {
      const picked = balancer(kind, seed).pick(list, key)
      return list.some(({ eligible }) => eligible) ? list[picked]?.eligible === true : picked === -1
    }), { numRuns: propertyRuns(300) })
    t.pass('held')
  })

  t.test(`${kind} gives idle candidates even shares, whichever of them are eligible`, async t => {
    fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), fc.integer(), (eligible, seed) => {
      const up = eligible.filter(Boolean).length
      fc.pre(up > 0)
      const list = endpoints(eligible.length).map((candidate, index) => ({ ...candidate, eligible: eligible[index] === true }))
      const counts = list.map(() => 0)
      const subject = balancer(kind, seed)
      for (let n = 0; n < 20_000; n++) {
        const picked = subject.pick(list, mix32(seed + n))
        counts[picked] = (counts[picked] ?? 0) + 1
      }
      return counts.every((count, index) => Math.abs(count / 20_000 - (eligible[index] === true ? 1 / up : 0)) < 0.02)
    }), { numRuns: propertyRuns(15) })
    t.pass('held')
  })
}

t.test('least-request keeps the busiest of many close to the mean', async t => {
  const list = endpoints(50).map(candidate => ({ ...candidate, inFlight: 0 }))
  const subject = balancer('least-request', 7)
  for (let n = 0; n < 5_000; n++) {
    const chosen = list[subject.pick(list, 0)]
    if (chosen !== undefined) chosen.inFlight++
  }
  // 100 each is even. One draw at random instead of two leaves the busiest at about 125.
  t.ok(Math.max(...list.map(({ inFlight }) => inFlight)) <= 106)
})

t.test('least-request avoids a candidate that answers slowly', async t => {
  const list = endpoints(4).map(candidate => ({ ...candidate, inFlight: 0 }))
  const subject = balancer('least-request', 7)
  const stuck = list[2]
  let toStuck = 0
  for (let n = 0; n < 1_000; n++) {
    const chosen = list[subject.pick(list, 0)]
    if (chosen === stuck && stuck !== undefined) {
      stuck.inFlight++
      toStuck++
    }
  }
  t.ok(toStuck <= 1, `${toStuck} requests`)
})
