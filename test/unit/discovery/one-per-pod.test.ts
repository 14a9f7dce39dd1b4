import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { readEndpointSlice } from '../../../src/discovery/endpoint-slice.ts'
import { endpointsOfSlices } from '../../helpers/endpoints-of-slices.ts'
import type { IpFamilyChoice } from '../../../src/discovery/checked-slice.ts'

/** A slice whose endpoints are `pod=address`, or an address that names no pod. */
function sliceOf (addressType: 'IPv4' | 'IPv6', ...endpoints: readonly string[]) {
  return readEndpointSlice({
    metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
    addressType,
    endpoints: endpoints.map(text => {
      const [pod, address] = text.includes('=') ? text.split('=') : ['', text]
      return { addresses: [address], ...(pod === '' ? {} : { targetRef: { kind: 'Pod', name: pod, uid: `uid of ${pod}` } }) }
    }),
    ports: [{ name: 'http', port: 80 }]
  })
}

function keys (slices: ReadonlyArray<ReturnType<typeof sliceOf>>, ipFamily: IpFamilyChoice = 'auto'): readonly string[] {
  return endpointsOfSlices(slices, { port: 'http', allowed: new CidrSet([]), ipFamily }).endpoints.map(endpointKey)
}

const DUAL = [sliceOf('IPv4', 'a=10.0.0.1', 'b=10.0.0.2'), sliceOf('IPv6', 'a=fd00::1', 'b=fd00::2')]

t.test('a pod of a dual-stack Service is one endpoint, reached by IPv4', async t => {
  t.strictSame(keys(DUAL), ['10.0.0.1:80', '10.0.0.2:80'])
  t.strictSame(keys(DUAL.toReversed()), ['10.0.0.1:80', '10.0.0.2:80'], 'whichever slice comes first')
})

t.test('the family that the configuration names is the only one', async t => {
  t.strictSame(keys(DUAL, 'IPv4'), ['10.0.0.1:80', '10.0.0.2:80'])
  t.strictSame(keys(DUAL, 'IPv6'), ['[fd00::1]:80', '[fd00::2]:80'])
  t.strictSame(keys([sliceOf('IPv4', 'a=10.0.0.1')], 'IPv6'), [])
  t.equal(endpointsOfSlices(DUAL, { port: 'http', allowed: new CidrSet([]), ipFamily: 'IPv6' }).facts.otherFamily, 2)
})

t.test('a Service of IPv6 alone is reached by IPv6', async t => {
  t.strictSame(keys([sliceOf('IPv6', 'a=fd00::1', 'fd00::9')]), ['[fd00::1]:80', '[fd00::9]:80'])
})

t.test('while a Service turns dual-stack no pod is missing and none counts twice', async t => {
  t.strictSame(keys([sliceOf('IPv4', 'a=10.0.0.1'), sliceOf('IPv6', 'a=fd00::1', 'b=fd00::2')]), ['10.0.0.1:80', '[fd00::2]:80'])
})

t.test('a pod whose IPv4 address is refused is reached by IPv6', async t => {
  t.strictSame(keys([sliceOf('IPv4', 'a=169.254.1.1', 'b=10.0.0.2'), sliceOf('IPv6', 'a=fd00::1', 'b=fd00::2')]), ['10.0.0.2:80', '[fd00::1]:80'])
})

t.test('endpoints that name no pod count by family', async t => {
  t.strictSame(keys([sliceOf('IPv4', '10.0.0.1'), sliceOf('IPv6', 'fd00::1')]), ['10.0.0.1:80'])
  t.strictSame(keys([sliceOf('IPv4', 'a=10.0.0.1'), sliceOf('IPv6', 'a=fd00::1', 'fd00::9')]), ['10.0.0.1:80', '[fd00::9]:80'])
})

t.test('a reference without a uid is told by its name', async t => {
  const slices = (['IPv4', 'IPv6'] as const).map(addressType => readEndpointSlice({
    addressType,
    endpoints: [{ addresses: [addressType === 'IPv4' ? '10.0.0.1' : 'fd00::1'], targetRef: { kind: 'Pod', name: 'a' } }],
    ports: [{ name: 'http', port: 80 }]
  }))
  t.strictSame(keys(slices), ['10.0.0.1:80'])
})
