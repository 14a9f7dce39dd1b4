import t from 'tap'
import { ObservedShares, type RequestCount } from '../../../src/telemetry/observed-share.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const WINDOW_MS = 30_000

function setUp (): { clock: FakeClock, shares: ObservedShares, count: (counts: Readonly<Record<string, number>>) => Promise<void> } {
  const clock = new FakeClock()
  const shares = new ObservedShares(clock, WINDOW_MS)
  const count = async (counts: Readonly<Record<string, number>>): Promise<void> => {
    await shares.sample(Object.entries(counts).map(([version, requests]) => ({ route: 'hello', version, requests })))
  }
  return { clock, shares, count }
}

t.test('a share is the part of the requests between two samples', async t => {
  const { clock, shares, count } = setUp()
  await count({ stable: 100, canary: 100 })
  t.equal(shares.share('hello', 'stable'), undefined, 'one sample says nothing')
  clock.advance(5_000)
  await count({ stable: 175, canary: 125 })
  t.equal(shares.share('hello', 'stable'), 0.75)
  t.equal(shares.share('hello', 'canary'), 0.25)
})

t.test('a route without requests in the window has no share', async t => {
  const { clock, shares, count } = setUp()
  await count({ stable: 0 })
  for (const requests of [10, 10, 10, 10, 10, 10]) {
    clock.advance(5_000)
    await count({ stable: requests })
  }
  t.equal(shares.share('hello', 'stable'), 1, 'the requests are 30 s old')
  clock.advance(5_000)
  await count({ stable: 10 })
  t.equal(shares.share('hello', 'stable'), undefined, 'and then past the window')
  t.equal(shares.share('nowhere', 'stable'), undefined)
})

t.test('a weight change is visible in full after one window', async t => {
  const { clock, shares, count } = setUp()
  let stable = 0
  let canary = 0
  const run = async (seconds: number, stablePerTick: number, canaryPerTick: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 5) {
      clock.advance(5_000)
      stable += stablePerTick
      canary += canaryPerTick
      await count({ stable, canary })
    }
  }
  await count({ stable, canary })
  await run(60, 100, 0)
  t.equal(shares.share('hello', 'canary'), 0)
  await run(15, 0, 100)
  t.equal(shares.share('hello', 'canary'), 0.5)
  await run(15, 0, 100)
  t.equal(shares.share('hello', 'canary'), 1)
})

t.test('a version that appears counts from its first sample on', async t => {
  const { clock, shares, count } = setUp()
  await count({ stable: 0 })
  clock.advance(5_000)
  await count({ stable: 50, canary: 7 })
  t.equal(shares.share('hello', 'canary'), 0)
  clock.advance(5_000)
  await count({ stable: 75, canary: 32 })
  t.equal(shares.share('hello', 'canary'), 0.25)
})

t.test('a counter that started again never makes a share negative', async t => {
  const { clock, shares, count } = setUp()
  await count({ stable: 1_000, canary: 1_000 })
  clock.advance(5_000)
  await count({ stable: 1_010, canary: 30 })
  t.equal(shares.share('hello', 'stable'), 0.25)
  t.equal(shares.share('hello', 'canary'), 0.75)
})

t.test('a removed version is forgotten, and sampling too often changes nothing', async t => {
  const { clock, shares, count } = setUp()
  await count({ stable: 0, canary: 0 })
  clock.advance(5_000)
  await count({ stable: 10, canary: 10 })
  clock.advance(5_000)
  await count({ stable: 20 })
  t.equal(shares.share('hello', 'canary'), undefined)
  clock.advance(1)
  await count({ stable: 20, canary: 500 })
  t.equal(shares.share('hello', 'canary'), undefined)
})

t.test('thousands of versions are sampled in slices, between which everything else has its turn', async t => {
  const clock = new FakeClock()
  const shares = new ObservedShares(clock, WINDOW_MS)
  let turns = 0
  const counts = function * (requests: number): Generator<RequestCount> {
    for (let route = 0; route < 100; route++) {
      clock.advance(1)
      yield { route: `route-${route}`, version: 'stable', requests }
    }
  }
  await shares.sample(counts(0))
  clock.advance(5_000)
  let over = false
  const other = (): void => {
    turns++
    if (!over) setImmediate(other)
  }
  setImmediate(other)
  const sampling = shares.sample(counts(10))
  t.equal(shares.share('route-99', 'stable'), undefined)
  await shares.sample(counts(1_000))
  t.equal(shares.share('route-99', 'stable'), undefined, 'one sample at a time')
  await sampling
  over = true
  t.equal(shares.share('route-99', 'stable'), 1)
  t.ok(turns >= 10, `${turns} turns`)
})
