import { isIP } from 'node:net'
import t from 'tap'
import fc from 'fast-check'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { parseIp } from '../../../src/core/socket-address.ts'
import { resolveClientIp } from '../../../src/routing/client-ip.ts'
import { IpKey } from '../../../src/routing/ip-key.ts'

const trusted = new CidrSet(['10.0.0.0/8', 'fd00::/8'])
const key = new IpKey()
const proxies = fc.oneof(
  fc.ipV4().map(address => address.replace(/^[0-9]+/, '10')),
  fc.integer({ min: 0, max: 0xffff }).map(host => `fd00::${host.toString(16)}`)
)
const clients = fc.oneof(fc.ipV4(), fc.ipV6()).map(address => parseIp(address)?.address ?? '').filter(address => !trusted.has(address))
const written = (address: string) => isIP(address) === 6
  ? fc.constantFrom(address, `[${address}]`, `[${address}]:443`, `"[${address}]:443"`, `"${address}"`)
  : fc.constantFrom(address, `${address}:50123`, `"${address}"`)

t.test('behind trusted proxies the client is found whatever it wrote into the header itself', async t => {
  const cases = fc.record({
    spoofed: fc.oneof(fc.string(), fc.ipV4(), fc.constantFrom('unknown', '10.0.0.1, 10.0.0.2', ',,,', '"')),
    client: clients.chain(client => fc.record({ address: fc.constant(client), entry: written(client) })),
    hops: fc.array(proxies.chain(written), { maxLength: 10 }),
    space: fc.constantFrom('', ' ', '\t', '  ')
  })
  fc.assert(fc.property(cases, proxies, ({ spoofed, client, hops, space }, peer) => {
    const header = [spoofed, client.entry, ...hops].join(`${space},${space}`)
    return resolveClientIp(peer, header, trusted) === client.address
  }))
  t.pass('held')
})

t.test('the answer is always an address, and never from the header when the peer is not trusted', async t => {
  const characters = fc.string({ unit: fc.constantFrom(...'0123456789abcdef.:,[]"% \t10.'), maxLength: 60 })
  fc.assert(fc.property(fc.oneof(proxies, clients), fc.oneof(characters, fc.string()), (peer, header) => {
    const resolved = resolveClientIp(peer, header, trusted)
    return isIP(resolved) !== 0 && (trusted.has(peer) || resolved === peer)
  }), { numRuns: 1000 })
  t.pass('held')
})

t.test('an address gives the same key in each of its spellings', async t => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), address => {
    const canonical = parseIp(address)?.address ?? ''
    return key.hash(address) === key.hash(canonical) && key.hash(address.toUpperCase()) === key.hash(canonical)
  }), { numRuns: 1000 })
  t.pass('held')
})

t.test('an IPv6 address is known by its first 64 bits and by nothing else', async t => {
  const groups = fc.array(fc.integer({ min: 1, max: 0xffff }).map(group => group.toString(16)), { minLength: 4, maxLength: 4 })
  fc.assert(fc.property(groups, groups, groups, (network, host, other) => {
    return key.hash([...network, ...host].join(':')) === key.hash([...network, ...other].join(':'))
  }))
  t.pass('held')
})

t.test('any text has a key, and reading one leaves nothing behind for the next', async t => {
  const shared = new IpKey()
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdefg.:%'), maxLength: 40 }), fc.ipV6(), fc.ipV4())
  fc.assert(fc.property(text, text => {
    const hash = shared.hash(text)
    return hash === new IpKey().hash(text) && hash === (hash | 0)
  }), { numRuns: 1000 })
  t.pass('held')
})
