/** Clients that never come to the end of a head: they cost little, harm nobody, and end in time. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { startOrigins } from '../../helpers/origins.ts'
import { get, RawClient } from '../../helpers/raw-client.ts'
import { statusOf } from '../../helpers/raw-http.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const CLIENTS = 500
const CONNECTING_AT_ONCE = 50
/** Generous: what the system and V8 set aside in steps is in it. `npm run bench:slow` measures. */
const MOST_KIB_EACH = 40

/** Resident memory in KiB; undefined where there is no /proc. */
async function residentKib (pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kib = /^VmRSS:\s+([0-9]+) kB/m.exec(status)?.[1]
  return kib === undefined ? undefined : Number(kib)
}

async function connectMany (port: number): Promise<readonly RawClient[]> {
  const clients: RawClient[] = []
  while (clients.length < CLIENTS) {
    clients.push(...await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, async () => await RawClient.connect(port))))
  }
  return clients
}

t.test('500 clients that send a head byte by byte are ended by timeouts.requestHead, and cost little until then', async t => {
  const [origin] = await startOrigins(t, ['v1'])
  const weir = await startWeir(t, {
    config: () => ({ workers: 1, timeouts: { requestHead: '3s', firstByte: '60s' }, routes: [{ name: 'r', versions: [{ name: 'v1', weight: 1, endpoints: { static: [origin.endpoint] } }] }] })
  })
  const other = await RawClient.connect(weir.ports.web)
  // Loads what the first connections and requests load.
  for (const client of await connectMany(weir.ports.web)) client.destroy()
  for (let round = 0; round < 100; round++) t.equal(statusOf(await other.ask(get())), 200)
  await eventually(async () => await weir.metric('weir_connections_open') === 1 ? true : undefined)

  const before = await residentKib(weir.pid)
  const clients = await connectMany(weir.ports.web)
  for (const client of clients) {
    client.expect('GET')
    client.send('GET / HTTP/1.1\r\nHo')
  }
  const all = await eventually(async () => {
    const open = await weir.metric('weir_connections_open')
    return open === CLIENTS + 1 || clients.some(({ ended }) => ended) ? open === CLIENTS + 1 : undefined
  })
  if (!all) t.comment('this machine is too slow to have all of them at the same time: the first ones have been ended already')
  for (const client of clients) client.send('st: example.test\r\nX-Slow: ')
  const dripping = setInterval(() => { for (const client of clients) if (!client.ended) client.send('x') }, 200)
  t.teardown(() => {
    clearInterval(dripping)
    for (const client of [...clients, other]) client.destroy()
  })
  for (let round = 0; round < 20; round++) t.equal(statusOf(await other.ask(get())), 200, 'the others are served meanwhile')
  const during = await residentKib(weir.pid)
  if (before !== undefined && during !== undefined) {
    const each = (during - before) / CLIENTS
    t.ok(each < MOST_KIB_EACH, `each costs ${each.toFixed(1)} KiB`)
  }

  await Promise.all(clients.map(async client => { await client.untilEnded() }))
  clearInterval(dripping)
  t.ok(clients.every(({ reader }) => reader.messages.length === 1 && statusOf(reader.messages[0] ?? { startLine: '' }) === 408), 'each is told why')
  for (const client of clients) client.end()
  await eventually(async () => await weir.metric('weir_connections_open') === 1 ? true : undefined)
  t.equal(await weir.untilMetric('weir_unrouted_errors_total', CLIENTS, { code: 'request_timeout' }), CLIENTS)
  t.equal(statusOf(await other.ask(get())), 200)
  t.equal(await weir.metric('weir_worker_restarts_total'), 0)
})

t.test('clients that send nothing are ended by timeouts.firstByte, without a word', async t => {
  const [origin] = await startOrigins(t, ['v1'])
  const weir = await startWeir(t, {
    config: () => ({ workers: 1, timeouts: { firstByte: '500ms' }, routes: [{ name: 'r', versions: [{ name: 'v1', weight: 1, endpoints: { static: [origin.endpoint] } }] }] })
  })
  const clients = await connectMany(weir.ports.web)
  await Promise.all(clients.map(async client => { await client.untilEnded() }))
  t.ok(clients.every(({ bytesReceived }) => bytesReceived === 0))
  t.equal(await weir.untilMetric('weir_connections_closed_total', CLIENTS, { reason: 'first_byte_timeout' }), CLIENTS)
  for (const client of clients) client.destroy()
})
