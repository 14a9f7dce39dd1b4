/** Users who are named get a version that has no weight, through the command line: exactly they, and as soon as they are named. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { BY_CLIENT, RolloutClients } from '../../helpers/rollout-clients.ts'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { commandOf, goodCommandOf } from '../../helpers/weir-command.ts'
import { startWeir } from '../../helpers/weir-process.ts'

const CLIENTS = 60

t.test('the members of a list get the version of weight 0, nobody else does, and a bad import names nobody', async t => {
  const [stable, canary] = await Promise.all([startVersion(t, 'stable', 1), startVersion(t, 'canary', 1)])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      routes: [{
        name: 'shop',
        affinity: BY_CLIENT,
        lists: [{ name: 'beta', version: 'canary', ...BY_CLIENT }],
        versions: [
          { name: 'stable', weight: 100, endpoints: { static: stable.endpoints } }, { name: 'canary', weight: 0, endpoints: { static: canary.endpoints } }
        ]
      }]
    })
  })
  const run = goodCommandOf(weir)
  const clients = new RolloutClients(t, { port: weir.ports.web, host: '127.0.0.1', count: CLIENTS })
  /** Each client asks once. @returns who got the canary */
  const onCanary = async (): Promise<readonly number[]> => {
    await clients.round(CLIENTS)
    return [...clients.versionOf].filter(([, version]) => version === 'canary').map(([client]) => client).sort((left, right) => left - right)
  }
  t.same(await onCanary(), [])
  t.equal(await run('list', 'add', 'shop', 'beta', 'client 3', 'client 7', '-r', 'asked for it'), 'client 3 is on beta of shop (1 member)\nclient 7 is on beta of shop (2 members)\n')
  t.same(await onCanary(), [3, 7])
  t.match(await run('explain', 'shop', '--ip', '192.0.2.1', '--list', 'beta=client 7'), /^canary at [^]*the list "beta" chooses "canary"/)
  t.match(await run('plan', 'shop', '--to', 'stable'), /^shop: has these weights already, nothing would move\n/)

  const wave = [20, 21, 22, 23, 24]
  const file = path.join(weir.directory, 'wave.ndjson')
  await writeFile(file, wave.map(client => `"client ${client}"\n`).join(''))
  t.match(await commandOf(weir, '"client 30"\nclient 31\n')('list', 'import', 'shop', 'beta', '-'), { code: 1, stderr: /line 2 is not JSON; .*nothing was imported/ })
  t.same(await onCanary(), [3, 7], 'not even the first line counts')
  t.equal(await run('list', 'import', 'shop', 'beta', file, '--replace'), 'beta of shop: 5 added, 2 removed, 5 members now\n')
  t.same(await onCanary(), wave)
  t.equal(await run('list', 'remove', 'shop', 'beta', 'client 20'), 'client 20 is off beta of shop (4 members)\n')
  t.same(await onCanary(), wave.slice(1))

  t.equal(canary.requests, 2 + 2 + 5 + 4)
  t.equal(stable.requests, 5 * CLIENTS - canary.requests)
  t.equal(clients.answered(200), 5 * CLIENTS)
  t.equal(await weir.stop(), 0)
})
