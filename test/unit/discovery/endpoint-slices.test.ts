import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { OwnPorts } from '../../../src/core/own-ports.ts'
import { checkSlice } from '../../../src/discovery/checked-slice.ts'
import { readEndpointSlice, rereadEndpointSlice } from '../../../src/discovery/endpoint-slice.ts'
import { endpointsOfSlices } from '../../helpers/endpoints-of-slices.ts'

const NONE = new CidrSet([])
const HTTP = [{ name: 'http', protocol: 'TCP', port: 8080 }]

function sliceOf (endpoints: unknown, more: Readonly<Record<string, unknown>> = {}): unknown {
  return { metadata: { labels: { 'kubernetes.io/service-name': 'web' } }, addressType: 'IPv4', endpoints, ports: HTTP, ...more }
}

function endpointOf (address: string, conditions?: unknown): unknown {
  return { addresses: [address], conditions }
}

function found (slices: readonly unknown[], port: string | number = 'http') {
  return endpointsOfSlices(slices.map(each => readEndpointSlice(each)), { port, allowed: NONE, ipFamily: 'auto' })
}

function keys (slices: readonly unknown[], port: string | number = 'http'): readonly string[] {
  return found(slices, port).endpoints.map(endpointKey)
}

t.test('several slices of a service make one list, sorted', async t => {
  t.strictSame(keys([
    sliceOf([endpointOf('192.0.2.9'), endpointOf('192.0.2.10')]),
    sliceOf([endpointOf('192.0.2.1')], { ports: [{ name: 'http', port: 9090 }] })
  ]), ['192.0.2.10:8080', '192.0.2.1:9090', '192.0.2.9:8080'])
})

t.test('conditions that are nil mean: ready, serving as ready, not terminating', async t => {
  const cases: readonly (readonly [unknown, readonly [boolean, boolean, boolean]])[] = [
    [undefined, [true, true, false]],
    [null, [true, true, false]],
    [{}, [true, true, false]],
    [{ ready: null, serving: null, terminating: null }, [true, true, false]],
    [{ ready: false }, [false, false, false]],
    [{ ready: false, serving: true, terminating: true }, [false, true, true]],
    [{ ready: true, serving: false }, [true, false, false]],
    [{ ready: 'no', serving: 1, terminating: 'yes' }, [true, true, false]]
  ]
  for (const [conditions, [ready, serving, terminating]] of cases) {
    t.match(found([sliceOf([endpointOf('192.0.2.1', conditions)])]).endpoints, [{ ready, serving, terminating }], JSON.stringify(conditions))
  }
})

t.test('a duplicate takes the better conditions, whichever slice comes first', async t => {
  const better: readonly (readonly [unknown, unknown])[] = [
    [{ ready: true }, { ready: false, serving: true, terminating: true }],
    [{ ready: true }, { ready: false }],
    [{ ready: true, terminating: false }, { ready: true, terminating: true }],
    [{ ready: true, serving: true }, { ready: true, serving: false }],
    [{ ready: false, serving: true, terminating: true }, { ready: false, serving: true }],
    [{ ready: false, serving: true }, { ready: false }],
    [{ ready: false }, { ready: false, terminating: true }]
  ]
  for (const [winner, loser] of better) {
    const slices = [sliceOf([endpointOf('192.0.2.1', winner)]), sliceOf([endpointOf('192.0.2.1', loser)])]
    const alone = found(slices.slice(0, 1)).endpoints
    t.strictSame(found(slices).endpoints, alone)
    t.strictSame(found(slices.toReversed()).endpoints, alone)
    t.strictSame(found([sliceOf([endpointOf('192.0.2.1', loser), endpointOf('192.0.2.1', winner)])]).endpoints, alone, 'in one slice')
  }
})

t.test('the slices tell how many they are and which ports they name', async t => {
  const ports = [{ name: 'metrics', port: 9100 }, { name: 'http', port: 8080 }, { name: 'dns', protocol: 'UDP', port: 53 }]
  const slices = [sliceOf(null, { ports: null }), sliceOf([endpointOf('192.0.2.1')], { ports }), sliceOf([endpointOf('192.0.2.2')], { ports })]
  const named = [{ name: 'http', port: 8080 }, { name: 'metrics', port: 9100 }]
  t.strictSame(found(slices, 80).facts, { slices: 3, ports: named, portFound: false, otherFamily: 0 })
  t.strictSame(found(slices, 'http').facts, { slices: 3, ports: named, portFound: true, otherFamily: 0 })
  t.strictSame(found([], 'http').facts, { slices: 0, ports: [], portFound: false, otherFamily: 0 })
  const many = Array.from({ length: 100 }, (_, index) => ({ name: `p${index}`, port: 1_000 + index }))
  t.equal(found([sliceOf([], { ports: many })]).facts.ports.length, 20)
})

t.test('one IPv6 address in two spellings is one endpoint', async t => {
  const slices = ['2001:db8::1', '2001:DB8:0:0::0001'].map(address => sliceOf([endpointOf(address)], { addressType: 'IPv6' }))
  t.strictSame(keys(slices), ['[2001:db8::1]:8080'])
})

t.test('a port is found by name or number', async t => {
  const ports = [{ name: 'http', port: 8080 }, { name: 'metrics', port: 9100 }, { name: '', port: 7000 }]
  const slices = [sliceOf([endpointOf('192.0.2.1')], { ports })]
  t.strictSame(keys(slices, 'metrics'), ['192.0.2.1:9100'])
  t.strictSame(keys(slices, 9100), ['192.0.2.1:9100'])
  t.strictSame(keys(slices, '9100'), ['192.0.2.1:9100'], 'digits in quotes')
  t.strictSame(keys(slices, ''), ['192.0.2.1:7000'], 'the unnamed port')
  t.strictSame(keys(slices, 7000), ['192.0.2.1:7000'])
  t.strictSame(keys(slices, 'grpc'), [])
  t.strictSame(keys(slices, 80), [])
})

t.test('the protocol is TCP when nil; other protocols and ports without a number are ignored', async t => {
  for (const [port, expected] of [
    [{ name: 'http', protocol: null, port: 80 }, 1],
    [{ name: 'http', protocol: 'UDP', port: 80 }, 0],
    [{ name: 'http', protocol: 'SCTP', port: 80 }, 0],
    [{ name: 'http', port: null }, 0],
    [{ name: 'http' }, 0],
    [{ name: 'http', port: 0 }, 0],
    [{ name: 'http', port: 65536 }, 0],
    [{ name: 'http', port: 80.5 }, 0],
    [{ name: 'http', port: '80' }, 0]
  ] as const) {
    t.equal(keys([sliceOf([endpointOf('192.0.2.1')], { ports: [port] })]).length, expected, JSON.stringify(port))
  }
  t.strictSame(keys([sliceOf([endpointOf('192.0.2.1')], { ports: [{ name: null, port: 80 }] })], ''), ['192.0.2.1:80'])
})

t.test('null endpoints and null ports make nothing', async t => {
  t.strictSame(keys([sliceOf(null), sliceOf([endpointOf('192.0.2.1')], { ports: null })]), [])
})

t.test('the first address of an endpoint stands for it', async t => {
  t.strictSame(keys([sliceOf([{ addresses: ['192.0.2.1', '192.0.2.2'] }, { addresses: [] }, { addresses: null }, {}])]), ['192.0.2.1:8080'])
})

t.test('FQDN slices and unknown types are ignored, also when they hold an IP address', async t => {
  const { endpoints, ignored } = found([
    sliceOf([endpointOf('b1.localhost'), endpointOf('127.0.0.1')], { addressType: 'FQDN' }),
    sliceOf([endpointOf('192.0.2.1')], { addressType: 'IPv9' })
  ])
  t.strictSame(endpoints, [])
  t.strictSame(ignored.map(({ address }) => address), ['127.0.0.1', '192.0.2.1', 'b1.localhost'])
  t.match(ignored[0]?.reason, /FQDN slices are not followed/)
})

t.test('refused addresses are listed with their reason, once each and not without bound', async t => {
  const rubbish = Array.from({ length: 500 }, (_, index) => endpointOf(`rubbish-${index}-${'x'.repeat(10_000)}`))
  const { endpoints, ignored } = found([sliceOf([endpointOf('127.0.0.1'), endpointOf('127.0.0.1'), endpointOf('192.0.2.1'), ...rubbish])])
  t.strictSame(endpoints.map(endpointKey), ['192.0.2.1:8080'])
  t.strictSame(ignored[0], { address: '127.0.0.1', reason: 'loopback' })
  t.equal(ignored.length, 100)
  t.ok(ignored.every(({ address }) => address.length <= 64))
})

t.test('allowed addresses are dialled', async t => {
  const slices = [sliceOf([endpointOf('127.0.0.1'), endpointOf('169.254.0.1')])].map(each => readEndpointSlice(each))
  t.strictSame(endpointsOfSlices(slices, { port: 'http', allowed: new CidrSet(['127.0.0.0/8']), ipFamily: 'auto' }).endpoints.map(endpointKey), ['127.0.0.1:8080'])
})

t.test('garbage never throws', async t => {
  const garbage: readonly unknown[] = [undefined, null, 0, '', 'x', true, [], {}, [[]], { endpoints: {} }, { endpoints: [null, 1, 'x', [], { addresses: 'x' }, { addresses: [null] }, { addresses: [7] }] },
    { metadata: 3, ports: 'x' }, { metadata: { labels: [] }, addressType: {}, ports: [null, 1, [], 'x'] }, { addressType: 'IPv4', endpoints: [{ addresses: ['1.2.3.4'], conditions: 7 }], ports: HTTP }]
  for (const object of garbage) t.doesNotThrow(() => found([object, sliceOf(object), sliceOf([object]), sliceOf([endpointOf('192.0.2.1')], { ports: object })]))
})

t.test('an address and port at which Weir itself listens is left out, and said; another port there is not', async t => {
  const slices = [sliceOf([endpointOf('192.0.2.7'), endpointOf('192.0.2.1')])].map(each => readEndpointSlice(each))
  const ownPorts = new OwnPorts([{ name: 'listeners[0]', address: '0.0.0.0', port: 8080 }], () => ['192.0.2.7'])
  const { endpoints, ignored } = endpointsOfSlices(slices, { port: 'http', allowed: NONE, ownPorts, ipFamily: 'auto' })
  t.strictSame(endpoints.map(endpointKey), ['192.0.2.1:8080'])
  t.strictSame(ignored, [{ address: '192.0.2.7', reason: 'Weir itself listens there: listeners[0]' }])
  const elsewhere = new OwnPorts([{ name: 'listeners[0]', address: '0.0.0.0', port: 8081 }], () => ['192.0.2.7'])
  t.equal(endpointsOfSlices(slices, { port: 'http', allowed: NONE, ownPorts: elsewhere, ipFamily: 'auto' }).endpoints.length, 2)
})

t.test('of a slice that changes, what says the same stays the same object, as read and as checked', async t => {
  const selection = { port: 'http', allowed: NONE, ipFamily: 'auto' } as const
  const before = readEndpointSlice(sliceOf([endpointOf('192.0.2.1'), endpointOf('192.0.2.2'), endpointOf('192.0.2.3')]))
  const after = rereadEndpointSlice(sliceOf([endpointOf('192.0.2.3'), endpointOf('192.0.2.2', { ready: false }), endpointOf('192.0.2.4')]), before)
  t.equal(after.endpoints[0], before.endpoints[2])
  t.match(after.endpoints.slice(1), [{ address: '192.0.2.2', ready: false }, { address: '192.0.2.4', ready: true }])
  const checked = checkSlice(before, selection)
  const again = checkSlice(after, selection, checked)
  t.equal(again.endpoints.get('192.0.2.3:8080'), checked.endpoints.get('192.0.2.3:8080'))
  t.strictSame([...again.endpoints], [...checkSlice(after, selection).endpoints])
})
