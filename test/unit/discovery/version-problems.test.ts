import t from 'tap'
import type { RouteConfig, VersionConfig } from '../../../src/config/schema.ts'
import { EndpointRegistry, type WatchFailure } from '../../../src/discovery/endpoint-registry.ts'
import type { SourceProblem } from '../../../src/discovery/endpoint-source.ts'
import type { IpFamilyChoice } from '../../../src/discovery/checked-slice.ts'
import type { KubeApi, KubeWatchEvent } from '../../../src/kube/kube-api.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'
import { ROUTE_DEFAULTS } from '../../helpers/route-defaults.ts'
import { takeOverNow } from '../../helpers/take-over.ts'

const PORTS = [{ name: 'http', port: 8080 }, { name: 'metrics', port: 9100 }]

function sliceOf (endpoints: readonly unknown[] | null, ports: readonly unknown[] | null = PORTS): unknown {
  return {
    metadata: { name: 'web-a', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4', endpoints, ports
  }
}

const READY = sliceOf([{ addresses: ['10.0.0.1'] }])

function routeOf (endpoints: VersionConfig['endpoints']): RouteConfig {
  return { ...ROUTE_DEFAULTS, name: 'r', versions: [{ name: 'v', weight: 1, endpoints }] }
}

async function settled (): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

/** A registry over an API that lists `items`, or fails while they are undefined, and whose watch says what `emit` is given. */
function registryOf (items: readonly unknown[] | undefined, more: { readonly namespace?: string, readonly ipFamily?: IpFamilyChoice } = {}) {
  const told: (SourceProblem | undefined)[] = []
  const failures: WatchFailure[] = []
  const clock = new FakeClock()
  let next = Promise.withResolvers<KubeWatchEvent>()
  const api: KubeApi = {
    list: async () => {
      if (items === undefined) throw new Error('can\'t read /secret/token')
      return { resourceVersion: '1', continueToken: '', items }
    },
    async * watch ({ signal }) {
      signal.addEventListener('abort', () => { next.reject(new Error('aborted')) }, { once: true })
      for (;;) {
        const event = await next.promise
        next = Promise.withResolvers()
        yield event
      }
    }
  }
  const registry = new EndpointRegistry({
    api,
    clock,
    random: () => 0,
    allowAddresses: [],
    ...more,
    onEndpoints: () => {},
    onEndpointChange: () => {},
    onProblem: (_route, _version, problem) => { told.push(problem) },
    onFailure: failure => { failures.push(failure) }
  })
  const emit = async (type: string, object: unknown): Promise<void> => {
    next.resolve({ type, object })
    await settled()
    clock.advance(50)
  }
  return { registry, told, failures, emit }
}

/** What is told of a version that follows `endpoints` where the cluster has `items`. */
async function problem (items: readonly unknown[], endpoints: VersionConfig['endpoints'] = { service: 'web', port: 'http' }, more = {}): Promise<SourceProblem | undefined> {
  const { registry, told } = registryOf(items, more)
  takeOverNow(registry.prepare([routeOf(endpoints)]))
  await settled()
  const found = registry.problemOf('r', 'v')
  t.strictSame(told, found === undefined ? [] : [found], 'it is told once')
  t.strictSame(registry.all().map(version => version.problem), [found])
  await registry.stop()
  return found
}

t.test('a Service that no slice names is told as what it is: not there, or without slices', async t => {
  const { kind, detail } = await problem([READY], { service: 'wbe', port: 'http' }) ?? {}
  t.equal(kind, 'no-slices')
  t.match(detail, /^no EndpointSlice in the namespace of the credentials names Service "wbe": there is no such Service, or nothing has made slices for it yet/)
  t.match((await problem([], { service: 'web', port: 'http', namespace: 'lab' }))?.detail, /in namespace "lab" names Service "web"/)
  t.match((await problem([], { service: 'web', port: 'http' }, { namespace: 'shop' }))?.detail, /in namespace "shop"/)
})

t.test('a port that the slices do not name is told with those that are there', async t => {
  t.strictSame(await problem([READY], { service: 'web', port: 80 }), {
    kind: 'no-port',
    detail: 'the EndpointSlices of Service "web" name no TCP port 80; there are 8080 (http), 9100 (metrics); a number is the port of the pods, not that of the Service'
  })
  t.strictSame(await problem([sliceOf([], [{ name: '', port: 7000 }])], { service: 'web', port: 'grpc' }), {
    kind: 'no-port', detail: 'the EndpointSlices of Service "web" name no TCP port named "grpc"; there is 7000'
  })
})

t.test('a Service without an endpoint to use is told until it has had one', async t => {
  t.strictSame(await problem([sliceOf(null, null)]), { kind: 'no-endpoints', detail: 'Service "web" has no pods, or none with a TCP port' })
  t.strictSame(await problem([sliceOf([{ addresses: ['10.0.0.1'], conditions: { ready: false } }])]), {
    kind: 'no-endpoints', detail: 'none of its endpoints has been ready yet'
  })
  t.strictSame(await problem([sliceOf([{ addresses: ['169.254.169.254'] }])]), {
    kind: 'no-endpoints', detail: 'no address of Service "web" may be dialled: 169.254.169.254 is refused (link-local)'
  })
  t.strictSame(await problem([READY], { service: 'web', port: 'http' }, { ipFamily: 'IPv6' }), {
    kind: 'no-endpoints', detail: 'Service "web" has no IPv6 addresses, and kubernetes.ipFamily asks for those'
  })
  t.strictSame(await problem([], { static: [] }), { kind: 'no-endpoints', detail: 'the list of its endpoints is empty' })
  t.equal(await problem([READY]), undefined)
  t.equal(await problem([], { static: ['10.0.0.1:80'] }), undefined)
})

t.test('what was told once is not told again, and its end is told', async t => {
  const { registry, told, emit } = registryOf([])
  takeOverNow(registry.prepare([routeOf({ service: 'web', port: 'http' })]))
  await settled()
  await emit('ADDED', sliceOf(null, null))
  await emit('MODIFIED', sliceOf([{ addresses: ['10.0.0.1'], conditions: { ready: false } }]))
  await emit('MODIFIED', READY)
  await emit('MODIFIED', sliceOf([{ addresses: ['10.0.0.1'], conditions: { ready: false } }]))
  await emit('MODIFIED', sliceOf(null, null))
  await emit('MODIFIED', READY)
  await emit('DELETED', READY)
  t.strictSame(
    told.map(each => each?.kind),
    ['no-slices', 'no-endpoints', undefined, 'no-slices'],
    'scaled to zero is nothing wrong, deleted is'
  )
  await registry.stop()
})

t.test('a version whose source was not read yet says so, also while it uses the endpoints of another', async t => {
  const { registry, failures } = registryOf(undefined, { namespace: 'shop' })
  takeOverNow(registry.prepare([routeOf({ static: ['10.0.0.9:80'] })]))
  takeOverNow(registry.prepare([routeOf({ service: 'web', port: 'http' }), { ...routeOf({ service: 'web', port: 'http' }), name: 'new' }]))
  await settled()
  t.strictSame(registry.problemOf('r', 'v'), { kind: 'unsynced', detail: 'its endpoints could not be read yet: can\'t read (a path); those of its source before are used' })
  t.strictSame(registry.problemOf('new', 'v'), { kind: 'unsynced', detail: 'its endpoints could not be read yet: can\'t read (a path)' })
  t.equal(registry.waiting(), 1)
  t.match(failures, [{ namespace: 'shop', waiting: ['new/v'], known: 1, error: { message: 'can\'t read /secret/token' } }])
  t.equal(registry.problemOf('r', 'other'), undefined)
  await registry.stop()
})
