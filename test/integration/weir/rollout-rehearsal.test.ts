/** A rehearsal on copies, through the command line: a version that nobody gets is judged by copies of real requests before anybody does. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { commandOf } from '../../helpers/weir-command.ts'
import { startWeir } from '../../helpers/weir-process.ts'

const CLIENTS = 40
/** A rehearsal, then a tenth of the clients, until a person goes on. */
const PLAN = {
  to: 'canary',
  steps: [{ mirror: { percent: 100 } }, { analyse: { requests: 500 } }, { mirror: null }, { setWeight: 10 }, { pause: {} }],
  analysis: { slowerThan: '30s' }
}

t.test('a bad version is out before it has a user, a good one gets its users when its copies have passed', async t => {
  const [stable, canary] = await Promise.all([startVersion(t, 'stable', 1), startVersion(t, 'canary', 2)])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      routes: [{
        name: 'shop',
        affinity: { by: 'header', header: 'x-client' },
        versions: [{ name: 'stable', weight: 100, endpoints: { static: stable.endpoints } }, { name: 'canary', weight: 0, endpoints: { static: canary.endpoints } }]
      }]
    })
  })
  const command = commandOf(weir)
  /** @param wanted the exit code: 0, or 4 for what has failed */
  const run = async (wanted: readonly number[], ...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await command(...args)
    t.ok(wanted.includes(code ?? -1), `weir ${args.join(' ')}: ${stdout}${stderr}`)
    return stdout
  }
  /** A request of each client. @returns how many were answered by which version */
  const round = async (): Promise<Readonly<Record<string, number>>> => {
    const answers = await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
      const response = await fetch(`http://127.0.0.1:${weir.ports.web}/`, { headers: { 'x-client': `c${client}` } })
      return `${response.status} ${await response.text()}`
    }))
    return Object.fromEntries([...Map.groupBy(answers, answer => answer)].map(([answer, all]) => [answer, all.length]))
  }
  const asked = { stable: 0, canary: 0 }
  const roundsUntil = async (isThere: () => Promise<boolean>): Promise<void> => {
    for (let rounds = 0; !await isThere() && rounds < 1_000; rounds++) {
      const { '200 stable': stable = 0, '200 canary': canary = 0, ...others } = await round()
      t.same([others, stable + canary], [{}, CLIENTS])
      asked.stable += stable
      asked.canary += canary
    }
  }
  const phase = async (): Promise<{ readonly phase: string, readonly step: number }> => {
    return JSON.parse(await run([0, 4], 'rollout', 'status', 'shop', '--watch=false', '-o', 'json')) as { readonly phase: string, readonly step: number } // as the API says it
  }
  const plan = path.join(weir.directory, 'plan.json')
  await writeFile(plan, JSON.stringify(PLAN))

  canary.behave({ failsEvery: 2 })
  await run([0], 'rollout', 'start', 'shop', '--plan', plan)
  await roundsUntil(async () => (await phase()).phase === 'Degraded')
  t.match(await run([4], 'verdict', 'shop'), /^fail: Of [0-9]+ copied requests [0-9]+ failed on the new version alone, 0 on the old one alone/)
  t.ok(canary.requests > 0)
  t.same(asked, { stable: stable.requests, canary: 0 }, 'every user was answered by the old version')
  t.match(await run([4], 'rollout', 'status', 'shop', '--watch=false'), /canary has failed and the weights are back/)

  canary.behave({})
  const before = canary.requests
  await run([0], 'rollout', 'retry', 'shop')
  await roundsUntil(async () => (await phase()).phase === 'Paused')
  t.match(await run([0], 'rollout', 'status', 'shop', '--watch=false'), /canary has 10 % of what it shares with stable, step 5 of 5, paused by the plan/)
  t.ok(canary.requests - asked.canary - before >= 500)
  t.equal(stable.requests, asked.stable)
  const now = await round()
  t.equal((now['200 stable'] ?? 0) + (now['200 canary'] ?? 0), CLIENTS)
  const copies = canary.requests - (now['200 canary'] ?? 0)
  await round()
  t.equal(canary.requests, copies + 2 * (now['200 canary'] ?? 0), 'nothing is copied any more')
  t.equal(await weir.stop(), 0)
})
