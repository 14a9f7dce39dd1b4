import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import type { Endpoint } from '../../../src/core/endpoint.ts'
import { type OwnPlace, readEndpointSlice } from '../../../src/discovery/endpoint-slice.ts'
import { ServiceEndpoints } from '../../../src/discovery/service-endpoints.ts'

/** An endpoint as `READY zones nodes`: `+ a,b n1` is ready, for the zones a and b and the node n1; `-` is not ready. */
function sliceOf (...endpoints: readonly string[]): unknown {
  return {
    metadata: { name: 's', namespace: 'ns', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80 }],
    endpoints: endpoints.map((text, index) => {
      const [ready, zones = '', nodes = ''] = text.split(' ')
      const names = (list: string) => list === '' || list === '.' ? undefined : list.split(',').map(name => ({ name }))
      return {
        addresses: [`192.0.2.${index + 1}`],
        conditions: { ready: ready === '+' },
        zone: `z${index + 1}`,
        ...(names(zones) === undefined && names(nodes) === undefined ? {} : { hints: { forZones: names(zones), forNodes: names(nodes) } })
      }
    })
  }
}

function serviceAt (place: OwnPlace | undefined): ServiceEndpoints {
  return new ServiceEndpoints({ port: 'http', allowed: new CidrSet([]), ipFamily: 'auto' }, place)
}

function shown (endpoints: readonly Endpoint[]): string {
  return endpoints.filter(({ near }) => near === true).map(({ address }) => address.split('.').at(-1)).join()
}

function near (place: OwnPlace, ...endpoints: readonly string[]): string {
  const service = serviceAt(place)
  const text = shown(service.replace([['s', readEndpointSlice(sliceOf(...endpoints), place)]]))
  return `${text} ${service.near()?.by ?? ''}`
}

function why (place: OwnPlace, ...endpoints: readonly string[]): string {
  const service = serviceAt(place)
  service.replace([['s', readEndpointSlice(sliceOf(...endpoints), place)]])
  return service.near()?.detail ?? ''
}

t.test('hints count when every ready endpoint has some and one is for the zone, as kube-proxy has it', async t => {
  const zone = 'a'
  t.equal(near({ zone }, '+ a', '+ b', '+ a,b'), '1,3 zone')
  t.equal(near({ zone }, '+ a', '+ b', '+'), ' none', 'one without hints')
  t.equal(near({ zone }, '+ b', '+ c'), ' none', 'none for this zone')
  t.equal(near({ zone }, '+ a', '-'), '1 zone', 'those that are not ready need none')
  t.equal(near({ zone }, '- a', '+ b'), ' none', 'nor do their hints count')
  t.equal(near({ zone }, '+', '+'), ' none')
  t.equal(near({ zone }, '- a', '- a'), ' none')
  t.equal(near({ zone }), ' none')
})

t.test('hints for the node come before those for the zone', async t => {
  const place = { zone: 'a', node: 'n1' }
  t.equal(near(place, '+ a n1', '+ a n2', '+ b n3'), '1 node')
  t.equal(near(place, '+ a n2', '+ a n3', '+ b n4'), '1,2 zone', 'none on this node')
  t.equal(near(place, '+ a n1', '+ a', '+ b n3'), '1,2 zone', 'half-written hints for nodes')
  t.equal(near({ node: 'n1' }, '+ . n1', '+ . n2'), '1 node')
  t.equal(near({ zone: 'a' }, '+ a n1', '+ b n2'), '1 zone', 'without a node those for nodes are nothing')
})

t.test('what is preferred is said, and why nothing is', async t => {
  const zone = 'a'
  t.equal(why({ zone }, '+ a', '+ b'), '1 of 2 ready endpoints are meant for zone "a" and preferred')
  t.equal(why({ node: 'n1' }, '+ . n1', '+ . n2'), '1 of 2 ready endpoints are meant for node "n1" and preferred')
  t.match(why({ zone }, '+', '+'), /^all endpoints are equal: no ready endpoint has a hint/)
  t.equal(why({ zone }, '+ a', '+'), 'all endpoints are equal: 1 of 2 ready endpoints have no hint for a zone')
  t.equal(why({ zone }, '+ b', '+ c'), 'all endpoints are equal: no ready endpoint is meant for zone "a"')
  t.equal(why({ zone }, '- a'), 'all endpoints are equal: no endpoint is ready')
  t.equal(why({ node: 'n1' }, '+ . n2'), 'all endpoints are equal: no ready endpoint is meant for node "n1"')
  t.equal(why({ node: 'n1' }, '+ . n1', '+ a'), 'all endpoints are equal: 1 of 2 ready endpoints have no hint for a node')
})

t.test('one endpoint that changes turns all, when the hints count for nothing any more or do again', async t => {
  const place = { zone: 'a' }
  const service = serviceAt(place)
  service.replace([['s', readEndpointSlice(sliceOf('+ a', '+ b', '+ a'), place)]])
  const change = (...endpoints: readonly string[]) => {
    const update = service.change([['s', readEndpointSlice(sliceOf(...endpoints), place)]])
    return 'set' in update ? update.set.map(({ address, near: isNear }) => `${address.split('.').at(-1)}${isNear === true ? '+' : '-'}`).sort().join() : 'all'
  }
  t.equal(change('+ a', '+', '+ a'), '1-,2-,3-')
  t.equal(change('+ a', '+ c', '+ a'), '1+,2-,3+')
  t.equal(change('+ a', '+ c', '+ b'), '3-', 'and otherwise only what it is about')
})

t.test('without a place of its own Weir reads neither zones nor hints', async t => {
  const slice = readEndpointSlice(sliceOf('+ a n1'))
  t.match(slice.endpoints, [{ zone: '', hints: 0 }])
  t.strictSame(serviceAt(undefined).replace([['s', slice]]), [{ address: '192.0.2.1', port: 80, ready: true, serving: true, terminating: false }])
  t.equal(serviceAt(undefined).near(), undefined)
})

t.test('garbage in hints and zones never throws', async t => {
  for (const garbage of [undefined, null, 0, 'x', [], {}, [null], [{}], [{ name: 7 }], { forZones: 'a' }]) {
    for (const hints of [garbage, { forZones: garbage }, { forNodes: garbage }]) {
      t.doesNotThrow(() => readEndpointSlice({ addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.1'], zone: garbage, hints }] }, { zone: 'a', node: 'n' }))
    }
  }
})
