/**
 * The tests of a verdict against a second implementation, written from the papers' formulas and sharing nothing with src, and against figures
 * that a third one gave.
 */
import t, { type Test } from 'tap'
import { AloneTest } from '../../../src/analysis/alone-test.ts'
import { alternatives, Comparison, lnRatio, projection } from '../../../src/analysis/comparison.ts'
import { lnNoWorse, lnWorse, pairsToPass } from '../../../src/analysis/paired-test.ts'
import { shareInterval } from '../../../src/analysis/share-interval.ts'
import { LabelTest, lnMean } from '../../../src/analysis/label-test.ts'
import { Random } from '../../../src/core/random.ts'

const CLOSE = 1e-8

function near (t: Test, found: number, wanted: number, name: string, tolerance = CLOSE): void {
  t.ok(Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${name}: ${found} is ${wanted}`)
}

/** The divergence that the projection makes least; its minimum is found by thirds, without a derivative. */
function projectionByThirds (a: number, b: number, nNew: number, nOld: number, margin: number): number {
  const divergence = (p: number, q: number): number => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q))
  const total = (x: number): number => nNew * divergence(a, x + margin) + nOld * divergence(b, x)
  let [low, high] = [1e-15, 1 - margin - 1e-15]
  for (let round = 0; round < 400; round++) {
    const third = (high - low) / 3
    if (total(low + third) < total(high - third)) high -= third
    else low += third
  }
  return (low + high) / 2
}

/** Direct products, without logarithms. */
function labelProduct (signs: ReadonlyArray<readonly [share: number, isNew: boolean]>): number {
  const ratios = [1.5, 2, 3, 5, 10, 30, 100, 1000]
  const products = ratios.map(r => signs.reduce((product, [w, isNew]) => product * (isNew ? r : 1) / (r * w + (1 - w)), 1))
  return products.reduce((sum, product) => sum + product, 0) / ratios.length
}

function labelOf (signs: ReadonlyArray<readonly [share: number, isNew: boolean]>): LabelTest {
  const label = new LabelTest(8_192)
  signs.forEach(([share, isNew], index) => { label.add({ bucket: index * 7, side: isNew ? 'to' : 'from', endpoint: 'e' }, share) })
  return label
}

t.test('label test: the figures of the reference, step by step', async t => {
  const signs = [[0.05, true], [0.05, true], [0.05, false], [0.25, true], [0.25, true], [0.25, false], [0.5, true]] as const
  const wanted = [2.10774612, 4.71822784, 3.08995577, 4.31078558]
  wanted.forEach((ln, index) => { near(t, labelOf(signs.slice(0, index + 1)).lnEvidence(), ln, `after ${index + 1}`) })
  signs.forEach((_, index) => { near(t, Math.exp(labelOf(signs.slice(0, index + 1)).lnEvidence()), labelProduct(signs.slice(0, index + 1)), `product ${index}`) })
})

t.test('label test: any signs, by direct products; and with an endpoint left out', async t => {
  const random = new Random(7)
  for (let round = 0; round < 50; round++) {
    const signs = Array.from({ length: 30 }, () => ({
      share: 0.01 + 0.98 * random.nextFraction(), isNew: random.nextFraction() < 0.5, endpoint: `e${random.nextUint32() % 3}`
    }))
    const label = new LabelTest(8_192)
    signs.forEach(({ share, isNew, endpoint }, index) => { label.add({ bucket: index * 2_000, side: isNew ? 'to' : 'from', endpoint }, share) })
    near(t, label.lnEvidence(), Math.log(labelProduct(signs.map(({ share, isNew }) => [share, isNew]))), 'all')
    const rest = signs.filter(({ isNew, endpoint }) => !isNew || endpoint !== 'e1')
    near(t, label.lnEvidence('e1'), Math.log(labelProduct(rest.map(({ share, isNew }) => [share, isNew]))), 'without e1')
  }
})

t.test('margin test: the projections of the reference', async t => {
  const cases = [[0.05, 0.001, 1, 19, 0.005, 0.0015417836], [0.5, 0.001, 1, 3, 0.005, 0.1213155499], [0.01, 0.001, 5, 95, 0, 0.00145], [0.2, 0.01, 25, 75, 0.01, 0.0493921745]] as const
  for (const [a, b, newRequests, oldRequests, margin, x] of cases) near(t, projection({ a, b, newRequests, oldRequests, margin }), x, `${a} and ${b}`, 1e-10)
})

t.test('margin test: any projection, by the least divergence', async t => {
  const random = new Random(11)
  for (let round = 0; round < 300; round++) {
    const margin = [0, 0.005, 0.02, 0.2][round % 4] ?? 0
    const b = 10 ** (-5 * random.nextFraction()) * 0.7
    const a = Math.min(0.995, b + margin + 10 ** (-4 * random.nextFraction()) * 0.9)
    const [newRequests, oldRequests] = [1 + random.nextUint32() % 500, 1 + random.nextUint32() % 500]
    const found = projection({ a, b, newRequests, oldRequests, margin })
    const wanted = projectionByThirds(a, b, newRequests, oldRequests, margin)
    // Without a derivative a minimum is known to half of the digits only.
    t.ok(Math.abs(found - wanted) <= 3e-7 * Math.max(1e-3, wanted) + 1e-9, `a=${a} b=${b} ${newRequests}+${oldRequests} margin=${margin}: ${found} is ${wanted}`)
    const slope = newRequests * ((1 - a) / (1 - found - margin) - a / (found + margin)) + oldRequests * ((1 - b) / (1 - found) - b / found)
    const bend = newRequests * a / (found + margin) ** 2 + oldRequests * b / found ** 2
    t.ok(Math.abs(slope / bend) <= 1e-9 * Math.max(found, 1e-6), 'it is where the divergence is flat')
  }
})

t.test('margin test: the evidence of single blocks', async t => {
  const point = { a: 0.05, b: 0.001, margin: 0.005 }
  const wanted = [[0, 0, -0.17211516], [1, 0, 1.90642802], [2, 0, 3.98497120], [1, 1, 1.47294564]] as const
  for (const [newFailures, oldFailures, ln] of wanted) near(t, lnRatio({ newRequests: 5, newFailures, oldRequests: 95, oldFailures }, point), ln, `${newFailures}, ${oldFailures}`)
  near(t, lnRatio({ newRequests: 25, newFailures: 0, oldRequests: 75, oldFailures: 0 }, { a: 0.001, b: 0.001, margin: 0.005 }), 0.10369627, 'pass')
})

t.test('margin test: the mixture over blocks', async t => {
  const blocks = [[10, 0, 30, 0], [12, 1, 28, 0], [9, 2, 31, 1], [11, 0, 33, 0], [10, 3, 30, 0]] as const
  const wanted = [-0.37404455, 0.37648771, 1.15865953]
  const logs = alternatives(0.002, 0.005).map(() => 0)
  blocks.forEach(([newRequests, newFailures, oldRequests, oldFailures], index) => {
    alternatives(0.002, 0.005).forEach((a, k) => { logs[k] = (logs[k] ?? 0) + lnRatio({ newRequests, newFailures, oldRequests, oldFailures }, { a, b: 0.002, margin: 0.005 }) })
    const ln = wanted[index]
    if (ln !== undefined) near(t, lnMean(logs), ln, `after ${index + 1}`)
  })
})

t.test('a comparison is that mixture with the old share of earlier blocks, by direct products', async t => {
  const random = new Random(3)
  const comparison = new Comparison(0.01)
  comparison.seed(1_000, 20)
  const steps = [0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.9]
  const products = steps.map(() => 1)
  let pass = 1
  let [requests, failures, sum, weight] = [1_000, 20, 0, 0]
  for (let block = 0; block < 40; block++) {
    const [n, m] = [1 + random.nextUint32() % 20, 1 + random.nextUint32() % 60]
    const [y, z] = [random.nextUint32() % Math.min(3, n + 1), random.nextUint32() % 2]
    const b = (failures + 0.5) / (requests + 50.5)
    const ratioFor = (a: number): number => {
      const x = projection({ a, b, newRequests: n, oldRequests: m, margin: 0.01 })
      return (a / (x + 0.01)) ** y * ((1 - a) / (1 - x - 0.01)) ** (n - y) * (b / x) ** z * ((1 - b) / (1 - x)) ** (m - z)
    }
    steps.forEach((step, k) => { products[k] = (products[k] ?? 1) * ratioFor(Math.min(b + 0.01 + step, 0.995)) })
    pass *= ratioFor(b)
    requests += m
    failures += z
    sum += n * m / (n + m) * (y / n - z / m)
    weight += n * m / (n + m)
    comparison.add({ newRequests: n, newFailures: y, oldRequests: 0, oldFailures: 0 })
    t.equal(comparison.tick(0), undefined, 'a block without the old version waits')
    comparison.add({ newRequests: 0, newFailures: 0, oldRequests: m, oldFailures: z })
    comparison.tick(0)
    near(t, comparison.lnEvidence, Math.log(products.reduce((total, product) => total + product, 0) / products.length), `block ${block}`)
    near(t, comparison.lnPass, Math.log(pass), `pass, block ${block}`)
    near(t, comparison.difference, sum / weight, `difference, block ${block}`)
  }
})

t.test('alone: requests against a known share, by direct products', async t => {
  const alone = new AloneTest(0.005)
  alone.add(100, 3, { share: 0.001, low: 0.0005, high: 0.002 })
  alone.add(40, 1, { share: 0.002, low: 0.001, high: 0.004 })
  const steps = [0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.9]
  const ratioFor = (n: number, y: number, p: number, limit: number): number => (p / limit) ** y * ((1 - p) / (1 - limit)) ** (n - y)
  const products = steps.map(step => ratioFor(100, 3, Math.min(0.007 + step, 0.995), 0.007) * ratioFor(40, 1, Math.min(0.009 + step, 0.995), 0.009))
  near(t, alone.lnEvidence, Math.log(products.reduce((sum, product) => sum + product, 0) / 10), 'evidence')
  near(t, alone.lnPass, Math.log(ratioFor(100, 3, 0.001, 0.0055) * ratioFor(40, 1, 0.002, 0.006)), 'pass')
})

/** ln of the Beta function by Simpson's rule after p = sin², which takes the poles away. */
function lnBetaByIntegral (a: number, b: number): number {
  const steps = 20_000
  const at = (angle: number): number => {
    const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
    return 2 * (sine <= 0 ? (a === 0.5 ? 1 : 0) : sine ** (2 * a - 1)) * (cosine <= 1e-16 ? (b === 0.5 ? 1 : 0) : cosine ** (2 * b - 1))
  }
  let sum = 0
  for (let step = 0; step <= steps; step++) sum += at(step * Math.PI / 2 / steps) * (step === 0 || step === steps ? 1 : step % 2 === 1 ? 4 : 2)
  return Math.log(sum * Math.PI / 2 / steps / 3)
}

/** The money of gamblers that stake a part each, pair by pair; half of it is the first one's. */
function betting (pairs: readonly number[], gainOf: (difference: number) => number, most: number): number {
  const stakes = [0.98, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01]
  const shares = stakes.map((_, index) => index === 0 ? 0.5 : 0.0625)
  return stakes.reduce((sum, stake, index) => {
    return sum + pairs.reduce((money, difference) => money * (1 + stake * most * gainOf(difference)), shares[index] ?? 0)
  }, 0)
}

t.test('paired test: any pairs, by direct products', async t => {
  const random = new Random(5)
  for (const margin of [0.0001, 0.005, 0.02, 0.3, 1]) {
    const differences = Array.from({ length: 400 }, () => random.nextFraction() < 0.04 ? 1 : random.nextFraction() < 0.02 ? -1 : 0)
    const counts = {
      pairs: 400, newAlone: differences.filter(each => each === 1).length, oldAlone: differences.filter(each => each === -1).length
    }
    near(t, Math.exp(lnWorse(counts, margin)), betting(differences, each => each - margin, 1 / (1 + margin)), `worse by ${margin}`)
    near(t, Math.exp(lnNoWorse(counts, margin)), betting(differences, each => margin - each, 1), `no worse by ${margin}`)
  }
  near(t, lnWorse({ pairs: 0, newAlone: 0, oldAlone: 0 }, 0.005), 0, 'nothing')
})

t.test('paired test: what is said to be needed for a pass is what it takes', async t => {
  const needed = Math.log(20)
  for (const [pairs, newAlone, oldAlone] of [[10, 0, 0], [200, 1, 1], [1_000, 3, 2]] as const) {
    const more = pairsToPass({ pairs, newAlone, oldAlone }, 0.005, needed) ?? NaN
    const times = (pairs + more) / pairs
    const after = (by: number) => lnNoWorse({ pairs: pairs * times + by, newAlone: newAlone * times, oldAlone: oldAlone * times }, 0.005)
    t.ok(after(0) >= needed - 1e-6 && after(-2) < needed, `${pairs} pairs: ${more} more`)
  }
  t.equal(pairsToPass({ pairs: 1_000, newAlone: 9, oldAlone: 2 }, 0.005, needed), null)
  t.equal(pairsToPass({ pairs: 10_000, newAlone: 0, oldAlone: 0 }, 0.005, needed), 0)
})

t.test('confidence sequence: the figures of the reference', async t => {
  const cases = [
    [0, 100, 0.05, 0, 0.057029], [0, 1_000, 0.05, 0, 0.006998], [3, 1_000, 0.05, 0.000124, 0.014312], [10, 100, 0.05, 0.029061, 0.227510],
    [10, 100, 0.001, 0.017698, 0.276109]
  ] as const
  for (const [failures, requests, alpha, low, high] of cases) {
    const [foundLow, foundHigh] = shareInterval(failures, requests, alpha)
    near(t, foundLow, low, `${failures} of ${requests}, low`, 6e-7)
    near(t, foundHigh, high, `${failures} of ${requests}, high`, 6e-7)
  }
  t.same(shareInterval(0, 0, 0.05), [0, 1])
})

t.test('confidence sequence: its ends are where the mixture is 1/alpha times likelier, by integration', async t => {
  for (const [failures, requests] of [[1, 7], [3, 40], [20, 50], [77, 80], [5, 400]] as const) {
    for (const p of shareInterval(failures, requests, 0.02)) {
      const ln = lnBetaByIntegral(failures + 0.5, requests - failures + 0.5) - Math.log(Math.PI) - failures * Math.log(p) - (requests - failures) * Math.log(1 - p)
      near(t, ln, Math.log(1 / 0.02), `${failures} of ${requests} at ${p}`)
    }
  }
  t.equal(shareInterval(6, 6, 0.05)[1], 1)
})
