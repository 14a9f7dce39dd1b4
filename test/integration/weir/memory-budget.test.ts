/**
 * limits.maxBufferedBytes from the configuration to the workers, and what operators see of it.
 */
import { createConnection, type Socket } from 'node:net'
import t from 'tap'
import { connectClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, startWeir, type WeirProcess } from '../../helpers/weir-process.ts'

const LIMIT = 1_048_576
const HEADS = 200

/** @throws Error when the limit of a worker does not come to be this */
async function limitOf (weir: WeirProcess, worker: number, bytes: number): Promise<void> {
  await weir.untilMetric('weir_buffered_bytes_limit', bytes, { worker: String(worker) })
}

function configFor (endpoint: string, workers: number) {
  return { workers, routes: [{ name: 'hello', versions: [{ name: 'v1', weight: 1, endpoints: { static: [endpoint] } }] }] }
}

t.test('clients that take more than there is are ended, others are served, and metrics and log say so', async t => {
  const [hello] = await startOrigins(t, ['hello'])
  const config = configFor(hello.endpoint, 1)
  const weir = await startWeir(t, { config: () => ({ ...config, limits: { maxBufferedBytes: LIMIT } }) })
  t.match(weir.logged('weir is running')[0], { maxBufferedBytes: LIMIT })

  const sockets = Array.from({ length: HEADS }, (): Socket => {
    const socket = createConnection({ host: '127.0.0.1', port: weir.ports.web })
    socket.on('error', () => {}).resume().write(`GET / HTTP/1.1\r\nHost: example.test\r\nX-Fill: ${'x'.repeat(8_000)}`)
    return socket
  })
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  const line = await weir.untilLogged('slow clients and endpoints take all the memory that there is for them')
  t.match(line, { level: 'warn', worker: 0, maxBufferedBytes: LIMIT, remedy: /limits\.maxBufferedBytes/ })
  await weir.untilMetric('weir_memory_closed_connections_total', sum => sum > 0, { worker: '0' })
  const buffered = await weir.untilMetric('weir_buffered_bytes', sum => sum > 0, { worker: '0' })
  t.ok(buffered <= LIMIT, `${buffered} bytes`)
  await t.resolves(limitOf(weir, 0, LIMIT))

  const served = async (): Promise<true | undefined> => {
    const client = await connectClient({ port: weir.ports.web })
    const { status } = await client.get()
    client.close()
    return status === 200 ? true : undefined
  }
  await t.resolves(eventually(served), 'others are served when those have gone that are stuck')
  await weir.replaceConfig(JSON.stringify({
    ...config,
    listeners: [{ name: 'web', address: '127.0.0.1', port: weir.ports.web }],
    admin: { port: weir.ports.admin },
    limits: { maxBufferedBytes: 2 * LIMIT }
  }))
  await weir.untilLogged('the configuration was reloaded')
  await t.resolves(limitOf(weir, 0, 2 * LIMIT), 'a reload changes it')
})

t.test('by default it follows from the memory that there is', async t => {
  const [hello] = await startOrigins(t, ['hello'])
  const weir = await startWeir(t, { config: () => configFor(hello.endpoint, 2) })
  const each = Number(weir.logged('weir is running')[0]?.['maxBufferedBytes'])
  t.ok(each >= 16 * LIMIT)
  await t.resolves(limitOf(weir, 1, each), 'the last worker has what the start has told')
})
