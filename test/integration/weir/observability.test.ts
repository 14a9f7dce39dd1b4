/**
 * What Weir says of its traffic is what happened: access log lines, metrics, and how many workers have applied a change.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { type Answer, connectClient } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, type PlainConfig, startWeir, sumOf, temporaryDirectory, type WeirProcess } from '../../helpers/weir-process.ts'

const REQUESTS = 200

const [hello] = await startOrigins(t, ['hello'])
const routes = [
  { name: 'hello', match: { path: '/' }, versions: [{ name: 'v1', weight: 1, endpoints: { static: [hello.endpoint] } }] },
  { name: 'empty', match: { path: '/empty' }, versions: [{ name: 'v1', weight: 1, endpoints: { static: [] } }] }
]

async function start (t: Test, accessLog: PlainConfig): Promise<{ readonly weir: WeirProcess, readonly file: string }> {
  const directory = await temporaryDirectory(t)
  const file = path.join(directory, 'access.log')
  return { weir: await startWeir(t, { directory, config: () => ({ workers: 2, routes, accessLog: { path: file, ...accessLog } }) }), file }
}

/** Good requests on four connections, and one that fails. */
async function makeTraffic (weir: WeirProcess): Promise<readonly Answer[]> {
  const answers = await Promise.all(Array.from({ length: 4 }, async (_, place) => {
    const client = await connectClient({ port: weir.ports.web, from: `127.0.5.${place + 1}` })
    const list: Answer[] = []
    for (let index = 0; index < REQUESTS / 4; index++) list.push(await client.get(`/x/${place}/${index}?q=1`, { 'x-request-id': 'mine' }))
    if (place === 0) list.push(await client.get('/empty/'))
    if (place === 1) list.push(await client.get('/', { host: 'other.test' }))
    client.close()
    return list
  }))
  return answers.flat()
}

async function linesOf (file: string): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(file, 'utf8')
  // One JSON object a line, or this throws. Behind the last line feed a write may be under way.
  return text.split('\n').slice(0, -1).map(line => JSON.parse(line) as Record<string, unknown>)
}

t.test('accessLog.mode on: one JSON line for each request; metrics count the same', async t => {
  const { weir, file } = await start(t, { mode: 'on' })
  const answers = await makeTraffic(weir)
  t.equal(answers.length, REQUESTS + 2)
  const lines = await eventually(async () => {
    const found = await linesOf(file)
    return found.length >= answers.length ? found : undefined
  })
  t.equal(lines.length, answers.length)

  const line = lines.find(({ path }) => String(path).startsWith('/x/2/7'))
  t.match(line, {
    time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    route: 'hello',
    version: 'v1',
    endpoint: hello.endpoint,
    method: 'GET',
    host: 'hello.test',
    path: '/x/2/7',
    requestId: /^\S{8,}$/,
    protocol: 'HTTP/1.1',
    status: 200,
    error: null,
    fault: null,
    stickyKey: 'client-ip',
    clientIp: '127.0.5.3',
    bytesIn: 0,
    bytesOut: 5,
    attempts: 1
  })
  for (const field of ['durationMs', 'firstByteMs']) t.ok(Number(line?.[field]) > 0, field)
  t.equal(typeof line?.['reused'], 'boolean')
  t.equal(new Set(lines.map(({ requestId }) => requestId)).size, answers.length, 'every request has an id of its own, whatever the client says')
  t.match(lines.find(({ route }) => route === 'empty'), { status: 503, error: 'no_endpoint', version: 'v1', endpoint: null })

  const metrics = await weir.metrics()
  t.equal(sumOf(metrics, 'weir_requests_total', { route: 'hello', version: 'v1', code_class: '2xx' }), REQUESTS + 1)
  t.equal(sumOf(metrics, 'weir_requests_total', { route: 'hello' }), REQUESTS + 1)
  t.equal(sumOf(metrics, 'weir_requests_total', { route: 'empty', code_class: '5xx' }), 1)
  t.equal(sumOf(metrics, 'weir_request_duration_seconds_count', { route: 'hello' }), REQUESTS + 1)
  t.equal(sumOf(metrics, 'weir_response_body_bytes_total', { route: 'hello' }), (REQUESTS + 1) * 'hello'.length)
  t.equal(sumOf(metrics, 'weir_connections_accepted_total'), 4)
  t.equal(sumOf(metrics, 'weir_access_log_dropped_total'), 0)
  t.equal(sumOf(metrics, 'weir_upstream_connects_total', { route: 'hello' }) + sumOf(metrics, 'weir_upstream_reuses_total', { route: 'hello' }), REQUESTS + 1)
  t.equal(sumOf(metrics, 'weir_workers'), 2)
  t.equal(await weir.stop(), 0)
  t.equal((await linesOf(file)).length, answers.length)
})

t.test('accessLog.mode sampled: failures always, the rest by sampleRate', async t => {
  const { weir, file } = await start(t, { mode: 'sampled', sampleRate: 0 })
  await makeTraffic(weir)
  t.equal(await weir.stop(), 0)
  t.match(await linesOf(file), [{ route: 'empty', status: 503, error: 'no_endpoint' }], 'what was logged right before the end is there too')
})

t.test('one Weir with accessLog.mode off', async t => {
  const { weir, file } = await start(t, { mode: 'off' })

  await t.test('explain says of any request why it went where it went, by the id that its answer carries', async t => {
    const answers = await makeTraffic(weir)
    for (const { status, headers } of answers.slice(-30)) {
      const id = headers.get('x-request-id') ?? ''
      const { body } = await weir.api('GET', `/v1/routes/hello/explain?requestId=${id}`)
      t.match(body, { outcome: 'past', request: { id, status, at: /^\d{4}-.*Z$/ } }, id)
    }
    t.match((await weir.api('GET', '/v1/routes/hello/explain?requestId=never-seen')).body, {
      code: 'unknown_request', detail: /worker 0 remembers \d+.*worker 1 remembers/
    })
  })

  await t.test('a change with ?wait=all says how many workers apply it, and metrics name the epoch of each', async t => {
    const { status, body } = await weir.setWeights('hello', { v1: 3 })
    t.equal(status, 200)
    t.match(body, { changed: true, epoch: 2, applied: { workers: 2, applied: 2, complete: true } })
    const metrics = await weir.metrics()
    t.equal(sumOf(metrics, 'weir_route_epoch', { route: 'hello' }), 2)
    for (const worker of ['0', '1']) t.equal(sumOf(metrics, 'weir_epoch_applied', { route: 'hello', worker }), 2)
    const again = await weir.setWeights('hello', { v1: 3 })
    t.match(again.body, { changed: false, epoch: 2, applied: { complete: true } })
  })

  await t.test('accessLog.mode on by a reload: what came before it is not logged', async t => {
    await makeTraffic(weir)
    const from = weir.log.length
    const config: unknown = JSON.parse(await readFile(weir.configFile, 'utf8'))
    t.match(config, { accessLog: { mode: 'off' } })
    await weir.replaceConfig(JSON.stringify(config).replace('"mode":"off"', '"mode":"on"'))
    await weir.untilLogged('the configuration was reloaded', from)
    await makeTraffic(weir)
    t.equal(await weir.stop(), 0)
    const lines = await linesOf(file)
    t.equal(lines.length, REQUESTS + 2, 'only what came then')
  })
})
