import t, { type Test } from 'tap'
import { KubeApiServer, type Fault } from '../helpers/kube-api-server.ts'
import { follow } from '../helpers/kube-api-server-follower.ts'

const FIRST = { name: 'web-a', service: 'web', endpoints: ['192.0.2.11'] }

async function started (t: Test, options: Parameters<typeof KubeApiServer.start>[0] = {}): Promise<KubeApiServer> {
  const server = await KubeApiServer.start({ etcdTimeoutMs: 30, ...options })
  t.teardown(async () => { await server.stop() })
  server.createSlice(FIRST)
  return server
}

t.test('each refusal of a list is retried until the server relents', async t => {
  const faults: readonly Fault[] = [401, 403, 404, 429, 500, 503, 504, 410, 'reset', 'truncated', 'garbage']
  const server = await started(t)
  server.failNext(faults, 'list')
  const follower = await follow(t, server)
  await follower.until(() => follower.ready().length === 1)
  t.strictSame(follower.failures.map(({ kind, status }) => status ?? kind), [401, 403, 404, 429, 500, 503, 504, 410, 'network', 'network', 'malformed'])
  t.equal(follower.registry.statusOf('route', 'web')?.restarts, faults.length)
  t.equal(follower.registry.statusOf('route', 'web')?.lastError, undefined, 'a good list ends the trouble')
})

t.test('each refusal of a watch is retried with a fresh list', async t => {
  const faults: readonly Fault[] = [401, 403, 404, 429, 500, 503, 504, 410, 'reset', 'garbage']
  const server = await started(t)
  server.failNext(faults, 'watch')
  const follower = await follow(t, server)
  await server.until(() => server.watchCount === 1)
  t.equal(follower.failures.length, faults.length)
  t.equal(server.requests.filter(({ verb }) => verb === 'list').length, faults.length + 1)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.12'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.12:8080')
})

t.test('a server that does not answer is left after the timeout', async t => {
  const server = await started(t)
  server.failNext(['unanswered'], 'list')
  server.failNext(['unanswered'], 'watch')
  const follower = await follow(t, server, { limits: { listTimeoutMs: 60, watchHeadTimeoutMs: 60 } })
  await server.until(() => server.watchCount === 1)
  t.strictSame(follower.failures.map(({ kind }) => kind), ['timeout', 'timeout'])
})

t.test('a killed and restarted server (reset, refused, one 403) is followed again, with the last endpoints meanwhile', async t => {
  const server = await started(t)
  const follower = await follow(t, server)
  await server.until(() => server.watchCount === 1)
  await server.kill()
  await follower.until(() => follower.failures.some(({ message }) => message.includes('ECONNREFUSED')))
  t.strictSame(follower.ready(), ['192.0.2.11:8080'], 'the last known endpoints stay')
  t.equal(follower.registry.isSynced(), true)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.11', '192.0.2.12'] })
  server.failNext([403])
  await server.startAgain()
  await follower.until(() => follower.ready().length === 2)
  t.ok(follower.failures.some(({ status }) => status === 403))
  await server.until(() => server.watchCount === 1)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.13'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.13:8080')
})

t.test('a slice that was deleted while the server was away is gone after the fresh list', async t => {
  const server = await started(t)
  server.createSlice({ name: 'web-b', service: 'web', endpoints: ['192.0.2.14'] })
  const follower = await follow(t, server)
  await follower.until(() => follower.ready().length === 2)
  await server.kill()
  server.deleteSlice('web-b')
  await server.startAgain()
  await follower.until(() => follower.ready().join() === '192.0.2.11:8080')
})

t.test('a watch that ended cleanly is resumed from the last resourceVersion, without a list', async t => {
  const server = await started(t)
  const follower = await follow(t, server)
  for (let round = 1; round <= 3; round++) {
    await server.until(() => server.watchCount === 1)
    server.touch(5)
    server.patchSlice({ ...FIRST, endpoints: [`192.0.2.${20 + round}`] })
    await follower.until(() => follower.ready()[0] === `192.0.2.${20 + round}:8080`)
    server.endWatches()
    await server.until(() => server.requests.filter(({ verb }) => verb === 'watch').length === round + 1)
    t.equal(server.requests.at(-1)?.query.get('resourceVersion'), String(server.objects.revision))
  }
  t.equal(server.requests.filter(({ verb }) => verb === 'list').length, 1)
  t.strictSame(follower.failures, [])
})

t.test('nothing is missed between the end of a watch and the next', async t => {
  const server = await started(t)
  const follower = await follow(t, server)
  await server.until(() => server.watchCount === 1)
  server.endWatches()
  await server.until(() => server.watchCount === 0)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.31'] })
  server.createSlice({ name: 'web-b', service: 'web', endpoints: ['192.0.2.32'] })
  await follower.until(() => follower.ready().join() === '192.0.2.31:8080,192.0.2.32:8080')
})

t.test('the resourceVersion of a bookmark is resumed from', async t => {
  const server = await started(t)
  await follow(t, server)
  await server.until(() => server.watchCount === 1)
  server.touch(1_000)
  server.batch(() => {
    server.sendBookmarks()
    server.sendBookmarks()
  })
  server.endWatches()
  await server.until(() => server.requests.filter(({ verb }) => verb === 'watch').length === 2)
  t.equal(server.requests.at(-1)?.query.get('resourceVersion'), String(server.objects.revision))
})

t.test('410 inside a 200 is answered by a fresh list', async t => {
  const server = await started(t)
  const follower = await follow(t, server)
  await server.until(() => server.watchCount === 1)
  server.endWatches()
  await server.until(() => server.watchCount === 0)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.41'] })
  server.forgetWatchHistory()
  await follower.until(() => follower.ready()[0] === '192.0.2.41:8080')
  t.equal(follower.failures[0]?.kind, 'gone')
  t.match(follower.failures[0]?.message, /too old resource version/)
})

t.test('a continue token that expired between two pages: the next list takes all at once', async t => {
  const server = await started(t)
  for (let index = 0; index < 5; index++) server.createSlice({ name: `web-${index}`, service: 'web', endpoints: [`192.0.2.${50 + index}`] })
  void server.until(() => server.requests.length === 1).then(() => {
    server.touch()
    server.compact()
  })
  const follower = await follow(t, server)
  await follower.until(() => follower.ready().length === 6)
  t.strictSame(follower.failures.map(({ kind, status }) => `${kind} ${status ?? ''}`), ['gone 410'])
  const lists = server.requests.filter(({ verb }) => verb === 'list').map(({ query }) => [query.get('limit'), query.has('continue')])
  t.strictSame(lists, [['3', false], ['3', true], [null, false]])
})

t.test('an etcd restored from a backup: 200 and silence from a lost future is healed by a fresh list', async t => {
  const server = await started(t, { bookmarkEveryMs: 20 })
  const backup = server.objects.revision
  const follower = await follow(t, server, { tuning: { silenceMs: 150 } })
  server.touch(100)
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.61'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.61:8080')
  server.endWatches()
  server.objects.restore(backup)
  await follower.until(() => follower.ready()[0] === '192.0.2.11:8080')
  t.strictSame(follower.failures.map(({ kind }) => kind), ['silent'])
})

t.test('while etcd hangs the endpoints stay, and changes arrive when it is back', async t => {
  const server = await started(t, { bookmarkEveryMs: 20 })
  const follower = await follow(t, server, { tuning: { silenceMs: 1_000 } })
  await server.until(() => server.watchCount === 1)
  server.hang()
  await follower.until(() => follower.failures.filter(({ status }) => status === 504).length >= 2)
  t.equal(follower.failures[0]?.kind, 'silent')
  t.strictSame(follower.ready(), ['192.0.2.11:8080'])
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.71'] })
  server.unhang()
  await follower.until(() => follower.ready()[0] === '192.0.2.71:8080')
})

t.test('a start while etcd hangs takes the endpoints from the cache of the API server', async t => {
  const server = await started(t)
  server.hang()
  const follower = await follow(t, server)
  await follower.until(() => follower.ready().length === 1)
  t.strictSame(server.requests.map(({ query }) => query.get('resourceVersion')).slice(0, 2), [null, '0'])
})

t.test('an idle watch with bookmarks is left alone', async t => {
  const server = await started(t, { bookmarkEveryMs: 10 })
  const follower = await follow(t, server, { tuning: { silenceMs: 100 } })
  await server.until(() => server.watchCount === 1)
  // Time is what it is about: twice the silence that it does not bear. A hundred bookmarks come in each.
  await new Promise(resolve => setTimeout(resolve, 2_000))
  t.equal(server.requests.length, 2, 'one list, one watch')
  t.strictSame(follower.failures, [])
})

t.test('events come through any cutting of the stream', async t => {
  for (const splitBytes of [1, 7, 100, 2048]) {
    const server = await started(t)
    server.splitBytes = splitBytes
    const follower = await follow(t, server)
    await server.until(() => server.watchCount === 1)
    server.createSlice({ name: 'web-ü€😀', service: 'web', endpoints: ['192.0.2.81'] })
    await follower.until(() => follower.ready().length === 2)
    server.batch(() => {
      server.deleteSlice('web-ü€😀')
      server.patchSlice({ ...FIRST, endpoints: ['192.0.2.82'] })
      server.createSlice({ name: 'web-c', service: 'web', endpoints: ['192.0.2.83'] })
    })
    await follower.until(() => follower.ready().join() === '192.0.2.82:8080,192.0.2.83:8080')
    t.strictSame(follower.failures, [], `in pieces of ${splitBytes}`)
    await server.stop()
  }
})

t.test('a line that is not JSON, an event without a type and a line without end are survived', async t => {
  const server = await started(t)
  const follower = await follow(t, server, { limits: { maxEventBytes: 10_000 } })
  for (const [index, bytes] of ['{"type":"MODIF\n', '{"object":{}}\n', 'x'.repeat(20_000)].entries()) {
    await server.until(() => server.watchCount === 1)
    server.sendRaw(bytes)
    await follower.until(() => follower.failures.length === index + 1)
    await server.until(() => server.watchCount === 0)
  }
  t.strictSame(follower.failures.map(({ kind }) => kind), ['malformed', 'malformed', 'too-large'])
  await server.until(() => server.watchCount === 1)
  server.sendRaw('\n{"type":"MODIFIED","object":null}\n{"type":"NEWS","object":{"metadata":{"name":7}}}\n')
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.91'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.91:8080')
})

t.test('an answer above the bound of memory is refused', async t => {
  const server = await started(t)
  const follower = await follow(t, server, { limits: { maxListBytes: 100 } })
  await follower.until(() => follower.failures.length > 0)
  t.equal(follower.failures[0]?.kind, 'too-large')
  t.equal(follower.registry.isSynced(), false)
})

t.test('permission withdrawn: the open watch goes on, the next request is refused and retried', async t => {
  const server = await started(t)
  const follower = await follow(t, server)
  await server.until(() => server.watchCount === 1)
  server.forbidden = true
  server.patchSlice({ ...FIRST, endpoints: ['192.0.2.92'] })
  await follower.until(() => follower.ready()[0] === '192.0.2.92:8080')
  server.endWatches()
  await follower.until(() => follower.failures.length >= 3)
  t.match(follower.failures[0]?.message, /403: endpointslices.discovery.k8s.io is forbidden.*does the Role of Weir allow it\?/)
  t.strictSame(follower.ready(), ['192.0.2.92:8080'])
  server.forbidden = false
  await server.until(() => server.watchCount === 1)
})
