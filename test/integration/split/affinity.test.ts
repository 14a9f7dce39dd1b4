/**
 * What else a client can be recognised by, with the real process: IPv6 networks, trusted proxies, a header, a cookie, and
 * affinity to an endpoint.
 */
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { type Answer, type ClientOptions, getOnce, connectClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { startWeir } from '../../helpers/weir-process.ts'

const hasIpv6 = Object.values(networkInterfaces()).flat().some(entry => entry?.address === '::1')
/** Enough for both versions to be among the answers with any sensible hash. */
const MANY = 60

const origins = await startOrigins(t, ['stable-1', 'stable-2', 'stable-3', 'canary-1', 'canary-2'])
const [stable1, stable2, stable3, canary1, canary2] = origins
const versions = [
  { name: 'stable', weight: 50, endpoints: { static: [stable1.endpoint, stable2.endpoint, stable3.endpoint] } },
  { name: 'canary', weight: 50, endpoints: { static: [canary1.endpoint, canary2.endpoint] } }
]
const weir = await startWeir(t, {
  config: ({ web, more: [ipv6] }) => ({
    workers: 2,
    listeners: [
      { name: 'web', address: '127.0.0.1', port: web },
      ...(hasIpv6 ? [{ name: 'web6', address: '::1', port: ipv6 }] : [])
    ],
    clientIp: { trustedProxies: ['127.0.0.9'] },
    routes: [
      { name: 'ip', versions },
      { name: 'header', match: { hosts: ['header.test'] }, affinity: { by: 'header', header: 'X-User' }, versions },
      { name: 'cookie', match: { hosts: ['cookie.test'] }, affinity: { by: 'cookie', cookie: 'uid' }, versions },
      { name: 'pinned', match: { hosts: ['pinned.test'] }, affinity: { by: 'client-ip', level: 'endpoint' }, versions },
      { name: 'random', match: { hosts: ['random.test'] }, affinity: { by: 'none' }, versions }
    ]
  })
})
const web = { port: weir.ports.web }

function versionOf ({ status, body }: Answer): string {
  return status === 200 ? body.split('-')[0] ?? '' : `status ${status}: ${body}`
}

/** The versions of many requests, each on a connection of its own. */
async function ask (requests: ReadonlyArray<{ readonly from?: ClientOptions, readonly headers: Readonly<Record<string, string>> }>): Promise<readonly string[]> {
  return await Promise.all(requests.map(async ({ from, headers }) => versionOf(await getOnce(from ?? web, '/', headers))))
}

const users = Array.from({ length: MANY }, (_, index) => `user-${index}`)

t.test('a header names the client, whatever address it comes from', async t => {
  const from = (index: number): ClientOptions => ({ ...web, from: `127.9.0.${1 + index}` })
  const first = await ask(users.map((user, index) => ({ from: from(index), headers: { host: 'header.test', 'x-user': user } })))
  const second = await ask(users.map((user, index) => ({ from: from(MANY - index), headers: { host: 'header.test', 'X-USER': user } })))
  t.same(second, first)
  t.same(new Set(first), new Set(['stable', 'canary']))
})

t.test('a cookie names the client, wherever it stands among others', async t => {
  const first = await ask(users.map(user => ({ headers: { host: 'cookie.test', cookie: `uid=${user}` } })))
  const second = await ask(users.map(user => ({ headers: { host: 'cookie.test', cookie: `a=1; xuid=zzz; uid=${user}; b=2` } })))
  t.same(second, first)
  t.same(new Set(first), new Set(['stable', 'canary']))
})

t.test('without the header or the cookie, the address names the client', async t => {
  for (const host of ['header.test', 'cookie.test']) {
    const requests = users.map((_, index) => ({ from: { ...web, from: `127.10.0.${1 + index}` }, headers: { host } }))
    const first = await ask(requests)
    t.same(await ask(requests), first, host)
    t.same(new Set(first), new Set(['stable', 'canary']), host)
  }
})

t.test('affinity: none draws anew for every request', async t => {
  const client = await connectClient(web)
  const seen = new Set<string>()
  for (let index = 0; index < MANY && seen.size < 2; index++) seen.add(versionOf(await client.get('/', { host: 'random.test' })))
  client.close()
  t.same(seen, new Set(['stable', 'canary']))
})

t.test('affinity to an endpoint keeps a client on one of the endpoints, and uses all of them', async t => {
  const endpointsOf = async (index: number): Promise<readonly string[]> => {
    const options = { ...web, from: `127.11.0.${1 + index}` }
    const rounds = await Promise.all(Array.from({ length: 4 }, async () => (await getOnce(options, '/', { host: 'pinned.test' })).body))
    return [...new Set(rounds)]
  }
  const seen = await Promise.all(users.map(async (_, index) => await endpointsOf(index)))
  t.same(seen.filter(({ length }) => length !== 1), [])
  t.same(new Set(seen.flat()), new Set(origins.map(({ name }) => name)))
  const { body } = await weir.api('GET', '/v1/routes/pinned/explain?ip=127.11.0.1&host=pinned.test')
  const [name] = seen[0] ?? []
  t.match(body, { endpoint: origins.find(origin => origin.name === name)?.endpoint })
})

t.test('X-Forwarded-For counts from a trusted proxy only, and IPv6 clients are their /64', async t => {
  const proxy = { ...web, from: '127.0.0.9' }
  const networks = users.map((_, index) => `2001:db8:0:${index.toString(16)}`)
  const through = async (suffix: string): Promise<readonly string[]> =>
    await ask(networks.map(network => ({ from: proxy, headers: { 'x-forwarded-for': `${network}:${suffix}` } })))
  const first = await through(':1')
  t.same(new Set(first), new Set(['stable', 'canary']))
  t.same(await through('ffff:1:2:3'), first)
  const untrusted = await ask(networks.map(network => ({ from: { ...web, from: '127.0.0.10' }, headers: { 'x-forwarded-for': `${network}::1` } })))
  t.equal(new Set(untrusted).size, 1, 'what somebody else writes there says nothing')
})

t.test('a client that comes over IPv6', { skip: hasIpv6 ? false : 'this machine has no ::1' }, async t => {
  const [port = 0] = weir.ports.more
  const answers = await Promise.all(Array.from({ length: 10 }, async () => versionOf(await getOnce({ host: '::1', port }))))
  const { body } = await weir.api('GET', '/v1/routes/ip/explain?ip=::1')
  t.match(body, { version: answers[0] })
  t.equal(new Set(answers).size, 1)
})
