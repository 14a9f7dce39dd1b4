import t from 'tap'
import { type Endpoint, type EndpointChange, endpointKey } from '../../../src/core/endpoint.ts'
import type { EndpointListener, EndpointSource, EndpointSourceStatus } from '../../../src/discovery/endpoint-source.ts'
import { MAX_MEMBERS, ReplicaMembers, UNWATCHED_MS } from '../../../src/replicas/replica-members.ts'
import { ListLog } from '../../helpers/list-log.ts'

const at = (last: number, ready = true): Endpoint => ({ address: `10.0.${last >> 8}.${last & 255}`, port: 9901, ready, serving: ready, terminating: false })

/** What a test says that the slices say. */
class ToldSource implements EndpointSource {
  all: EndpointListener = () => {}
  change: (change: EndpointChange) => void = () => {}
  about: Partial<EndpointSourceStatus> = {}

  start (onAll: EndpointListener, onChange: (change: EndpointChange) => void): void {
    this.all = onAll
    this.change = onChange
  }

  stop (): void {}

  status (): EndpointSourceStatus {
    return { kind: 'kubernetes', synced: true, lastSyncWallMs: 0, restarts: 0, lastError: undefined, ignored: [], ...this.about }
  }
}

t.test('it is told what comes, changes and goes, and nothing else', async t => {
  const source = new ToldSource()
  const members = new ReplicaMembers(source, new ListLog())
  const told: EndpointChange[] = []
  const end = members.subscribe(change => { told.push(change) })
  members.start()
  source.all([at(1), at(2)])
  source.all([at(1), at(2)])
  source.change({ set: [at(2, false), at(3)], gone: [] })
  source.change({ set: [], gone: [endpointKey(at(1))] })
  t.same(told, [{ set: [at(1), at(2)], gone: [] }, { set: [at(2, false), at(3)], gone: [] }, { set: [], gone: [endpointKey(at(1))] }])
  t.same(members.all(), [at(2, false), at(3)])
  t.same(members.get(endpointKey(at(3))), at(3))
  end()
  source.all([])
  t.equal(told.length, 3)
})

t.test('why there may be others that are not known', async t => {
  const source = new ToldSource()
  const members = new ReplicaMembers(source, new ListLog())
  members.start()
  source.about = { synced: false }
  t.match(members.doubt(), { reason: /have not been read yet/, waiting: true })
  source.about = { synced: false, lastError: 'the API server said 403' }
  t.same(members.doubt(), { reason: 'the API server said 403', waiting: false })
  source.about = { problem: { kind: 'no-slices', detail: 'no EndpointSlice names it' } }
  t.same(members.doubt(), { reason: 'no EndpointSlice names it', waiting: false })
  source.about = { ignored: [{ address: '127.0.0.1', reason: 'loopback' }], whyNone: 'no address may be dialled' }
  t.same(members.doubt(), { reason: 'no address may be dialled', waiting: false })
  source.all([at(1)])
  t.equal(members.doubt(), undefined, 'a refused address beside good ones is not asked, and that is all')
})

t.test('slices that nobody watches are doubted after a moment, and say since when and why', async t => {
  const source = new ToldSource()
  const members = new ReplicaMembers(source, new ListLog())
  members.start()
  source.all([at(1)])
  const unwatched = (forMs: number, error: string | undefined): void => {
    source.about = { lastError: undefined, unwatched: { forMs, sinceWallMs: Date.UTC(2026, 0, 1), error } }
  }
  unwatched(UNWATCHED_MS - 1, '403')
  t.equal(members.doubt(), undefined)
  t.match(members.doubt(0), { reason: /403/, waiting: true }, 'who can wait is told that it may be over soon')
  unwatched(UNWATCHED_MS, '403')
  const doubt = { reason: 'their EndpointSlices are not watched since 2026-01-01T00:00:00.000Z: 403', waiting: false }
  t.same(members.doubt(), doubt)
  t.same(members.doubt(0), doubt)
  unwatched(60_000, undefined)
  t.match(members.doubt(), { reason: /nothing has failed yet/, waiting: false }, 'a watch that is not answered')
  source.about = {}
  t.equal(members.doubt(0), undefined)
})

t.test('of too many addresses the same ones are always asked, and it says so', async t => {
  const source = new ToldSource()
  const log = new ListLog()
  const members = new ReplicaMembers(source, log)
  members.start()
  const many = Array.from({ length: 5_000 }, (_, index) => at(index))
  source.all(many)
  const chosen = members.all().map(endpointKey).toSorted()
  t.equal(chosen.length, MAX_MEMBERS)
  source.all(many.toReversed())
  t.same(members.all().map(endpointKey).toSorted(), chosen)
  t.match(members.doubt(), { reason: /name 5000 addresses; 256 are asked/, waiting: false })
  t.equal(log.events.length, 1)
  source.all(many.slice(0, 3))
  t.equal(members.all().length, 3)
  t.equal(members.doubt(), undefined)
})
