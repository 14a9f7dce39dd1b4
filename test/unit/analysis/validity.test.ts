/**
 * Small simulations with fixed seeds: identical versions under clients that are no coins are not condemned, and bad versions are. The large
 * ones are `npm run bench:verdict`.
 */
import t from 'tap'
import { emptyCounts } from '../../../src/analysis/side-counts.ts'
import { Random } from '../../../src/core/random.ts'
import { EvidenceBench } from '../../helpers/evidence.ts'

interface World {
  readonly clients: number
  /** The first so many clients, by their weight, fail always. */
  readonly broken: readonly number[]
  readonly error: number
  readonly errorOnNew: number
  readonly slowOnNew: number
  readonly failover: boolean
}

const WORLD: World = { clients: 300, broken: [], error: 0.001, errorOnNew: 0.001, slowOnNew: 0.01, failover: false }

/** Runs until a fail, at most so many ticks of 40 requests. @returns the tick and the code of the fail */
function run (seed: number, world: Partial<World>, ticks: number): { readonly tick: number, readonly code: string } | undefined {
  const { clients, broken, error, errorOnNew, slowOnNew, failover } = { ...WORLD, ...world }
  const random = new Random(seed)
  const bench = new EvidenceBench({ maxFailures: 1e9, maxErrorShare: null })
  const isNew = Array.from({ length: clients }, () => random.nextFraction() < 0.25)
  const isOdd = Array.from({ length: clients }, () => random.nextFraction() < 0.5)
  const failures = new Map<string, number>()
  for (let tick = 0; tick < ticks; tick++) {
    const sides = { from: emptyCounts(), to: emptyCounts() }
    const signs = []
    for (let request = 0; request < 40; request++) {
      // Squared: the first clients have many of the requests.
      const client = Math.floor(clients * random.nextFraction() ** 2)
      const side = isNew[client] === true ? 'to' : 'from'
      const counts = sides[side]
      const half = isOdd[client] === true ? 1 : 0
      counts.requests++
      counts.halfRequests += half
      const isBroken = broken.includes(client)
      if (isBroken || random.nextFraction() < (side === 'to' ? errorOnNew : error)) {
        counts.failures++
        counts.halfFailures += half
        if (failover && isBroken) counts.bothFailed++
        else if (failover) counts.rescued++
        signs.push({ bucket: client * 199, side, endpoint: `e${client % 3}` } as const)
        if (side === 'to') failures.set(`c${client}`, (failures.get(`c${client}`) ?? 0) + 1)
      } else if (random.nextFraction() < (side === 'to' ? slowOnNew : 0.01)) {
        counts.slow++
        signs.push({ kind: 'slow', bucket: client * 199, side, endpoint: `e${client % 3}` } as const)
      }
    }
    const heavy = Object.fromEntries([...failures].sort((a, b) => b[1] - a[1]).slice(0, 16))
    bench.happen({ ...sides, signs, heavy, clients })
    const { verdict, code } = bench.verdict()
    if (verdict === 'fail') return { tick, code }
  }
  return undefined
}

const seeds = Array.from({ length: 12 }, (_, index) => index + 1)

for (const [name, world] of Object.entries<Partial<World>>({
  'identical versions': {},
  'a broken client with many requests': { broken: [0] },
  'several broken clients': { broken: [0, 1, 7, 40, 90, 200] },
  'few clients, one broken': { clients: 12, broken: [2] },
  'failover, and broken clients that fail on both': { clients: 12, broken: [0, 5], failover: true },
  'a tenth of all fails': { error: 0.1, errorOnNew: 0.1 }
})) {
  t.test(`not condemned: ${name}`, async t => {
    t.same(seeds.map(seed => run(seed, world, 250)).filter(found => found !== undefined), [])
  })
}

for (const [name, { world, within, codes }] of Object.entries({
  'half of all fails': { world: { errorOnNew: 0.5 }, within: 20, codes: ['errors'] },
  'a twentieth fails, some clients broken': { world: { errorOnNew: 0.05, broken: [3, 30] }, within: 250, codes: ['errors'] },
  'a fifth is slow': { world: { slowOnNew: 0.2 }, within: 80, codes: ['slow'] },
  'everything fails, a few clients, failover': { world: { clients: 12, errorOnNew: 1, failover: true }, within: 60, codes: ['pairs', 'errors', 'requests'] },
  'half of all fails, few clients': { world: { clients: 35, errorOnNew: 0.5 }, within: 60, codes: ['requests', 'errors'] }
})) {
  t.test(`condemned: ${name}`, async t => {
    for (const seed of seeds) {
      const found = run(seed, world, within)
      t.ok(found !== undefined && codes.includes(found.code), `seed ${seed}: ${found?.code ?? 'nothing'} after ${found?.tick ?? within} ticks`)
    }
  })
}
