/**
 * What a replica tells others of itself.
 */
import t from 'tap'
import { OwnFacts, type OwnFactsDeps } from '../../../src/replicas/own-facts.ts'
import { readReplicaAnswer, writeReplicaAnswer } from '../../../src/replicas/replica-facts.ts'
import type { RouteTraffic } from '../../../src/rollout/traffic-state.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'

const CONFIG = { ...ROUTE_DEFAULTS, name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [] } }] }
const TRAFFIC: RouteTraffic = { epoch: 5, revision: 5, weights: { v1: 1 }, fileWeights: { v1: 1 }, history: [] }

function factsWith (applied: ReadonlyArray<number | undefined>, untilApplied: OwnFactsDeps['untilApplied'] = async () => {}): OwnFacts {
  return new OwnFacts({
    identity: { id: 'own', name: 'weir-0', version: '0.1.0', startedAt: '2026-01-01T00:00:00.000Z' },
    isReady: () => true,
    workerCount: 2,
    workers: () => applied.map(epoch => ({ appliedEpoch: () => epoch })),
    routes: { route: name => name === 'hello' ? CONFIG : undefined },
    traffic: { route: name => name === 'hello' ? TRAFFIC : undefined, routes: () => new Map([['hello', TRAFFIC]]) },
    book: { read: () => undefined },
    shares: { recent: () => 4 },
    drains: {
      status: (route, version) => ({ route, version, weight: 1, workers: { running: 2, applied: 2 }, inFlight: 3, tunnels: 2, held: 1, endpoints: [], safe: false, why: ['it has the weight 1'] })
    },
    evidence: (route, rollout, { source, after }) => {
      if (route !== 'hello' || rollout !== 'r1') return undefined
      return { source: 'own.1', upTo: source === 'own.1' ? after + 1 : 0, hasMore: false, report: { cohorts: [], signs: [], heavy: [], dropped: 0 }, heavy: [], inFlightTo: 2 }
    },
    untilApplied
  })
}

t.test('how far its workers are', async t => {
  t.same([...factsWith([5, 5]).routes()], [['hello', { epoch: 5, workers: 2, all: 5 }]])
  t.same([...factsWith([5, 3]).routes()], [['hello', { epoch: 5, workers: 1, all: 3 }]])
  t.same([...factsWith([5, undefined]).routes()], [['hello', { epoch: 5, workers: 1, all: 5 }]], 'a worker that starts serves nobody')
  t.same([...factsWith([]).routes()], [['hello', { epoch: 5, workers: 0, all: -1 }]])
})

t.test('its answers are read as they were meant', async t => {
  const facts = factsWith([5, 5])
  const ofRollout = { route: 'hello', rollout: 'r1' }
  for (const query of [
    {}, { route: 'hello' }, { route: 'hello', epoch: 5 }, { route: 'unknown' }, ofRollout, { ...ofRollout, source: 'own.1', after: 7 }, { ...ofRollout, rollout: 'r2' }
  ]) {
    const answer = await facts.answer(query)
    t.strictSame(readReplicaAnswer(JSON.parse(JSON.stringify(writeReplicaAnswer(answer)))), answer)
  }
  const { route } = await facts.answer({ route: 'hello' })
  t.strictSame([...route?.versions ?? []], [['v1', { weight: 1, requests: 0, recent: 4, inFlight: 3, tunnels: 2, held: 1, why: ['it has the weight 1'] }]])
  t.equal((await facts.answer({ route: 'unknown' })).route, undefined)
  t.match((await facts.answer({ ...ofRollout, source: 'own.1', after: 7 })).evidence, { source: 'own.1', upTo: 8, inFlightTo: 2 })
  t.equal((await facts.answer({ ...ofRollout, rollout: 'r2' })).evidence, null, 'it does not run here')
})

t.test('what no replica would say is not read', async t => {
  const good = JSON.parse(JSON.stringify(writeReplicaAnswer(await factsWith([5]).answer({ route: 'hello' })))) as Readonly<Record<string, unknown>> // an object
  const route = good['route'] as Readonly<Record<string, unknown>> // as it was written
  const version = { weight: 0, requests: 0, recent: 0, inFlight: 0, tunnels: 0, held: 0, why: [] }
  const bad: readonly unknown[] = [
    null, 1, 'x', [], {}, { ...good, id: 5 }, { ...good, id: 'x'.repeat(254) }, { ...good, name: undefined }, { ...good, workers: -1 }, { ...good, routes: [] },
    { ...good, routes: { hello: [1, 2] } }, { ...good, routes: { hello: ['1', 2, 3] } }, { ...good, route: undefined }, { ...good, route: 'hello' },
    { ...good, route: { ...route, versions: { v1: { ...version, inFlight: undefined } } } }, { ...good, route: { ...route, versions: { v1: { ...version, inFlight: -1 } } } },
    { ...good, route: { ...route, versions: { v1: { ...version, why: 'none' } } } }, { ...good, route: { ...route, epoch: 1.5 } }
  ]
  for (const value of bad) t.equal(readReplicaAnswer(value), undefined, JSON.stringify(value)?.slice(0, 120))
  t.match(readReplicaAnswer({ ...good, more: 'of a newer Weir' }), { id: 'own' })
  const long = readReplicaAnswer({ ...good, route: { ...route, versions: { v1: { ...version, why: Array.from({ length: 1_000 }, () => 'x'.repeat(10_000)) } } } })
  t.equal(long?.route?.versions.get('v1')?.why.length, 16)
  t.equal(long?.route?.versions.get('v1')?.why[0]?.length, 200)
})

t.test('who asks for an epoch is answered when it is applied; a bounded number waits', async t => {
  const waits: Array<() => void> = []
  const facts = factsWith([5, 4], async () => { await new Promise<void>(resolve => { waits.push(resolve) }) })
  const answer = facts.answer({ route: 'hello', epoch: 5, timeoutMs: 1_000 })
  t.equal(waits.length, 1)
  waits[0]?.()
  t.match((await answer).route, { epoch: 5, workers: 1, names: ['v1'] })
  t.match((await facts.answer({ route: 'hello', epoch: 4, timeoutMs: 0 })).route, { epoch: 5, workers: 2 }, 'an older epoch is applied by both')
  t.equal((await facts.answer({ route: 'unknown', epoch: 1, timeoutMs: 1_000 })).route, undefined)
  t.equal(waits.length, 1, 'what is known at once is not waited for')
  const many = Array.from({ length: 1_001 }, async () => await facts.answer({ route: 'hello', epoch: 9, timeoutMs: 1_000 }))
  t.equal(waits.length, 1_001)
  t.match((await many.at(-1))?.route, { workers: 0 })
  for (const release of waits) release()
  await Promise.all(many)
})
