import t from 'tap'
import { WorkerWatches } from '../../../src/control/worker-watches.ts'
import type { EvidenceReport } from '../../../src/contract/rollout-watch.ts'
import { testWatch } from '../../helpers/evidence-sum.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const REPORT: EvidenceReport = { cohorts: [], signs: [], heavy: [], dropped: 1 }
const EJECTION = { route: 'hello', version: 'canary', endpoint: '192.0.2.1:80', forMs: 10_000 }

function setUp () {
  const clock = new FakeClock()
  const watches = new WorkerWatches(clock)
  const heard: unknown[] = []
  const end = watches.subscribe((...evidence) => { heard.push(evidence) })
  const say = (id: string, route = 'hello', worker = 0, startedMs = 5): readonly unknown[] => {
    watches.receive({ type: 'evidence', route, id, report: REPORT }, { id: worker, startedMs })
    return heard.splice(0)
  }
  return { clock, watches, say, end }
}

t.test('evidence of the present watch is handed on, and last words of the one before it', async t => {
  const { watches, say, end } = setUp()
  t.same(say('rollout-1'), [], 'nothing is watched')
  watches.watch('hello', testWatch())
  t.same(say('rollout-1'), [['hello', 'rollout-1', REPORT, 'worker 0 since 5']])
  t.not(String(say('rollout-1', 'hello', 0, 6)), String(say('rollout-1')), 'a replacement is somebody else')
  t.same(say('rollout-1', 'other'), [])
  t.same(say('rollout-0'), [])
  watches.watch('hello', testWatch({ slowerThanMs: 5 }))
  watches.watch('hello', testWatch({ id: 'rollout-2' }))
  t.equal(say('rollout-1').length + say('rollout-2').length, 2)
  watches.watch('hello', null)
  watches.watch('hello', null)
  t.same([say('rollout-1'), say('rollout-2').length], [[], 1], 'only the last one')
  end()
  t.same(say('rollout-2'), [])
})

t.test('replacements are told the latest watch of each route, and the rest of each ejection', async t => {
  const { clock, watches } = setUp()
  watches.watch('hello', testWatch())
  watches.watch('hello', testWatch({ slowerThanMs: 5 }))
  watches.watch('other', testWatch({ id: 'rollout-9' }))
  watches.watch('over', testWatch())
  watches.watch('over', null)
  t.same(watches.watches, [
    { type: 'watch', route: 'hello', watch: testWatch({ slowerThanMs: 5 }) }, { type: 'watch', route: 'other', watch: testWatch({ id: 'rollout-9' }) }
  ])
  t.same(watches.eject(EJECTION), { type: 'eject', ...EJECTION })
  clock.advance(4_000)
  t.match(watches.ejections, [{ forMs: 6_000 }])
  watches.eject(EJECTION)
  t.match(watches.ejections, [{ forMs: 10_000 }])
  t.equal(watches.ejections.length, 1, 'one for each endpoint')
  clock.advance(10_000)
  t.same(watches.ejections, [])
  for (let port = 0; port < 1_000; port++) watches.eject({ ...EJECTION, endpoint: `192.0.2.1:${port}` })
  t.equal(watches.ejections.length, 256, 'so many are remembered')
  t.equal(watches.ejections.at(-1)?.endpoint, '192.0.2.1:999')
})

t.test('routes that are gone are forgotten', async t => {
  const { watches, say } = setUp()
  watches.watch('hello', testWatch())
  watches.watch('other', testWatch())
  watches.eject(EJECTION)
  watches.retain(new Set(['other']))
  t.same([watches.watches.map(({ route }) => route), watches.ejections, say('rollout-1')], [['other'], [], []])
})
