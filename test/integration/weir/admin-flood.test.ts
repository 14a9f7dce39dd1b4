/**
 * A running Weir whose admin API is flooded by somebody without a token.
 */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { AdminClient } from '../../helpers/listen-admin.ts'
import { startWeir, temporaryDirectory, type WeirProcess } from '../../helpers/weir-process.ts'

const REFUSED = 'GET /v1/routes HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer a-token-that-nobody-has\r\n\r\n'
const PROBE = 'GET /readyz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n'
const FLOOD_BYTES = 12_000_000
/** Of everything that the process does for the first time meanwhile, and what is to be collected; before, the flood alone took 100 to 585 MiB. */
const GROWTH_LIMIT_MIB = 40

async function flooded (t: Test): Promise<WeirProcess> {
  const directory = await temporaryDirectory(t)
  await writeFile(path.join(directory, 'token'), 'operator-token-0123456789')
  return await startWeir(t, {
    directory,
    config: ({ admin, more }) => ({
      workers: 1,
      admin: { port: admin, probes: { address: '127.0.0.1', port: more[0] }, tokens: [{ name: 'ops', role: 'operator', file: path.join(directory, 'token') }] },
      routes: []
    })
  })
}

async function residentMib (pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}

t.test('12 MB of requests with a wrong token cost no memory, and probes go on', { skip: process.platform !== 'linux' }, async t => {
  const weir = await flooded(t)
  const probe = async (port: number) => (await new AdminClient(t, port).write(PROBE).end()).slice(0, 15)
  const probePort = weir.ports.more[0] ?? 0
  t.equal(await probe(weir.ports.admin), 'HTTP/1.1 200 OK')
  const before = await residentMib(weir.pid)
  const idle = Array.from({ length: 300 }, () => new AdminClient(t, weir.ports.admin))
  const flood = new AdminClient(t, weir.ports.admin).write(REFUSED.repeat(Math.ceil(FLOOD_BYTES / REFUSED.length)))
  await flood.answers(1)
  for (let round = 0; round < 20; round++) {
    t.equal(await probe(weir.ports.admin), 'HTTP/1.1 200 OK')
    t.equal(await probe(probePort), 'HTTP/1.1 200 OK')
  }
  const grown = await residentMib(weir.pid) - before
  t.comment(`${grown.toFixed(1)} MiB more`)
  t.ok(grown < GROWTH_LIMIT_MIB, `${grown.toFixed(1)} MiB`)
  for (const client of [flood, ...idle]) client.socket.destroy()
  t.equal(await weir.stop(), 0)
})
