import t from 'tap'
import { createNameLookup } from '../../../src/discovery/name-lookup.ts'
import { DnsServer } from '../../helpers/dns-server.ts'

t.test('DNS is asked for addresses of both families, and says how long they hold', async t => {
  const server = await DnsServer.start(t)
  const lookUp = createNameLookup({ servers: [server.address] })
  server.answers.set('app.test', [{ address: '10.0.0.1', ttlS: 7 }, { address: '10.0.0.2', ttlS: 7 }, { address: 'fd00::1', ttlS: 9 }])
  const found = await lookUp('app.test')
  t.same([...found].sort((left, right) => left.address < right.address ? -1 : 1), [
    { address: '10.0.0.1', family: 'IPv4', ttlS: 7 },
    { address: '10.0.0.2', family: 'IPv4', ttlS: 7 },
    { address: 'fd00::1', family: 'IPv6', ttlS: 9 }
  ])
  t.same(server.questions, ['app.test', 'app.test'])
})

t.test('a name of one family only', async t => {
  const server = await DnsServer.start(t)
  server.answers.set('six.test', [{ address: 'fd00::2', ttlS: 1 }])
  t.same(await createNameLookup({ servers: [server.address] })('six.test'), [{ address: 'fd00::2', family: 'IPv6', ttlS: 1 }])
})

t.test('no such name, a name without addresses, and a server that fails are told apart', async t => {
  const server = await DnsServer.start(t)
  const lookUp = createNameLookup({ servers: [server.address] })
  server.answers.set('empty.test', [])
  server.answers.set('broken.test', 2)
  await t.rejects(lookUp('missing.test'), { notFound: true, message: 'the name "missing.test" is not found (ENOTFOUND)' })
  await t.rejects(lookUp('empty.test'), { notFound: true, message: 'the name "empty.test" is not found (ENODATA)' })
  await t.rejects(lookUp('broken.test'), { notFound: false, message: 'the name "broken.test" can\'t be looked up (ESERVFAIL)' })
})

t.test('the domains to search come first, as for every other program: a Service is not a stranger of the same name', async t => {
  const server = await DnsServer.start(t)
  const directory = t.testdir({
    'resolv.conf': 'nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local.\noptions ndots:5 edns0\n'
  })
  const lookUp = createNameLookup({ servers: [server.address], resolverFile: `${directory}/resolv.conf` })
  server.answers.set('shop.dev', [{ address: '203.0.113.9', ttlS: 60 }])
  server.answers.set('shop.dev.svc.cluster.local', [{ address: '10.0.0.7', ttlS: 5 }])
  t.same(await lookUp('shop.dev'), [{ address: '10.0.0.7', family: 'IPv4', ttlS: 5 }])
  t.same([...new Set(server.questions)], ['shop.dev.shop.svc.cluster.local', 'shop.dev.svc.cluster.local'])
  t.match(await lookUp('shop.dev.'), [{ address: '203.0.113.9' }], 'a name with a dot at its end is complete')
  server.answers.delete('shop.dev.svc.cluster.local')
  t.match(await lookUp('shop.dev'), [{ address: '203.0.113.9' }])
  server.answers.set('shop.dev.shop.svc.cluster.local', 2)
  await t.rejects(lookUp('shop.dev'), { notFound: false, message: /ESERVFAIL/ }, 'a server that fails may know the nearer name')
})

t.test('IPv6 addresses are no answer while the question about IPv4 fails, but the other way round they are', async t => {
  const server = await DnsServer.start(t)
  const lookUp = createNameLookup({ servers: [server.address] })
  server.answers.set('app.test', [{ address: '10.0.0.1', ttlS: 7 }, { address: 'fd00::1', ttlS: 9 }])
  server.failing.add('A app.test')
  await t.rejects(lookUp('app.test'), { notFound: false, message: /ESERVFAIL/, partial: [{ address: 'fd00::1', family: 'IPv6', ttlS: 9 }] })
  server.failing.clear()
  server.failing.add('AAAA app.test')
  t.match(await lookUp('app.test'), [{ address: '10.0.0.1' }])
})

t.test('localhost is asked of the system, as what the hosts file has', async t => {
  const found = await createNameLookup()('localhost')
  t.ok(found.length > 0)
  for (const { address, ttlS } of found) {
    t.match(address, /^(127\.|::1$)/)
    t.equal(ttlS, 10)
  }
})
