import t from 'tap'
import fc from 'fast-check'
import { type Candidate, Rendezvous } from '../../../src/balancing/balancer.ts'
import { hashString } from '../../../src/core/hash.ts'
import { Split } from '../../../src/routing/split.ts'
import { propertyRuns } from '../../helpers/property-runs.ts'

const balancer = new Rendezvous()
const keys = fc.array(fc.integer(), { minLength: 200, maxLength: 200 })
const addresses = fc.uniqueArray(fc.ipV4().map(address => `${address}:8080`), { minLength: 1, maxLength: 20 })
const candidate = (address: string): Candidate => ({ inFlight: 0, hash: hashString(address), eligible: true })
const pick = (addresses: readonly string[], key: number) => addresses[balancer.pick(addresses.map(candidate), key)]

t.test('the same key gets the same endpoint, in whatever order the endpoints are listed', async t => {
  fc.assert(fc.property(addresses, keys, (addresses, keys) => {
    return keys.every(key => pick(addresses, key) === pick(addresses.toReversed(), key) && pick(addresses, key | 0) === pick(addresses, key >>> 0))
  }))
  t.pass('held')
})

t.test('an endpoint that goes, or is not eligible, moves its own clients only', async t => {
  fc.assert(fc.property(addresses, fc.nat(), keys, (addresses, choice, keys) => {
    const gone = choice % addresses.length
    const rest = addresses.toSpliced(gone, 1)
    const unavailable = addresses.map((address, index) => ({ ...candidate(address), eligible: index !== gone }))
    return keys.every(key => {
      const before = pick(addresses, key)
      const after = pick(rest, key)
      return (before === addresses[gone] || before === after) && addresses[balancer.pick(unavailable, key)] === after
    })
  }))
  t.pass('held')
})

t.test('an endpoint that comes takes clients from others but moves none between them', async t => {
  fc.assert(fc.property(addresses, keys, (addresses, keys) => {
    const grown = ['192.0.2.200:9999', ...addresses]
    return keys.every(key => pick(grown, key) === pick(addresses, key) || pick(grown, key) === grown[0])
  }))
  t.pass('held')
})

t.test('the clients of a small version spread evenly over its endpoints', async t => {
  const cases = fc.record({ salt: fc.string(), share: fc.constantFrom(1, 5, 20), pods: fc.integer({ min: 2, max: 6 }), start: fc.nat({ max: 1_000_000 }) })
  fc.assert(fc.property(cases, ({ salt, share, pods, start }) => {
    const split = new Split(salt, ['stable', 'canary'], [100 - share, share])
    const list = Array.from({ length: pods }, (_, n) => candidate(`10.2.0.${n + 1}:8080`))
    const counts = list.map(() => 0)
    let clients = 0
    for (let n = 0; clients < 4_000; n++) {
      const key = hashString(`user-${start + n}`)
      if (split.choose(key) !== 1) continue
      clients++
      const picked = balancer.pick(list, key)
      counts[picked] = (counts[picked] ?? 0) + 1
    }
    // Six standard deviations of a fair draw.
    const tolerance = 6 * Math.sqrt(clients * (1 / pods) * (1 - 1 / pods))
    return counts.every(count => Math.abs(count - clients / pods) < tolerance)
  }), { numRuns: propertyRuns(8) })
  t.pass('held')
})
