import t from 'tap'
import type { ClientSample } from '../../../src/contract/client-sample.ts'
import { type ChangePreview, type PlannedChange, previewChange } from '../../../src/control/change-preview.ts'
import { censusOf } from '../../../src/control/client-census.ts'
import { observedClients } from '../../../src/control/observed-clients.ts'
import { hashString } from '../../../src/core/hash.ts'
import { Split } from '../../../src/routing/split.ts'

const NAMES = ['stable', 'canary']

interface Client { readonly key: number, readonly requests: number }

function clientsOf (count: number, requests = 10): readonly Client[] {
  return Array.from({ length: count }, (_, client) => ({ key: hashString(`client ${client}`), requests }))
}

function split (stable: number, canary: number): Split {
  return new Split('hello', NAMES, [stable, canary])
}

/** What a worker has seen of clients that went where the split sends them. */
function sampleOf (clients: readonly Client[], at: Split, changes: Partial<ClientSample> = {}): ClientSample {
  const served = clients.map(({ key }) => at.choose(key))
  return {
    coversMs: 100_000,
    part: 1,
    keys: Int32Array.from(clients, ({ key }) => key),
    requests: Uint32Array.from(clients, ({ requests }) => requests),
    servedBy: Uint8Array.from(served),
    agesMs: Float64Array.from(clients, () => 1_000),
    versions: NAMES,
    requestsByVersion: NAMES.map((_, version) => clients.reduce((sum, { requests }, index) => sum + (served[index] === version ? requests : 0), 0)),
    placedByVersion: [0, 0],
    unkeyed: 0,
    heavy: [],
    ...changes
  }
}

function preview (samples: readonly ClientSample[], changes: Partial<PlannedChange> = {}): ChangePreview {
  return previewChange({
    salt: 'hello',
    rolloutSalt: '',
    before: { stable: 90, canary: 10 },
    after: { stable: 50, canary: 50 },
    census: censusOf(samples),
    endpoints: { stable: 4, canary: 1 },
    pausesRollout: false,
    endsMatch: null,
    silent: [],
    ...changes
  })
}

function codes ({ warnings }: ChangePreview): readonly string[] {
  return warnings.map(({ code }) => code)
}

t.test('exactly the clients that the split will move are foretold, and what each endpoint gets', async t => {
  const clients = clientsOf(1_000)
  const foretold = preview([sampleOf(clients, split(90, 10))])
  const [before, after] = [split(90, 10), split(50, 50)]
  const moved = clients.filter(({ key }) => before.choose(key) !== after.choose(key)).length
  t.ok(moved > 300 && moved < 500)
  t.equal(foretold.clients.moved, moved / 1_000)
  t.equal(foretold.clients.margin, 0)
  t.strictSame(foretold.clients.moves, [{ from: 'stable', to: 'canary', share: moved / 1_000 }])
  const onCanary = clients.filter(({ key }) => after.choose(key) === 1).length
  const [, canary] = foretold.versions
  t.equal(canary?.requestsPerSecond.after, onCanary * 10 / 100)
  t.equal(canary?.perEndpoint?.after, onCanary * 10 / 100)
  const sum = foretold.versions.reduce((total, { requestsPerSecond: { after: next } }) => total + next, 0)
  t.ok(Math.abs(sum - 100) < 1e-9, 'no request is lost')
})

t.test('the clients of two workers are counted once, by the stricter of two samples', async t => {
  const clients = clientsOf(100)
  const sample = sampleOf(clients, split(90, 10))
  t.equal(preview([sample, sample]).clients.seen, 100)
  t.equal(preview([sample, sample]).clients.sampled, 100)
  const stricter = preview([sample, sampleOf([], split(90, 10), { part: 0.25 })])
  t.ok(stricter.clients.sampled < 50)
  t.equal(stricter.clients.seen, stricter.clients.sampled * 4)
  t.ok(stricter.clients.margin > 0)
})

t.test('a client that two workers have served is on the version that served it last', async t => {
  const clients = clientsOf(100)
  const before = sampleOf(clients, split(100, 0), { agesMs: Float64Array.from(clients, () => 5_000) })
  const after = sampleOf(clients, split(0, 100))
  for (const samples of [[before, after], [after, before]]) {
    t.strictSame([...observedClients(censusOf(samples))?.shares ?? []], [['canary', 1]])
  }
})

t.test('a version whose endpoints would get several times as much is warned of', async t => {
  const sample = sampleOf(clientsOf(1_000), split(90, 10))
  t.strictSame(codes(preview([sample])), ['heavier_endpoints'])
  t.match(preview([sample]).warnings[0]?.detail, /^each endpoint of "canary" would get \d+ % of what it has now: \d+ requests\/s instead of/)
  const fresh = preview([sampleOf(clientsOf(1_000), split(100, 0))], { before: { stable: 100, canary: 0 } })
  t.match(fresh.warnings[0]?.detail, /^each endpoint of "canary", which has next to nothing now, would get/)
  t.strictSame(codes(preview([sample], { endpoints: { stable: 4, canary: 8 }, after: { stable: 88, canary: 12 } })), [])
})

t.test('a version without endpoints is warned of, and only if it would have a weight', async t => {
  const sample = sampleOf(clientsOf(100), split(90, 10))
  const empty = preview([sample], { endpoints: { stable: 4 } })
  t.ok(codes(empty).includes('no_endpoints'))
  t.equal(empty.versions[1]?.perEndpoint, null)
  t.notOk(codes(preview([sample], { endpoints: { stable: 4 }, after: { stable: 1, canary: 0 } })).includes('no_endpoints'))
})

t.test('placed requests stay, and those without a key follow the weights', async t => {
  const placed = preview([sampleOf([], split(90, 10), { requestsByVersion: [0, 500], placedByVersion: [0, 500] })])
  t.strictSame(placed.versions.map(({ requestsPerSecond }) => requestsPerSecond.after), [0, 5])
  t.equal(placed.clients.moved, null)
  const drawn = preview([sampleOf([], split(90, 10), { requestsByVersion: [900, 100], unkeyed: 1_000 })])
  t.strictSame(drawn.versions.map(({ requestsPerSecond }) => requestsPerSecond.after), [5, 5])
  t.ok(codes(drawn).includes('not_sticky'))
})

t.test('a heavy client is spoken of, sampled or not', async t => {
  const heavy = { key: hashString('the heavy one'), requests: 10_000 }
  t.ok(codes(preview([sampleOf([...clientsOf(100), heavy], split(90, 10))])).includes('heavy_client'))
  const unsampled = sampleOf(clientsOf(500, 1), split(90, 10), {
    part: 0.1, requestsByVersion: [10_000, 5_000], heavy: [{ key: heavy.key, requests: 10_000 }]
  })
  t.ok(codes(preview([unsampled])).includes('heavy_client'))
  const after = split(50, 50).choose(heavy.key)
  const share = (preview([unsampled]).versions[after]?.requestsPerSecond.after ?? 0) / 150
  t.ok(share > 0.75, `the version that gets it gets ${share} of the requests`)
})

t.test('what is not known is said', async t => {
  t.strictSame(codes(preview([])), ['no_requests'])
  t.strictSame(codes(preview([], { pausesRollout: true, silent: [1] })), ['no_requests', 'pauses_rollout', 'workers_silent'])
  const short = preview([sampleOf(clientsOf(10, 1), split(90, 10), { coversMs: 5_000 })])
  t.ok(codes(short).includes('short_look'))
})

t.test('a few heavy clients that bend the shares are named by their number', async t => {
  const at = split(75, 25)
  const clients = clientsOf(400)
  const canary = clients.find(({ key }) => at.choose(key) === 1)
  t.equal(observedClients(censusOf([sampleOf(clients, at)]))?.note, null)
  const bent = observedClients(censusOf([sampleOf(clients.map(client => client === canary ? { ...client, requests: 4_000 } : client), at)]))
  t.match(bent?.note, /^"(canary|stable)" has \d+ % of the clients and \d+ % of the requests: one client makes 50 % of all requests$/)
  t.equal(bent?.seen, 400)
  t.equal(observedClients(censusOf([])), null)
})
