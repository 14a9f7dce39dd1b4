/**
 * One bad endpoint of several is ejected and not charged to the version, whatever rule would have failed that, at any weight, with few clients
 * and many; and a version that is bad everywhere is out as soon as without that.
 */
import t from 'tap'
import { readStoredEvidence } from '../../../src/analysis/stored-evidence.ts'
import { courseOf, type EndpointWorld, nameOfEndpoint } from '../../helpers/endpoint-world.ts'
import { byEndpointOf, EvidenceBench, type Happened } from '../../helpers/evidence.ts'

const WORLD: EndpointWorld = { endpoints: 2, bad: 1, badShare: 1, errors: 0, how: 'fails', share: 0.25, clients: 2_000, requestsPerTick: 40, known: 400 }
const TICKS = 150
const SEEDS = [1, 2, 3] as const
const [BAD, OTHER] = [nameOfEndpoint(0), nameOfEndpoint(1)]

/** Which rule would fail the version, by how the world is. */
const WORLDS: Readonly<Record<string, Partial<EndpointWorld>>> = {
  'first failures': {},
  'first failures at a small weight': { share: 0.05 },
  'first failures, one of ten': { endpoints: 10, share: 0.1 },
  'half of its answers': { badShare: 0.5 },
  'a tenth of its answers': { badShare: 0.1 },
  'first slow answers': { how: 'slow' },
  'pairs of failover': { how: 'rescued', clients: 10 },
  'requests, few clients': { clients: 30 },
  'the blast cap, three clients': { clients: 3 },
  'the blast cap, half of the weight': { share: 0.5 },
  'the share of failures, nearly all weight': { share: 0.9, endpoints: 3 },
  'requests, all weight': { share: 1 },
  'the share of failures, all weight, one of ten': { share: 1, endpoints: 10 },
  'requests, all weight, one client': { share: 1, clients: 1 },
  'many requests at once': { requestsPerTick: 3_000, clients: 5_000 },
  'nothing known of the old version': { known: 0 },
  'what its match brings': { matched: true, share: 0.2 }
}

for (const [name, changes] of Object.entries(WORLDS)) {
  t.test(`one endpoint is bad, and it is not the version: ${name}`, t => {
    const world = { ...WORLD, ...changes }
    for (const seed of SEEDS) {
      const { failed, ejected } = courseOf(world, TICKS, seed)
      t.equal(failed?.reason, undefined, `seed ${seed}`)
      t.same(ejected, [BAD], `seed ${seed}`)
    }
    t.end()
  })

  t.test(`all endpoints are bad, and that is the version: ${name}`, t => {
    const world = { ...WORLD, ...changes, bad: changes.endpoints ?? WORLD.endpoints }
    // The most that may go wrong until then: the blast cap, and what one report brings, which is a third of a tick.
    const most = 50 + 4 + world.requestsPerTick * world.share / 3 * 1.5
    for (const seed of SEEDS) {
      const { failed, harmed } = courseOf(world, TICKS, seed)
      t.ok(failed, `seed ${seed}`)
      t.ok(harmed <= most, `seed ${seed}: ${harmed} of ${most}`)
    }
    t.end()
  })
}

t.test('failures that both versions have, and some of the other endpoints, do not hide whose the rest are', t => {
  let failed = 0
  for (const errors of [0.005, 0.02, 0.08]) {
    for (const endpoints of [2, 3, 10]) {
      for (const seed of SEEDS) if (courseOf({ ...WORLD, errors, endpoints, known: 10_000 }, TICKS, seed).failed !== undefined) failed++
    }
  }
  t.ok(failed <= 3, `${failed} of 27: at times the others have two of the first few by chance`)
  t.end()
})

t.test('failures that both versions have are not one endpoint\'s', t => {
  for (const endpoints of [2, 10]) {
    for (const seed of SEEDS) {
      const { failed, ejected } = courseOf({ ...WORLD, bad: 0, errors: 0.05, endpoints, known: 10_000, requestsPerTick: 100 }, TICKS, seed)
      t.equal(failed, undefined)
      t.same(ejected, [])
    }
  }
  t.end()
})

const GOOD: Happened = { from: { requests: 75 }, to: { requests: 25 }, clients: 200 }
/** Failures of as many clients, by endpoint. */
function failing (byEndpoint: Readonly<Record<string, number>>, first = 0): Happened {
  const failures = Object.values(byEndpoint).reduce((sum, count) => sum + count, 0)
  const signs = Object.entries(byEndpoint).flatMap(([endpoint, count]) => Array.from({ length: count }, () => endpoint))
  return {
    ...GOOD, to: { requests: 25 + failures, failures }, toByEndpoint: byEndpointOf(byEndpoint), signs: signs.map((endpoint, index) => ({ endpoint, bucket: first + 2 * index }))
  }
}

t.test('three failures are too few to tell whose they are: a test waits for a fourth, a guard does not', t => {
  const few = (changes: ConstructorParameters<typeof EvidenceBench>[0]): EvidenceBench => {
    const bench = new EvidenceBench(changes, 0.002)
    bench.baseline({ requests: 10_000, failures: 0 })
    return bench.happen(GOOD, 20).happen(failing({ [BAD]: 3 }))
  }
  const test = few({})
  t.match(test.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: null })
  t.equal(test.verdict().reason, `All failures so far are those of one endpoint, ${BAD}, and 3 are too few to tell whether that is chance.`)
  t.match(test.happen(failing({ [OTHER]: 1 }, 100)).verdict(), { verdict: 'fail', code: 'errors' }, 'the fourth is another one\'s')
  t.match(few({}).happen(failing({ [BAD]: 1 }, 100)).verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD })
  t.match(few({ maxFailures: 3 }).verdict(), { verdict: 'fail', code: 'max_failures' })
  t.end()
})

t.test('a blamed endpoint is kept out while it goes wrong there, tried again, and kept out again; the version passes meanwhile', t => {
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  t.match(bench.verdict(), { code: 'one_endpoint', ejectEndpoint: BAD, reason: `The failures are those of one endpoint, ${BAD}, and not of the new version: it has 9 of 9.` })
  bench.usedTo = [OTHER]
  bench.happen(GOOD, 40)
  t.match(bench.verdict(), { code: 'one_endpoint', ejectEndpoint: BAD, to: { failures: 9 } })
  t.equal(bench.verdict().reason, `One endpoint, ${BAD}, has 9 failures and 0 slow answers and is ejected: they are not charged to the new version.`)
  bench.happen(GOOD, 20)
  t.match(bench.verdict(), { verdict: 'pass', ejectEndpoint: null }, 'nothing has gone wrong there for 5 s')
  t.match(bench.verdict().reason, / What one endpoint, 10\.0\.0\.1:80, has had \(9 failures, 0 slow answers\) is not charged\.$/)
  bench.usedTo = [BAD, OTHER]
  bench.happen(GOOD, 10).happen(failing({ [BAD]: 2 }, 200))
  t.match(bench.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD }, 'it is back, and no better')
  t.end()
})

t.test('a blamed endpoint that is well again is used, though it fails as often as any, or answers slowly', t => {
  for (const how of ['fails', 'slow'] as const) {
    const bench = new EvidenceBench({ slowerThanMs: 100 })
    const some = how === 'fails' ? { failures: 1 } : { slow: 1 }
    const usual: Happened = { ...GOOD, from: { requests: 75, ...some }, to: { requests: 25, ...(how === 'fails' ? {} : { slow: 1 }) } }
    bench.happen(usual, 100).happen(failing({ [BAD]: 40 }))
    t.equal(bench.verdict().ejectEndpoint, BAD)
    bench.usedTo = [OTHER]
    bench.happen(usual, 60)
    bench.usedTo = [BAD, OTHER]
    let ejected = 0
    for (let tick = 0; tick < 300; tick++) {
      const its = tick % 6 === 0 ? { toByEndpoint: { [BAD]: { requests: 1, ...some } }, to: { requests: 25, ...some } } : {}
      bench.happen({ ...usual, ...its })
      if (bench.verdict().ejectEndpoint !== null) ejected++
    }
    t.equal(ejected, 0, how)
  }
  t.end()
})

t.test('a blamed endpoint that can\'t be kept out is charged after a moment, with what it does from then on', t => {
  for (const changes of [{}, { share: 1 }, { matched: true, share: 0.2 }, { endpoints: 4, share: 0.5 }]) {
    for (const seed of SEEDS) {
      const { failed, ejected, harmed } = courseOf({ ...WORLD, ...changes, stays: true }, 300, seed)
      t.same(ejected, [BAD])
      t.ok(failed, `${JSON.stringify(changes)}, seed ${seed}`)
      t.ok(harmed < 1_000, `${harmed} failures`)
    }
  }
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  bench.verdict()
  for (let tick = 0; tick < 33; tick++) bench.happen(failing({ [BAD]: 1 }, 100 + tick))
  t.match(bench.verdict().reason, / can't be kept out: what goes wrong there is charged to the new version from now on\.$/)
  t.end()
})

t.test('an answer of another kind does not keep a version from failing', t => {
  const bad = (slow: Happened): EvidenceBench => {
    const bench = new EvidenceBench({ maxFailures: 1e9, maxErrorShare: null, slowerThanMs: 100 }, 1)
    bench.baseline({ requests: 5_000, failures: 0 })
    bench.happen({ from: { requests: 200 }, clients: 200 }).happen({ to: { requests: 50 }, clients: 200, ...slow })
    return bench.happen({ to: { requests: 50, failures: 30 }, toByEndpoint: byEndpointOf({ [BAD]: 15, [OTHER]: 15 }), clients: 200 }, 3)
  }
  const plain = bad({}).verdict()
  t.match(plain, { verdict: 'fail', code: 'requests' })
  t.match(bad({ to: { requests: 50, slow: 1 }, toByEndpoint: { [BAD]: { requests: 1, slow: 1 } } }).verdict(), { verdict: 'fail', code: 'requests' })
  const copies = new EvidenceBench({}, 0).happen({ from: { requests: 30 }, copies: { requests: 30, slow: 1 }, copiesByEndpoint: { [BAD]: 1 }, clients: 200 })
  copies.happen({ from: { requests: 30 }, copies: { requests: 30, failed: 30 }, copiesByEndpoint: { [BAD]: 15, [OTHER]: 15 }, clients: 200 }, 2)
  t.match(copies.verdict(), { verdict: 'fail', code: 'copies' })
  const different = new EvidenceBench({ maxDifferent: 0.01 }, 0)
  different.happen({ from: { requests: 30 }, copies: { requests: 30, failed: 1, different: 30 }, copiesByEndpoint: { [BAD]: 1 }, clients: 200 }, 3)
  t.match(different.verdict(), { verdict: 'fail', code: 'copies' })
  t.end()
})

t.test('few clients on a small weight: whose failures they are is asked of requests too', t => {
  for (const [share, clients] of [[0.01, 400], [0.015, 300], [0.005, 1_000]] as const) {
    for (let seed = 1; seed <= 4; seed++) {
      const { failed } = courseOf({ ...WORLD, bad: 2, badShare: 0.3, share, clients, known: 10_000 }, 1_500, seed)
      t.ok(failed, `${clients} clients, seed ${seed}`)
    }
  }
  t.end()
})

t.test('a low rate at all weight: the share of failures waits until it is known whose they are', t => {
  for (const endpoints of [4, 6, 10]) {
    for (let seed = 1; seed <= 8; seed++) {
      const { failed } = courseOf({ ...WORLD, endpoints, share: 1, requestsPerTick: 3, known: 10_000 }, 300, seed)
      t.equal(failed?.reason, undefined, `${endpoints} endpoints, seed ${seed}`)
    }
  }
  t.end()
})

t.test('of many endpoints with a failure now and then, the one that goes bad late is found', t => {
  let failed = 0
  for (const share of [1, 0.5]) {
    for (let seed = 1; seed <= 3; seed++) {
      const { failed: fail, ejected } = courseOf({ ...WORLD, endpoints: 20, errors: 0.02, share, known: 10_000, badFromTick: 200 }, 500, seed)
      if (fail !== undefined || !ejected.includes(BAD)) failed++
    }
  }
  t.ok(failed <= 1, `${failed} of 6`)
  t.end()
})

t.test('what goes wrong everywhere in the warm-up does not hide whose later failures are', t => {
  for (const changes of [{}, { clients: 30, share: 0.5 }]) {
    const bench = new EvidenceBench({ warmupMs: 2_000, maxFailures: 100 })
    bench.happen({ ...GOOD, to: { requests: 25, failures: 2 }, toByEndpoint: byEndpointOf({ [BAD]: 1, [OTHER]: 1 }) }, 20)
    bench.happen({ ...GOOD, ...changes }, 10).happen(failing({ [BAD]: 9 }))
    t.match(bench.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD })
  }
  t.end()
})

t.test('an outage of both versions does not hide whose later failures are', t => {
  let failed = 0
  for (const share of [0.25, 0.5, 0.9]) {
    for (let seed = 1; seed <= 3; seed++) {
      const world: EndpointWorld = { ...WORLD, endpoints: 3, share, known: 10_000, badFromTick: 150, outage: { fromTick: 50, ticks: 30, share: 0.6 } }
      if (courseOf(world, 300, seed).failed !== undefined) failed++
    }
  }
  t.ok(failed <= 1, `${failed} of 9`)
  t.end()
})

t.test('what a blamed endpoint does is charged when it is the only one that the version has left', t => {
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  bench.verdict()
  bench.happen(failing({ [BAD]: 20 }, 100), 20)
  t.equal(bench.verdict().verdict, 'undecided')
  bench.usedTo = [BAD]
  bench.happen(GOOD).happen(failing({ [BAD]: 20 }, 200), 3)
  t.match(bench.verdict(), { verdict: 'fail', code: 'max_failures', ejectEndpoint: null })
  t.end()
})

t.test('an endpoint that alone is used is the version, though the version has others that are down', t => {
  const bench = new EvidenceBench()
  bench.usedTo = [BAD]
  bench.happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  t.match(bench.verdict(), { verdict: 'fail', code: 'errors' })
  const ejected = new EvidenceBench()
  ejected.usedTo = [OTHER]
  ejected.happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  t.match(ejected.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD }, 'one that is ejected already is not the one that is used')
  t.end()
})

t.test('another endpoint that goes bad later is the version\'s fault', t => {
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  bench.verdict()
  bench.happen(failing({ [OTHER]: 9 }, 100))
  t.match(bench.verdict(), { verdict: 'fail', code: 'errors' })
  const many = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  many.verdict()
  many.happen({ ...failing({ [OTHER]: 200 }, 100), signs: [] })
  t.match(many.verdict(), { verdict: 'fail', code: 'max_failures' }, 'also when it has far more failures than the first one')
  t.end()
})

t.test('copies: one endpoint that answers them badly is ejected before anybody else gets it', t => {
  const copied = (copies: Happened['copies'] = {}, byEndpoint?: Readonly<Record<string, number>>): Happened => (
    { from: { requests: 30 }, copies: { requests: 30, ...copies }, clients: 200, ...(byEndpoint === undefined ? {} : { copiesByEndpoint: byEndpoint }) }
  )
  const one = new EvidenceBench({}, 0).happen(copied(), 3).happen(copied({ failed: 15 }, { [BAD]: 15 }), 2)
  t.match(one.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD })
  t.match(one.verdict(), { copies: { requests: 120, failed: 0 } })
  one.happen(copied({ failed: 15 }, { [BAD]: 15 }))
  t.not(one.verdict().verdict, 'fail', 'those that were on their way')
  const all = new EvidenceBench({}, 0).happen(copied(), 3).happen(copied({ failed: 16 }, { [BAD]: 8, [OTHER]: 8 }), 2)
  t.match(all.verdict(), { verdict: 'fail', code: 'copies' })
  const differing = new EvidenceBench({}, 0).happen(copied({ different: 30 }), 3).happen(copied({ failed: 15, different: 30 }, { [BAD]: 15 }), 2)
  t.match(differing.verdict(), { verdict: 'undecided', code: 'one_endpoint', ejectEndpoint: BAD }, 'that all are different is another matter')
  t.end()
})

t.test('another process knows whom the one before has blamed, and for what', t => {
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  bench.verdict()
  bench.happen(GOOD)
  const before = bench.verdict()
  bench.goOn(readStoredEvidence(JSON.parse(JSON.stringify(bench.analysis.stored()))))
  t.same(bench.verdict(), before)
  t.equal(bench.verdict().code, 'one_endpoint')
  bench.happen(failing({ [BAD]: 60 }, 100), 3)
  t.not(bench.verdict().verdict, 'fail')
  t.end()
})

t.test('counts by endpoint that can\'t be are made to fit, and never excuse more than there is', t => {
  const bench = new EvidenceBench().happen(GOOD, 20).happen(failing({ [BAD]: 9 }))
  bench.verdict()
  bench.happen({ ...failing({ [OTHER]: 9 }, 100), toByEndpoint: { [BAD]: { requests: 1e300, failures: Number.NaN, slow: -4 } } })
  bench.happen({ ...GOOD, toByEndpoint: { ['x'.repeat(500)]: { requests: 3, failures: 3 } } })
  readStoredEvidence(JSON.parse(JSON.stringify(bench.analysis.stored())))
  t.match(bench.verdict(), { verdict: 'fail', code: 'errors' })
  t.end()
})
