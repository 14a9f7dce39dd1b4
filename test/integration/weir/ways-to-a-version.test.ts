/**
 * The ways to a version beside its weight, through the command line, on one Weir with two workers and with counts of the origins: a preview by
 * match, an A/B test, users who are named.
 */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { BY_CLIENT, RolloutClients } from '../../helpers/rollout-clients.ts'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { commandOf, goodCommandOf } from '../../helpers/weir-command.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const REQUESTS = 20
const COMPARED = 120
const NAMED = 60

const names = ['blue', 'green', 'a', 'b', 'stable', 'canary'] as const
const [blue, green, a, b, stable, canary] = await Promise.all(names.map(async name => await startVersion(t, name, 1)))
if (blue === undefined || green === undefined || a === undefined || b === undefined || stable === undefined || canary === undefined) throw new Error('six have started')
const version = ({ name, endpoints }: typeof blue, weight: number) => ({ name, weight, endpoints: { static: endpoints } })
const weir = await startWeir(t, {
  config: () => ({
    workers: 2,
    routes: [
      { name: 'compared', match: { hosts: ['compared.test'] }, affinity: BY_CLIENT, versions: [version(a, 50), version(b, 50)] },
      {
        name: 'named',
        match: { hosts: ['named.test'] },
        affinity: BY_CLIENT,
        lists: [{ name: 'beta', version: 'canary', ...BY_CLIENT }],
        versions: [version(stable, 100), version(canary, 0)]
      },
      { name: 'preview', match: { path: '/preview' }, affinity: { by: 'none' }, versions: [version(blue, 100), version(green, 0)] }
    ]
  })
})
const run = goodCommandOf(weir)

t.test('green at weight 0 is reached by the match alone, until the switch, and after an abort or a fail by nobody', async t => {
  /** What this many requests are answered by. */
  const ask = async (headers: Readonly<Record<string, string>>): Promise<Readonly<Record<string, number>>> => {
    const answers = await Promise.all(Array.from({ length: REQUESTS }, async () => {
      const response = await fetch(`http://127.0.0.1:${weir.ports.web}/preview`, { headers })
      return await response.text()
    }))
    return Object.fromEntries([...Map.groupBy(answers, answer => answer)].map(([answer, all]) => [answer, all.length]))
  }
  const beta = { 'x-beta': 'on' }
  const begin = async (): Promise<string> => {
    const printed = await run('rollout', 'start', 'preview', '--to', 'green', '--preset', 'blue-green', '--preview', 'header x-beta~=^o[nk]$')
    await weir.untilMetric('weir_rollout_step', 2, { route: 'preview' })
    return printed
  }
  t.same(await ask(beta), { blue: REQUESTS })
  await begin()
  const waits = await run('rollout', 'status', 'preview', '--watch=false')
  t.match(waits, /Paused, step 3 of 4: pause/)
  t.match(waits, /the requests that match header x-beta~=\^o\[nk\]\$/)
  t.same(await ask(beta), { green: REQUESTS })
  t.same(await ask({ 'x-beta': 'of' }), { blue: REQUESTS })
  t.match(await run('rollout', 'abort', 'preview'), /Aborted; blue 100, green 0/)
  t.same(await ask(beta), { blue: REQUESTS })
  await begin()
  t.same(await ask(beta), { green: REQUESTS })
  t.same(await ask({}), { blue: REQUESTS })
  t.match(await run('rollout', 'resume', 'preview'), /blue 0, green 100/)
  t.same([await ask(beta), await ask({})], [{ green: REQUESTS }, { green: REQUESTS }])
  t.same([blue.requests, green.requests], [4 * REQUESTS, 4 * REQUESTS])

  // The match of a rollout is its own doing: what it brings users to is in the care of the guards.
  await run('rollout', 'promote', 'preview')
  blue.behave({ failsEvery: 1 })
  await run('rollout', 'start', 'preview', '--to', 'blue', '--preset', 'a-b', '--match', 'header x-beta=on')
  await weir.untilMetric('weir_rollout_step', 1, { route: 'preview' })
  const told = await eventually(async () => {
    await ask(beta)
    const { phase, sentence } = (await weir.api('GET', '/v1/routes/preview/rollout')).body as { readonly phase: string, readonly sentence: string }
    return phase === 'Degraded' ? sentence : undefined
  })
  t.match(told, /^blue has failed and the weights are back: (The new version fails 100 %|[0-9]+ requests of users have failed)/)
  // The workers hear of it a moment later.
  await eventually(async () => (await ask(beta))['green'] === REQUESTS ? true : undefined)
  const reached = blue.requests
  t.same(await ask(beta), { green: REQUESTS })
  t.equal(blue.requests, reached)
})

t.test('an a-b ends with a report of what both versions have served, to the last request', async t => {
  const clients = new RolloutClients(t, { port: weir.ports.web, host: 'compared.test', count: COMPARED })
  await clients.round(COMPARED)
  await weir.untilMetric('weir_requests_total', clients.sent, { route: 'compared', code_class: '2xx' })
  const [beforeA, beforeB] = [a.requests, b.requests]
  t.match(await run('rollout', 'start', 'compared', '--to', 'b', '--preset', 'a-b', '--for', '1h', '-r', 'which checkout'), /^compared: Progressing, step 1 of 1: analyse 1h; a 50, b 50 \(epoch 1\)/)
  b.behave({ failsEvery: 5 })
  // One in five fails, and that is what is to be found out: no test of difference ends it. Few are not for the guards.
  for (let round = 0; round < 2; round++) await clients.round(COMPARED)
  const [servedA, servedB] = [a.requests - beforeA, b.requests - beforeB]
  const failed = clients.answered(500)
  await weir.untilMetric('weir_requests_total', failed, { route: 'compared', code_class: '5xx' })
  const report = await eventually(async () => {
    const { body } = await weir.api('GET', '/v1/routes/compared/rollout/report')
    const { from, to } = body as { from: { requests: number }, to: { requests: number, clients: { interval: readonly [number, number] } | null } }
    return from.requests + to.requests === 2 * COMPARED && to.clients !== null ? body : undefined
  })
  t.match(report, {
    phase: 'Progressing',
    preset: 'a-b',
    from: { version: 'a', requests: servedA, errors: { count: 0 } },
    to: { version: 'b', requests: servedB, errors: { count: failed, share: failed / servedB } }
  })
  t.equal(servedA + servedB, 2 * COMPARED)
  t.equal(await run('rollout', 'promote', 'compared').then(printed => /^compared: Healthy; a 50, b 50 \(epoch 1\)/.test(printed)), true, 'nobody has moved')
  const page = await run('rollout', 'report', 'compared')
  t.match(page, /^compared: a-b of a and b, Healthy\n/)
  t.match(page, new RegExp(`\\nrequests +${servedA} +${servedB}\\n`))
  t.match(page, new RegExp(`\\nerrors +0 +${failed}\\n`))
  t.equal(JSON.parse(await run('rollout', 'report', 'compared', '-o', 'json')).text, page)
  const text = await fetch(`${weir.url}/v1/routes/compared/rollout/report`, { headers: { accept: 'text/plain' } })
  t.match(text.headers.get('content-type'), /^text\/plain/)
  t.equal(await text.text(), page)
})

t.test('the members of a list get the version of weight 0, nobody else does, and a bad import names nobody', async t => {
  const clients = new RolloutClients(t, { port: weir.ports.web, host: 'named.test', count: NAMED })
  /** Each client asks once. @returns who got the canary */
  const onCanary = async (): Promise<readonly number[]> => {
    await clients.round(NAMED)
    return [...clients.versionOf].filter(([, version]) => version === 'canary').map(([client]) => client).sort((left, right) => left - right)
  }
  t.same(await onCanary(), [])
  t.equal(await run('list', 'add', 'named', 'beta', 'client 3', 'client 7', '-r', 'asked for it'), 'client 3 is on beta of named (1 member)\nclient 7 is on beta of named (2 members)\n')
  t.same(await onCanary(), [3, 7])
  t.match(await run('explain', 'named', '--ip', '192.0.2.1', '--list', 'beta=client 7'), /^canary at [^]*the list "beta" chooses "canary"/)
  t.match(await run('plan', 'named', '--to', 'stable'), /^named: has these weights already, nothing would move\n/)

  const wave = [20, 21, 22, 23, 24]
  const file = path.join(weir.directory, 'wave.ndjson')
  await writeFile(file, wave.map(client => `"client ${client}"\n`).join(''))
  t.match(await commandOf(weir, '"client 30"\nclient 31\n')('list', 'import', 'named', 'beta', '-'), { code: 1, stderr: /line 2 is not JSON; .*nothing was imported/ })
  t.same(await onCanary(), [3, 7], 'not even the first line counts')
  t.equal(await run('list', 'import', 'named', 'beta', file, '--replace'), 'beta of named: 5 added, 2 removed, 5 members now\n')
  t.same(await onCanary(), wave)
  t.equal(await run('list', 'remove', 'named', 'beta', 'client 20'), 'client 20 is off beta of named (4 members)\n')
  t.same(await onCanary(), wave.slice(1))

  t.equal(canary.requests, 2 + 2 + 5 + 4)
  t.equal(stable.requests, 5 * NAMED - canary.requests)
  t.equal(clients.answered(200), 5 * NAMED)
})

t.test('Weir stops well', async t => { t.equal(await weir.stop(), 0) })
