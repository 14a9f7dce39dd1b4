import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { explainListenError, findFreePort, tryPort } from '../../../src/net/listen-error.ts'

const fault = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code })

async function takenPort (t: Test): Promise<number> {
  const holder = net.createServer().listen(0, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const bound = holder.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

t.test('a port that another process has: how to find it, and a port that is free', async t => {
  const port = await takenPort(t)
  const cause = await tryPort({ address: '127.0.0.1', port })
  const text = await explainListenError(cause, { address: '127.0.0.1', port, option: 'admin.port' })
  t.match(text, /EADDRINUSE.*Is another process using the port\? `ss -ltnp`.*choose another admin\.port, such as (\d+), which is free$/)
  const free = Number(/such as (\d+)/.exec(text)?.[1])
  t.ok(free > port)
  t.equal(await tryPort({ address: '127.0.0.1', port: free }), undefined)
})

t.test('a port for which the privilege is missing is not said to be used by another process', async t => {
  const text = await explainListenError(fault('EACCES'), { address: '0.0.0.0', port: 80, option: 'port of listeners[0]' })
  t.equal(text, 'listen EACCES. Ports below 1024 need a privilege: give Weir CAP_NET_BIND_SERVICE, lower net.ipv4.ip_unprivileged_port_start, or choose another port of listeners[0], such as 8080')
  t.notMatch(await explainListenError(fault('EACCES'), { address: '0.0.0.0', port: 8080, option: 'admin.port' }), /another process|below 1024/)
})

t.test('an address that the machine does not have: which ones it has', async t => {
  const cause = await tryPort({ address: '203.0.113.7', port: 8080 })
  const text = await explainListenError(cause, { address: '203.0.113.7', port: 8080, option: 'admin.port' })
  t.match(text, /EADDRNOTAVAIL.*This machine does not have the address 203\.0\.113\.7; it has .*127\.0\.0\.1.*; 0\.0\.0\.0 stands for all$/)
  t.notMatch(text, /another process/)
})

t.test('anything else is told as it is', async t => {
  const wanted = { address: '::1', port: 8080, option: 'admin.port' }
  t.equal(await explainListenError(fault('EMFILE'), wanted), 'listen EMFILE')
  t.equal(await explainListenError(fault('EAFNOSUPPORT'), wanted), 'listen EAFNOSUPPORT. This machine does not speak IPv6; use 0.0.0.0 instead')
})

t.test('no port past the last one is suggested', async t => {
  t.equal(await findFreePort('127.0.0.1', 65_535), undefined)
})
