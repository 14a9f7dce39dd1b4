import t from 'tap'
import { ObservedShares } from '../../../src/telemetry/observed-share.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const WINDOW_MS = 30_000

function setUp (): { clock: FakeClock, shares: ObservedShares, count: (counts: Readonly<Record<string, number>>) => void } {
  const clock = new FakeClock()
  const shares = new ObservedShares(clock, WINDOW_MS)
  const count = (counts: Readonly<Record<string, number>>): void => {
    shares.sample(Object.entries(counts).map(([version, requests]) => ({ route: 'hello', version, requests })))
  }
  return { clock, shares, count }
}

t.test('a share is the part of the requests between two samples', t => {
  const { clock, shares, count } = setUp()
  count({ stable: 100, canary: 100 })
  t.equal(shares.share('hello', 'stable'), undefined, 'one sample says nothing')
  clock.advance(5_000)
  count({ stable: 175, canary: 125 })
  t.equal(shares.share('hello', 'stable'), 0.75)
  t.equal(shares.share('hello', 'canary'), 0.25)
  t.end()
})

t.test('a route without requests in the window has no share', t => {
  const { clock, shares, count } = setUp()
  count({ stable: 0 })
  for (const requests of [10, 10, 10, 10, 10, 10]) {
    clock.advance(5_000)
    count({ stable: requests })
  }
  t.equal(shares.share('hello', 'stable'), 1, 'the requests are 30 s old')
  clock.advance(5_000)
  count({ stable: 10 })
  t.equal(shares.share('hello', 'stable'), undefined, 'and then past the window')
  t.equal(shares.share('nowhere', 'stable'), undefined)
  t.end()
})

t.test('a weight change is visible in full after one window', t => {
  const { clock, shares, count } = setUp()
  let stable = 0
  let canary = 0
  const run = (seconds: number, stablePerTick: number, canaryPerTick: number): void => {
    for (let second = 0; second < seconds; second += 5) {
      clock.advance(5_000)
      stable += stablePerTick
      canary += canaryPerTick
      count({ stable, canary })
    }
  }
  count({ stable, canary })
  run(60, 100, 0)
  t.equal(shares.share('hello', 'canary'), 0)
  run(15, 0, 100)
  t.equal(shares.share('hello', 'canary'), 0.5)
  run(15, 0, 100)
  t.equal(shares.share('hello', 'canary'), 1)
  t.end()
})

t.test('a version that appears counts from its first sample on', t => {
  const { clock, shares, count } = setUp()
  count({ stable: 0 })
  clock.advance(5_000)
  count({ stable: 50, canary: 7 })
  t.equal(shares.share('hello', 'canary'), 0)
  clock.advance(5_000)
  count({ stable: 75, canary: 32 })
  t.equal(shares.share('hello', 'canary'), 0.25)
  t.end()
})

t.test('a counter that started again never makes a share negative', t => {
  const { clock, shares, count } = setUp()
  count({ stable: 1_000, canary: 1_000 })
  clock.advance(5_000)
  count({ stable: 1_010, canary: 30 })
  t.equal(shares.share('hello', 'stable'), 0.25)
  t.equal(shares.share('hello', 'canary'), 0.75)
  t.end()
})

t.test('a removed version is forgotten, and sampling too often changes nothing', t => {
  const { clock, shares, count } = setUp()
  count({ stable: 0, canary: 0 })
  clock.advance(5_000)
  count({ stable: 10, canary: 10 })
  clock.advance(5_000)
  count({ stable: 20 })
  t.equal(shares.share('hello', 'canary'), undefined)
  clock.advance(1)
  count({ stable: 20, canary: 500 })
  t.equal(shares.share('hello', 'canary'), undefined)
  t.end()
})
