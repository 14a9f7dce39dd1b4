import t from 'tap'
import type { RouteConfig, VersionConfig } from '../../../src/config/schema.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { EndpointRegistry } from '../../../src/discovery/endpoint-registry.ts'
import { NameError, type NameLookup } from '../../../src/discovery/name-lookup.ts'
import type { KubeApi, KubeCollection } from '../../../src/kube/kube-api.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { takeOverNow } from '../../helpers/take-over.ts'

function sliceOf (service: string, address: string): unknown {
  return {
    metadata: { name: `${service}-${address}`, namespace: 'ns', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: 'http', port: 80 }, { name: 'metrics', port: 9100 }]
  }
}

function routeOf (name: string, ...versions: readonly VersionConfig[]): RouteConfig {
  return { ...ROUTE_DEFAULTS, name, versions: [...versions] }
}

function kubernetes (name: string, service: string, more: { readonly namespace?: string, readonly port?: string | number } = {}): VersionConfig {
  return { name, weight: 1, endpoints: { service, port: 'http', ...more } }
}

function fixed (name: string, ...addresses: readonly string[]): VersionConfig {
  return { name, weight: 1, endpoints: { static: [...addresses] } }
}

async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

/** A registry over an API that lists `items` in every namespace and whose watches say nothing. */
function registryOf (
  items: readonly unknown[] = [],
  { namespace, broken = false, lookUp }: { readonly namespace?: string, readonly broken?: boolean, readonly lookUp?: NameLookup } = {}
) {
  const told: string[] = []
  const listed: KubeCollection[] = []
  const open = new Set<KubeCollection>()
  const api: KubeApi = {
    async list ({ collection }) {
      listed.push(collection)
      if (broken) throw new Error('no such server')
      return { resourceVersion: '1', continueToken: '', items }
    },
    async * watch ({ collection, signal }) {
      open.add(collection)
      await new Promise(resolve => { signal.addEventListener('abort', resolve, { once: true }) })
      open.delete(collection)
      yield * []
    }
  }
  const registry = new EndpointRegistry({
    api,
    clock: new FakeClock(),
    random: () => 0,
    namespace,
    allowAddresses: [],
    ...(lookUp === undefined ? {} : { lookUp }),
    onEndpoints: (route, version, endpoints) => { told.push(`${route}/${version} ${endpoints.map(endpointKey).join()}`) },
    onEndpointChange: (route, version, { set, gone }) => {
      told.push(`${route}/${version} ${set.map(endpoint => `+${endpointKey(endpoint)}`).join()} ${gone.map(key => `-${key}`).join()}`)
    },
    onSynced: () => { told.push('synced') },
    onProblem: (route, version, problem) => { told.push(`${route}/${version} ${problem?.kind ?? 'is well'}`) },
    onFailure: ({ namespace: failed, error }) => { told.push(`${failed ?? 'own'} failed: ${error.message}`) }
  })
  return { registry, told, listed, open }
}

t.test('static versions are there at once, and need no API', async t => {
  const { registry, told, listed } = registryOf()
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', '10.0.0.1:80'), fixed('canary'))]))
  t.strictSame(told, ['r/stable 10.0.0.1:80', 'r/canary ', 'r/canary no-endpoints', 'synced'])
  t.equal(registry.isSynced(), true)
  t.strictSame(listed, [])
  t.equal(registry.statusOf('r', 'stable')?.kind, 'static')
  await registry.stop()
})

t.test('no routes at all are synced', async t => {
  const { registry, told } = registryOf()
  takeOverNow(registry.prepare([]))
  t.strictSame(told, ['synced'])
  await registry.stop()
})

t.test('all Services of a namespace share one list and watch; each version is told its own', async t => {
  const { registry, told, listed, open } = registryOf([sliceOf('web', '10.0.0.1'), sliceOf('web', '10.0.0.2'), sliceOf('api', '10.0.0.3')])
  takeOverNow(registry.prepare([
    routeOf('r', kubernetes('stable', 'web'), kubernetes('probe', 'web', { port: 9100 })),
    routeOf('s', kubernetes('only', 'api'), kubernetes('none', 'nobody'))
  ]))
  t.equal(registry.isSynced(), false)
  t.strictSame(registry.all().map(({ endpoints }) => endpoints), [undefined, undefined, undefined, undefined])
  await settled()
  t.strictSame(told.toSorted(), ['r/probe 10.0.0.1:9100,10.0.0.2:9100', 'r/stable 10.0.0.1:80,10.0.0.2:80', 's/none ', 's/none no-slices', 's/only 10.0.0.3:80', 'synced'])
  t.equal(told.at(-1), 'synced')
  t.strictSame(listed, [{ groupVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', namespace: undefined, labelSelector: 'kubernetes.io/service-name' }])
  t.equal(open.size, 1, 'one watch')
  await registry.stop()
})

t.test('the namespace is that of the version, else of the configuration', async t => {
  const { registry, listed, open } = registryOf([], { namespace: 'shop' })
  takeOverNow(registry.prepare([routeOf('r', kubernetes('a', 'web'), kubernetes('b', 'web', { namespace: 'lab' }))]))
  await settled()
  t.strictSame(listed.map(({ namespace }) => namespace), ['shop', 'lab'])
  takeOverNow(registry.prepare([routeOf('r', kubernetes('a', 'web'))]))
  await settled()
  t.strictSame([...open].map(({ namespace }) => namespace), ['shop'], 'a namespace that nobody uses is left')
  await registry.stop()
  t.equal(open.size, 0)
})

t.test('an update leaves what did not change alone and tells only what did', async t => {
  const { registry, told, listed } = registryOf([sliceOf('web', '10.0.0.1'), sliceOf('web2', '10.0.0.2')])
  takeOverNow(registry.prepare([routeOf('r', kubernetes('stable', 'web'), fixed('canary', '10.0.0.9:80'))]))
  await settled()
  told.length = 0
  takeOverNow(registry.prepare([routeOf(
    'r',
    { ...kubernetes('stable', 'web'), weight: 99 },
    fixed('canary', '10.0.0.8:80'),
    kubernetes('next', 'web2')
  )]))
  await settled()
  t.strictSame(told, ['r/canary 10.0.0.8:80', 'r/next 10.0.0.2:80'])
  t.equal(listed.length, 1, 'the watch of the namespace goes on')
  takeOverNow(registry.prepare([routeOf('r', fixed('canary', '10.0.0.8:80'))]))
  t.strictSame(registry.all().map(({ version }) => version), ['canary'])
  t.equal(registry.statusOf('r', 'stable'), undefined)
  t.strictSame(registry.endpointsOf('r', 'stable'), [])
  await registry.stop()
})

t.test('a version that comes from elsewhere now keeps its endpoints until the new source has a list', async t => {
  const { registry, told } = registryOf([sliceOf('web', '10.0.0.1')])
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', '10.0.0.9:80'))]))
  takeOverNow(registry.prepare([routeOf('r', kubernetes('stable', 'web'))]))
  t.strictSame(registry.endpointsOf('r', 'stable').map(endpointKey), ['10.0.0.9:80'])
  t.equal(registry.isSynced(), true)
  await settled()
  t.strictSame(told, ['r/stable 10.0.0.9:80', 'synced', 'r/stable 10.0.0.1:80'])
  await registry.stop()
})

t.test('a malformed update changes nothing', async t => {
  const { registry, told, open } = registryOf()
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', '10.0.0.9:80'))]))
  t.throws(() => registry.prepare([routeOf('r', kubernetes('new', 'web'), fixed('stable', 'nonsense'))]), RangeError)
  await settled()
  t.strictSame(registry.all().map(({ version }) => version), ['stable'])
  t.strictSame(told, ['r/stable 10.0.0.9:80', 'synced'])
  t.equal(open.size, 0)
  await registry.stop()
})

t.test('an API that is not there leaves it unsynced, tells why, and holds up nobody else', async t => {
  const { registry, told } = registryOf([], { broken: true })
  takeOverNow(registry.prepare([routeOf('r', kubernetes('stable', 'web'), fixed('canary', '10.0.0.9:80'))]))
  await settled()
  t.equal(registry.isSynced(), false)
  t.strictSame(told, ['r/canary 10.0.0.9:80', 'own failed: no such server'])
  t.match(registry.statusOf('r', 'stable'), { kind: 'kubernetes', synced: false, restarts: 1, lastError: 'no such server', ignored: [] })
  await registry.stop()
})

t.test('refused addresses are in the status', async t => {
  const { registry } = registryOf([sliceOf('web', '127.0.0.1'), sliceOf('web', '10.0.0.1')])
  takeOverNow(registry.prepare([routeOf('r', kubernetes('stable', 'web'))]))
  await settled()
  t.strictSame(registry.statusOf('r', 'stable')?.ignored, [{ address: '127.0.0.1', reason: 'loopback' }])
  await registry.stop()
})

t.test('a list that is edited while DNS is down keeps the addresses of the names that stay in it', async t => {
  let isDown = false
  const { registry, told } = registryOf([], {
    lookUp: async name => {
      if (isDown) throw new NameError(`the name "${name}" can't be looked up (ETIMEOUT)`, false)
      return [{ address: '10.0.0.1', family: 'IPv4', ttlS: 10 }]
    }
  })
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', 'app:80'))]))
  await settled()
  isDown = true
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', 'app:80', '10.0.0.9:80'))]))
  await settled()
  t.strictSame(registry.endpointsOf('r', 'stable').map(endpointKey).toSorted(), ['10.0.0.1:80', '10.0.0.9:80'])
  t.notOk(told.some(line => line.includes('-10.0.0.1:80')), 'it was never taken away')
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', '10.0.0.9:80'))]))
  takeOverNow(registry.prepare([routeOf('r', fixed('stable', 'app:80', '10.0.0.9:80'))]))
  await settled()
  t.strictSame(registry.endpointsOf('r', 'stable').map(endpointKey), ['10.0.0.9:80'], 'a name that was left out is forgotten')
  await registry.stop()
})

t.test('a malformed allowAddresses is refused at once', async t => {
  t.throws(() => new EndpointRegistry({
    api: { list: async () => await Promise.reject(new Error('unused')), watch: async function * () { yield * [] } },
    clock: new FakeClock(),
    random: () => 0,
    allowAddresses: ['10.0.0.0/99'],
    onEndpoints: () => {},
    onEndpointChange: () => {},
    onFailure: () => {}
  }), RangeError)
})

t.test('a configuration that is given up leaves sources, endpoints and watches as they were', async t => {
  const { registry, told, listed, open } = registryOf([sliceOf('web', '10.0.0.1')])
  takeOverNow(registry.prepare([routeOf('r', kubernetes('stable', 'web'), fixed('canary', '10.0.0.9:80'))]))
  await settled()
  told.length = 0
  const before = [registry.all(), registry.statusOf('r', 'stable'), open.size, listed.length]
  const change = registry.prepare([routeOf('r', kubernetes('stable', 'web', { namespace: 'lab' }), fixed('canary', '10.0.0.8:80'))])
  change.commit()
  await change.discard()
  await settled()
  t.strictSame([registry.all(), registry.statusOf('r', 'stable'), open.size, listed.length], before)
  t.strictSame(told, [])
  await registry.stop()
  t.equal(open.size, 0)
})
