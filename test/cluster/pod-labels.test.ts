/** Versions that are some pods of one Service, by the labels of the pods: discovery against the double of the API server. */
import t, { type Test } from 'tap'
import type { VersionConfig } from '../../src/config/schema.ts'
import { follow, type Follower, type FollowOptions } from '../helpers/kube-api-server-follower.ts'
import { KubeApiServer } from '../helpers/kube-api-server.ts'
import { takeOverNow } from '../helpers/take-over.ts'
import { ROUTE_DEFAULTS } from '../helpers/route-defaults.ts'

const READY = { ready: true, serving: true, terminating: false }

function versionOf (name: string, podLabels?: Readonly<Record<string, string | string[]>>): VersionConfig {
  return { name, weight: 1, endpoints: { service: 'hello', port: 'http', ...(podLabels === undefined ? {} : { podLabels }) } }
}

const STABLE = versionOf('stable', { track: 'stable' })
const CANARY = versionOf('canary', { track: 'canary' })

/** A server with the pods `stable-1`, `stable-2` and `canary-1` behind one Service, at 192.0.2.1, .2 and .3. */
async function clusterOf (t: Test) {
  const server = await KubeApiServer.start()
  t.teardown(async () => { await server.stop() })
  const refs = [['stable-1', 'stable'], ['stable-2', 'stable'], ['canary-1', 'canary']].map(([name = '', track = '']) =>
    server.pods.create({ name, labels: { app: 'hello', track } }))
  server.createSlice({ name: 'hello-a', service: 'hello', endpoints: refs.map((targetRef, index) => endpointOf(index + 1, targetRef)) })
  return { server, refs }
}

function endpointOf (number: number, targetRef?: object): object {
  return { addresses: [`192.0.2.${number}`], conditions: READY, ...(targetRef === undefined ? {} : { targetRef }) }
}

/** The last numbers of the addresses of the ready endpoints. */
function shown (follower: Follower, version: string): string {
  return follower.ready(version).map(key => key.replace(/^192\.0\.2\.(\d+):8080$/, '$1')).join()
}

async function started (t: Test, server: KubeApiServer, versions: readonly VersionConfig[], options: FollowOptions = {}): Promise<Follower> {
  const follower = await follow(t, server, { ...options, versions })
  await follower.until(() => follower.registry.isSynced())
  return follower
}

function podRequests (server: KubeApiServer) {
  return server.requests.filter(({ path }) => path.endsWith('/pods'))
}

function statusOf ({ registry }: Follower, version: string) {
  return registry.statusOf('route', version)
}

t.test('each version has the pods with its labels, by one list and one watch of metadata', async t => {
  const { server } = await clusterOf(t)
  server.pods.create({ name: 'other', labels: { app: 'other' } })
  const follower = await started(t, server, [STABLE, CANARY])
  t.equal(shown(follower, 'stable'), '1,2')
  t.equal(shown(follower, 'canary'), '3')
  await server.until(() => podRequests(server).length === 2)
  const asked = podRequests(server)
  t.strictSame(asked.map(({ verb, path }) => `${verb} ${path}`), ['list /api/v1/namespaces/default/pods', 'watch /api/v1/namespaces/default/pods'])
  for (const { query, accept } of asked) {
    t.equal(query.get('labelSelector'), 'track in (canary,stable)')
    t.match(accept, /^application\/json;as=PartialObjectMetadata/)
  }
  t.match(statusOf(follower, 'canary')?.pods, { selector: 'track=canary', withoutPod: 0, other: 2, lost: 0 })
})

t.test('without podLabels no pod is asked for', async t => {
  const { server } = await clusterOf(t)
  const follower = await started(t, server, [versionOf('all')])
  t.equal(shown(follower, 'all'), '1,2,3')
  await server.until(() => server.watchCount === 1)
  t.strictSame(podRequests(server), [])
})

t.test('a pod that changes its labels moves at once, in one step; other changes of pods are no news', async t => {
  const { server } = await clusterOf(t)
  const steps: string[] = []
  const told: string[] = []
  const follower = await started(t, server, [STABLE, CANARY], {
    onTold: version => { told.push(version) },
    together: work => {
      work()
      steps.push(`${shown(follower, 'stable')} | ${shown(follower, 'canary')}`)
    }
  })
  await server.until(() => server.pods.watchCount === 1)
  steps.length = 0
  told.length = 0
  server.pods.touch('stable-2')
  server.pods.label('stable-2', { note: 'x' })
  server.pods.label('stable-2', { track: 'canary' })
  await follower.until(() => shown(follower, 'canary') === '2,3')
  t.strictSame(told, ['canary', 'stable'], 'who gets it hears of it first, so it is somebody\'s all the time')
  server.pods.label('stable-1', { track: undefined })
  await follower.until(() => shown(follower, 'stable') === '')
  t.strictSame(steps.filter((step, index) => step !== steps[index - 1]), ['1 | 2,3', ' | 2,3'], 'no pod is in both or in neither')
})

t.test('a slice may name a pod before and after it is known, and of a name that is used again only the new pod counts', async t => {
  const { server, refs } = await clusterOf(t)
  const follower = await started(t, server, [STABLE, CANARY])
  const early = { kind: 'Pod', namespace: 'default', name: 'canary-2', uid: 'uid-2' }
  const endpoints = refs.map((targetRef, index) => endpointOf(index + 1, targetRef))
  server.patchSlice({ name: 'hello-a', endpoints: [...endpoints, endpointOf(4, early), endpointOf(5)] })
  await follower.until(() => statusOf(follower, 'canary')?.pods?.withoutPod === 1)
  t.match(statusOf(follower, 'canary')?.pods, { other: 3 })
  t.equal(shown(follower, 'canary'), '3')
  server.pods.create({ name: 'canary-2', uid: 'uid-2', labels: { track: 'canary' } })
  await follower.until(() => shown(follower, 'canary') === '3,4')
  // A StatefulSet makes the same name again.
  server.pods.delete('canary-2')
  await follower.until(() => shown(follower, 'canary') === '3')
  const again = server.pods.create({ name: 'canary-2', labels: { track: 'canary' } })
  server.pods.create({ name: 'marker', labels: { track: 'canary' } })
  server.patchSlice({ name: 'hello-a', endpoints: [...endpoints, endpointOf(4, early), endpointOf(6, again)] })
  await follower.until(() => shown(follower, 'canary') === '3,6')
  t.pass('the old uid is nobody')
})

t.test('references that are no Pod of the namespace, or have no uid, are selected by nobody', async t => {
  const { server } = await clusterOf(t)
  const pod = { kind: 'Pod', namespace: 'default', name: 'canary-1' }
  const uid = 'given'
  server.pods.create({ name: 'given', uid, labels: { track: 'canary' } })
  server.patchSlice({
    name: 'hello-a',
    endpoints: [
      endpointOf(1, pod), endpointOf(2, { ...pod, kind: 'Node', name: 'given', uid }), endpointOf(3, { ...pod, namespace: 'elsewhere', name: 'given', uid }),
      endpointOf(4, { ...pod, name: 'given', uid: 'other' }), endpointOf(5, { kind: 'Pod', name: 'given', uid })
    ]
  })
  const follower = await started(t, server, [CANARY])
  t.equal(shown(follower, 'canary'), '5')
  t.match(statusOf(follower, 'canary')?.pods, { withoutPod: 2, other: 2 })
})

t.test('several labels all have to fit, and a label may have several values', async t => {
  const { server } = await clusterOf(t)
  server.pods.label('stable-1', { tier: 'a' })
  server.pods.label('stable-2', { tier: 'b' })
  const follower = await started(t, server, [versionOf('ab', { track: ['stable', 'beta'], tier: ['a', 'b'] }), versionOf('c', { tier: 'c', track: 'canary' }), versionOf('any', { app: 'hello' })])
  t.equal(shown(follower, 'ab'), '1,2')
  t.equal(shown(follower, 'c'), '')
  t.equal(follower.registry.problemOf('route', 'c')?.detail, 'no pod of Service "hello" has the labels tier=c,track=canary: 3 pods of it have other labels, or are not known yet')
  t.equal(podRequests(server)[0]?.query.get('labelSelector'), null, 'no label is asked for by all of them')
})

t.test('a pod of two versions is told, and goes to the first in the file', async t => {
  const { server } = await clusterOf(t)
  server.pods.label('canary-1', { also: 'yes' })
  const problems: string[] = []
  const follower = await started(t, server, [CANARY, versionOf('also', { also: 'yes' }), STABLE], {
    onProblem: (_route, version, problem, before) => { problems.push(`${version} ${before ?? '-'} > ${problem?.kind ?? '-'}`) }
  })
  t.equal(shown(follower, 'canary'), '3')
  t.equal(shown(follower, 'also'), '')
  t.match(follower.registry.problemOf('route', 'also'), { kind: 'pods-of-two', detail: /^1 of the endpoints of Service "hello" that this version selects is selected by version "canary" as well, which comes first in the file and has it \(192\.0\.2\.3\)/ })
  t.equal(follower.registry.problemOf('route', 'canary'), undefined)
  t.match(statusOf(follower, 'canary')?.remark, /selected by version "also" as well, which comes later in the file/)
  server.pods.label('stable-1', { also: 'yes' })
  await follower.until(() => shown(follower, 'also') === '1')
  t.equal(shown(follower, 'stable'), '2', 'also comes before stable')
  t.equal(follower.registry.problemOf('route', 'also')?.kind, 'pods-of-two', 'also with endpoints of its own')
  server.pods.label('canary-1', { also: undefined })
  server.pods.label('stable-1', { track: undefined })
  await follower.until(() => follower.registry.problemOf('route', 'also') === undefined && follower.registry.problemOf('route', 'stable') === undefined)
  t.strictSame(problems.toSorted(), ['also - > pods-of-two', 'also pods-of-two > -', 'stable - > pods-of-two', 'stable pods-of-two > -'], 'once each')
})

t.test('a version without podLabels has what no other one selects, also while pods can\'t be read', async t => {
  const { server, refs } = await clusterOf(t)
  server.forbiddenResources.add('pods')
  const follower = await follow(t, server, { versions: [versionOf('rest'), CANARY] })
  await follower.until(() => shown(follower, 'rest') === '1,2,3')
  t.equal(follower.registry.waiting(), 1)
  server.forbiddenResources.delete('pods')
  await follower.until(() => shown(follower, 'canary') === '3')
  t.equal(shown(follower, 'rest'), '1,2')
  server.patchSlice({ name: 'hello-a', endpoints: [...refs.map((targetRef, index) => endpointOf(index + 1, targetRef)), endpointOf(9)] })
  await follower.until(() => shown(follower, 'rest') === '1,2,9')
  server.pods.label('stable-1', { track: 'canary' })
  await follower.until(() => shown(follower, 'rest') === '2,9' && shown(follower, 'canary') === '1,3')
  t.equal(statusOf(follower, 'rest')?.pods?.selector, undefined)
})

t.test('pods that may not be read: the version waits, and says what it needs; what was known stays', async t => {
  const { server, refs } = await clusterOf(t)
  server.forbiddenResources.add('pods')
  const follower = await follow(t, server, { versions: [STABLE, CANARY] })
  await follower.until(() => follower.failures.length > 1)
  t.equal(follower.registry.isSynced(), false)
  t.match(follower.registry.problemOf('route', 'canary'), { kind: 'unsynced', detail: /pods is forbidden.*`podLabels` needs the verbs list and watch on pods in this namespace/ })
  server.forbiddenResources.delete('pods')
  await follower.until(() => follower.registry.isSynced())
  t.equal(shown(follower, 'stable'), '1,2')
  server.forbiddenResources.add('pods')
  server.pods.endWatches()
  const before = follower.failures.length
  await follower.until(() => follower.failures.length > before)
  t.equal(shown(follower, 'canary'), '3')
  t.match(statusOf(follower, 'canary')?.lastError, /list and watch on pods/)
  server.patchSlice({ name: 'hello-a', endpoints: refs.slice(1).map((targetRef, index) => endpointOf(index + 2, targetRef)) })
  await follower.until(() => shown(follower, 'stable') === '2')
  server.forbiddenResources.delete('pods')
  server.pods.label('stable-2', { track: 'canary' })
  await follower.until(() => shown(follower, 'canary') === '2,3' && statusOf(follower, 'canary')?.lastError === undefined)
  t.pass('and it catches up')
})

t.test('other labels are asked for by a reload without a disturbance of the versions that stay', async t => {
  const { server } = await clusterOf(t)
  server.pods.label('stable-1', { tier: 'a' })
  const told: string[] = []
  const follower = await started(t, server, [STABLE, CANARY], { onTold: (version, keys) => { told.push(`${version} ${keys}`) } })
  await server.until(() => server.pods.watchCount === 1)
  told.length = 0
  server.failNext([503], 'list')
  const other = { ...versionOf('other', { tier: 'a' }), endpoints: { service: 'hello2', port: 'http', podLabels: { tier: 'a' } } }
  server.createSlice({ name: 'hello2-a', service: 'hello2', endpoints: [endpointOf(1, server.pods.create({ name: 'other-1', labels: { tier: 'a' } }))] })
  takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [STABLE, CANARY, other] }]))
  server.pods.label('stable-2', { track: 'canary' })
  await follower.until(() => shown(follower, 'other') === '1' && shown(follower, 'canary') === '2,3')
  await server.until(() => server.pods.watchCount === 1)
  t.notOk(told.some(line => line === 'stable ' || line === 'canary '), 'nobody was without endpoints')
  t.equal(podRequests(server).findLast(({ verb }) => verb === 'list')?.query.get('labelSelector'), null)
  takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [versionOf('all')] }]))
  await server.until(() => server.pods.watchCount === 0)
  await follower.until(() => shown(follower, 'all') === '1,2,3')
  t.pass('and nobody watches pods any more')
})

t.test('what changes while the server is away is found when it is back, in a list of several pages', async t => {
  const { server } = await clusterOf(t)
  for (let index = 0; index < 8; index++) server.pods.create({ name: `more-${index}`, labels: { track: 'stable' } })
  const follower = await started(t, server, [STABLE, CANARY])
  await server.kill()
  server.pods.label('stable-1', { track: 'canary' })
  server.pods.delete('stable-2')
  await server.startAgain()
  await follower.until(() => shown(follower, 'canary') === '1,3' && shown(follower, 'stable') === '')
  t.pass('followed')
})

/** The same version, in a namespace that is spelled out. */
function inNamespace (version: VersionConfig, namespace: string): VersionConfig {
  if (!('service' in version.endpoints)) throw new Error(`${version.name} has no Service`)
  return { ...version, endpoints: { ...version.endpoints, namespace } }
}

t.test('a namespace may be spelled out in one version and left out in another one', async t => {
  const { server } = await clusterOf(t)
  const follower = await started(t, server, [versionOf('rest'), inNamespace(CANARY, 'default')])
  await follower.until(() => shown(follower, 'rest') === '1,2' && shown(follower, 'canary') === '3')
  const both = versionOf('both', { track: ['stable', 'canary'] })
  takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [both, inNamespace(CANARY, 'default')] }]))
  await follower.until(() => shown(follower, 'both') === '1,2,3' && shown(follower, 'canary') === '')
  t.match(follower.registry.problemOf('route', 'canary'), { kind: 'pods-of-two' })
})

t.test('a Service of the same name in another namespace is another one, and makes nobody ask for pods', async t => {
  const { server } = await clusterOf(t)
  const targetRef = server.pods.create({ name: 'canary-1', namespace: 'two', labels: { track: 'canary' } })
  server.createSlice({ name: 'hello-z', namespace: 'two', service: 'hello', endpoints: [endpointOf(9, targetRef)] })
  const follower = await started(t, server, [versionOf('rest'), inNamespace(CANARY, 'two')])
  await follower.until(() => shown(follower, 'canary') === '9')
  t.equal(shown(follower, 'rest'), '1,2,3', 'also the pod with the labels of the canary')
  await server.until(() => server.pods.watchCount === 1)
  t.type(statusOf(follower, 'rest')?.lastSyncWallMs, 'number', 'current without pods')
  takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [CANARY, inNamespace({ ...CANARY, name: 'two' }, 'two')] }]))
  await follower.until(() => shown(follower, 'canary') === '3' && shown(follower, 'two') === '9')
  t.pass('and the same labels there are no overlap')
})

for (const [what, before] of [['all pods', versionOf('stable')], ['pods with other labels', STABLE]] as const) {
  t.test(`new labels while pods can't be read, after ${what}: those that go are gone, none comes, and how old that is is told`, async t => {
    const { server, refs } = await clusterOf(t)
    for (const name of ['stable-1', 'stable-2', 'canary-1']) server.pods.label(name, { tier: 'x' })
    const problems: string[] = []
    const follower = await started(t, server, [before], { onProblem: (_route, _version, problem) => { problems.push(problem?.detail ?? '-') } })
    const syncedMs = statusOf(follower, 'stable')?.lastSyncWallMs ?? 0
    const first = shown(follower, 'stable')
    server.forbiddenResources.add('pods')
    const failures = follower.failures.length
    takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [versionOf('stable', { tier: 'x' })] }]))
    await follower.until(() => follower.failures.length > failures)
    t.equal(shown(follower, 'stable'), first, 'those of the source before')
    t.strictSame(problems, [], 'a reload alone is nothing to tell')
    const status = statusOf(follower, 'stable')
    t.equal(status?.synced, false)
    t.ok(syncedMs > 0 && (status?.lastSyncWallMs ?? 0) >= syncedMs, 'as old as they were')
    const kept = { ...endpointOf(2, refs[1]), conditions: { ready: false, serving: true, terminating: true } }
    server.patchSlice({ name: 'hello-a', endpoints: [kept, endpointOf(7, server.pods.create({ name: 'new', labels: { tier: 'x' } }))] })
    await follower.until(() => shown(follower, 'stable') === '')
    t.match(follower.registry.endpointsOf('route', 'stable'), [{ address: '192.0.2.2', ready: false, terminating: true }])
    t.equal(statusOf(follower, 'stable')?.lastSyncWallMs, status?.lastSyncWallMs, 'news of the slices alone does not make it current')
    server.patchSlice({ name: 'hello-a', endpoints: [endpointOf(7)] })
    await follower.until(() => problems.length > 0)
    t.strictSame(follower.registry.endpointsOf('route', 'stable'), [])
    t.match(problems[0], /pods is forbidden.*; those of its source before have gone, and it has no other/)
  })
}

t.test('a reload that changes the labels of another version gives the rest none of its pods meanwhile', async t => {
  const { server } = await clusterOf(t)
  server.pods.label('canary-1', { tier: 'y' })
  const told: string[] = []
  const follower = await started(t, server, [versionOf('rest'), CANARY], { onTold: (version, keys) => { told.push(`${version} ${keys}`) } })
  await follower.until(() => shown(follower, 'rest') === '1,2')
  told.length = 0
  const reload = (labels: Record<string, string>): void => {
    takeOverNow(follower.registry.prepare([{ ...ROUTE_DEFAULTS, name: 'route', versions: [versionOf('rest'), versionOf('canary', labels)] }]))
  }
  reload({ tier: 'y' })
  await follower.until(() => statusOf(follower, 'canary')?.synced === true && statusOf(follower, 'rest')?.synced === true)
  t.strictSame(told.filter(line => line.startsWith('rest') && line.includes('192.0.2.3')), [])
  t.equal(shown(follower, 'rest'), '1,2')
  server.forbiddenResources.add('pods')
  reload({ track: 'canary' })
  await follower.until(() => shown(follower, 'rest') === '1,2,3')
  t.equal(statusOf(follower, 'rest')?.synced, true, 'it does not wait for pods that can not be read')
})
