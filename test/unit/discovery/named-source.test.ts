import t from 'tap'
import { CidrSet } from '../../../src/core/cidr-set.ts'
import { endpointKey } from '../../../src/core/endpoint.ts'
import { OwnPorts, type OwnPort } from '../../../src/core/own-ports.ts'
import { boundedLookup, type NameAddress, NameError } from '../../../src/discovery/name-lookup.ts'
import { NamedSource } from '../../../src/discovery/named-source.ts'
import { FakeClock } from '../../helpers/fake-clock.ts'

const a = (address: string, ttlS = 10): NameAddress => ({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', ttlS })
const missing = (): never => { throw new NameError('the name "app" is not found (ENOTFOUND)', true) }
const broken = (): never => { throw new NameError('the name "app" can\'t be looked up (ESERVFAIL)', false) }

function start (texts: readonly string[], allowed: readonly string[] = [], own: readonly OwnPort[] = []) {
  const clock = new FakeClock()
  const asked: string[] = []
  const told: string[][] = []
  const zone: { answer: (name: string) => readonly NameAddress[] } = { answer: () => [] }
  const source = new NamedSource(texts, {
    lookUp: async name => { asked.push(name); return zone.answer(name) },
    clock,
    random: () => 0,
    allowed: new CidrSet(allowed),
    remembered: new Map(),
    ownPorts: new OwnPorts(own, () => ['192.0.2.7'])
  })
  const settle = async (): Promise<void> => { await new Promise(resolve => { setImmediate(resolve) }) }
  return {
    source,
    asked,
    told,
    zone,
    begin: async () => { source.start(endpoints => { told.push(endpoints.map(endpointKey)) }); await settle() },
    pass: async (ms: number) => { clock.advance(ms); await settle() }
  }
}

t.test('a name stands for all of its addresses, in a fixed order, looked up again by its time to live', async t => {
  const { source, asked, told, zone, begin, pass } = start(['app:8080'])
  zone.answer = () => [a('10.0.0.2', 8), a('10.0.0.1', 9)]
  await begin()
  t.same(told, [['10.0.0.1:8080', '10.0.0.2:8080']])
  t.match(source.status(), { kind: 'dns', synced: true, lastError: undefined, ignored: [] })
  zone.answer = () => [a('10.0.0.3', 8)]
  await pass(7_999)
  t.equal(asked.length, 1)
  await pass(1)
  t.same(told.at(-1), ['10.0.0.3:8080'])
})

t.test('a time to live has bounds', async t => {
  const { asked, zone, begin, pass } = start(['app:80'])
  zone.answer = () => [a('10.0.0.1', 0)]
  await begin()
  await pass(4_999)
  t.equal(asked.length, 1)
  zone.answer = () => [a('10.0.0.1', 86_400)]
  await pass(1)
  t.equal(asked.length, 2)
  await pass(29_999)
  t.equal(asked.length, 2)
  await pass(1)
  t.equal(asked.length, 3)
})

t.test('what was known last is kept through failures, and through a name that is not found; tries come ever less often', async t => {
  const { source, asked, told, zone, begin, pass } = start(['app:80'])
  zone.answer = () => [a('10.0.0.1')]
  await begin()
  zone.answer = broken
  await pass(10_000)
  t.equal(asked.length, 2)
  t.match(source.status(), { synced: true, lastError: 'the name "app" can\'t be looked up (ESERVFAIL)', restarts: 1 })
  await pass(1_000)
  zone.answer = missing
  await pass(2_000)
  t.equal(asked.length, 4)
  await pass(3_999)
  t.equal(asked.length, 4)
  t.same(new Set(told.map(endpoints => endpoints.join())), new Set(['10.0.0.1:80']))
  zone.answer = () => [a('10.0.0.2')]
  await pass(1)
  t.same(told.at(-1), ['10.0.0.2:80'])
  t.equal(source.status().lastError, undefined)
})

t.test('a name that is not found at first is an answer, a server that fails is none', async t => {
  const found = start(['app:80'])
  found.zone.answer = missing
  await found.begin()
  t.same(found.told, [[]])
  t.match(found.source.status(), { synced: true, lastError: 'the name "app" is not found (ENOTFOUND)', whyNone: /not found/ })
  const failed = start(['app:80'])
  failed.zone.answer = broken
  await failed.begin()
  t.same(failed.told, [])
  t.equal(failed.source.status().synced, false)
})

t.test('addresses that are refused in slices are refused here, but localhost is this machine', async t => {
  const { source, told, zone, begin } = start(['app:80'])
  zone.answer = () => [a('127.0.0.1'), a('169.254.169.254'), a('fd00:ec2::254'), a('10.0.0.1')]
  await begin()
  t.same(told, [['10.0.0.1:80']])
  t.same(source.status().ignored.map(({ address }) => address), ['127.0.0.1', '169.254.169.254', 'fd00:ec2::254'])
  const local = start(['localhost:3000', 'api.localhost:3001'])
  local.zone.answer = name => name === 'localhost' ? [a('127.0.0.1'), a('::1')] : [a('127.0.0.1'), a('10.9.9.9')]
  await local.begin()
  t.same(local.told.at(-1), ['127.0.0.1:3000', '[::1]:3000', '10.9.9.9:3001', '127.0.0.1:3001'])
  const stolen = start(['localhost:80'])
  stolen.zone.answer = () => [a('169.254.169.254')]
  await stolen.begin()
  t.same(stolen.told, [[]])
  t.match(stolen.source.status().lastError, /no address that may be dialled/)
  const allowed = start(['app:80'], ['127.0.0.0/8'])
  allowed.zone.answer = () => [a('127.0.0.7')]
  await allowed.begin()
  t.same(allowed.told, [['127.0.0.7:80']])
})

t.test('of a name with both families IPv4 is used, IPv6 where there is no other', async t => {
  const { told, zone, begin } = start(['both:80', 'six:81'])
  zone.answer = name => name === 'both' ? [a('10.0.0.1'), a('fd00::1')] : [a('fd00::2')]
  await begin()
  t.same(told.at(-1), ['10.0.0.1:80', '[fd00::2]:81'])
})

t.test('an answer about IPv6 alone, while the question about IPv4 fails, does not take the place of what was known', async t => {
  const { source, told, zone, begin, pass } = start(['app:80'])
  const half = (): never => { throw new NameError('the name "app" can\'t be looked up (ETIMEOUT)', false, [a('fd00::1')]) }
  zone.answer = () => [a('10.0.0.1')]
  await begin()
  zone.answer = half
  await pass(10_000)
  t.same(new Set(told.map(endpoints => endpoints.join())), new Set(['10.0.0.1:80']))
  t.match(source.status(), { synced: true, lastError: /ETIMEOUT/ })
  const first = start(['app:80'])
  first.zone.answer = half
  await first.begin()
  t.same(first.told, [['[fd00::1]:80']], 'better than nothing')
  t.match(first.source.status(), { synced: true, lastError: /ETIMEOUT/ })
  first.zone.answer = () => [a('10.0.0.1'), a('fd00::1')]
  await first.pass(1_000)
  t.same(first.told.at(-1), ['10.0.0.1:80'])
})

t.test('an answer of thousands of addresses is bounded, and says so', async t => {
  const { source, told, zone, begin } = start(['app:80'])
  zone.answer = () => Array.from({ length: 5_000 }, (_, index) => a(`10.0.${index >> 8}.${index & 255}`))
  await begin()
  t.equal(told[0]?.length, 1_000)
  t.match(source.status().lastError, 'the name "app" has 5000 addresses; 1000 are used')
})

t.test('addresses beside names are there at once, and nothing is told after the stop', async t => {
  const { source, asked, told, zone, begin, pass } = start(['10.1.1.1:80', 'app:80', 'app:81'])
  zone.answer = () => [a('10.0.0.1')]
  await begin()
  t.same(told, [['10.1.1.1:80'], ['10.1.1.1:80', '10.0.0.1:80', '10.0.0.1:81']])
  t.same(asked, ['app'], 'one name is looked up once')
  source.stop()
  await pass(100_000)
  t.equal(asked.length, 1)
})

t.test('only a few lookups are under way at a time, in their order', async t => {
  const release: (() => void)[] = []
  const started: string[] = []
  const lookUp = boundedLookup(async name => {
    started.push(name)
    await new Promise<void>(resolve => { release.push(resolve) })
    if (name === 'b') throw new Error('b fails')
    return []
  }, 2)
  const all = Promise.allSettled(['a', 'b', 'c', 'd'].map(async name => await lookUp(name)))
  t.same(started, ['a', 'b'])
  for (let round = 0; round < 4; round++) {
    while (release.length === 0) await Promise.resolve()
    release.shift()?.()
    await new Promise(resolve => { setImmediate(resolve) })
  }
  t.same(started, ['a', 'b', 'c', 'd'])
  t.same((await all).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
})

t.test('a name that leads to a listener of Weir\'s own: the address is left out at that port, and said', async t => {
  const { source, told, zone, begin } = start(
    ['app:8080', 'app:8081', '10.0.0.9:8080'],
    [],
    [{ name: 'listeners[0]', address: '0.0.0.0', port: 8080 }]
  )
  zone.answer = () => [a('192.0.2.7')]
  await begin()
  t.same(told.at(-1), ['192.0.2.7:8081', '10.0.0.9:8080'])
  t.match(source.status(), { synced: true, ignored: [{ address: '192.0.2.7', reason: 'Weir itself listens there: listeners[0]' }] })
})

t.test('a name that leads to Weir alone has no endpoint, and why is said', async t => {
  const { source, told, zone, begin } = start(['weir:8080'], [], [{ name: 'listeners[0]', address: '::', port: 8080 }])
  zone.answer = () => [a('192.0.2.7')]
  await begin()
  t.same(told, [[]])
  t.match(source.status(), { synced: true, whyNone: 'its name leads to 192.0.2.7, and Weir itself listens there: listeners[0]' })
})
