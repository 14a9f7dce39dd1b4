import t from 'tap'
import { createNameLookup } from '../../../src/discovery/name-lookup.ts'
import { DnsServer } from '../../helpers/dns-server.ts'

t.test('DNS is asked for addresses of both families, and says how long they hold', async (t) => {
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

t.test('a name of one family only', async (t) => {
  const server = await DnsServer.start(t)
  server.answers.set('six.test', [{ address: 'fd00::2', ttlS: 1 }])
  t.same(await createNameLookup({ servers: [server.address] })('six.test'), [{ address: 'fd00::2', family: 'IPv6', ttlS: 1 }])
})

t.test('no such name, a name without addresses, and a server that fails are told apart', async (t) => {
  const server = await DnsServer.start(t)
  const lookUp = createNameLookup({ servers: [server.address] })
  server.answers.set('empty.test', [])
  server.answers.set('broken.test', 2)
  await t.rejects(lookUp('missing.test'), { notFound: true, message: 'the name "missing.test" is not found (ENOTFOUND)' })
  await t.rejects(lookUp('empty.test'), { notFound: true, message: 'the name "empty.test" is not found (ENODATA)' })
  await t.rejects(lookUp('broken.test'), { notFound: false, message: 'the name "broken.test" can\'t be looked up (ESERVFAIL)' })
})

t.test('localhost is asked of the system, as what the hosts file has', async (t) => {
  const found = await createNameLookup()('localhost')
  t.ok(found.length > 0)
  for (const { address, ttlS } of found) {
    t.match(address, /^(127\.|::1$)/)
    t.equal(ttlS, 10)
  }
})
