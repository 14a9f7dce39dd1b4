/** Blue/green with a preview, through the command line: who sends a field sees green before the switch, and nobody else does. */
import t from 'tap'
import { startVersion } from '../../helpers/rollout-origins.ts'
import { goodCommandOf } from '../../helpers/weir-command.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const REQUESTS = 20

t.test('green at weight 0 is reached by the match alone, until the switch, and after an abort or a fail by nobody', async t => {
  const [blue, green] = await Promise.all([startVersion(t, 'blue', 1), startVersion(t, 'green', 1)])
  const weir = await startWeir(t, {
    config: () => ({
      workers: 2,
      routes: [{
        name: 'shop',
        affinity: { by: 'none' },
        versions: [{ name: 'blue', weight: 100, endpoints: { static: blue.endpoints } }, { name: 'green', weight: 0, endpoints: { static: green.endpoints } }]
      }]
    })
  })
  const run = goodCommandOf(weir)
  /** What this many requests are answered by. */
  const ask = async (headers: Readonly<Record<string, string>>): Promise<Readonly<Record<string, number>>> => {
    const answers = await Promise.all(Array.from({ length: REQUESTS }, async () => {
      const response = await fetch(`http://127.0.0.1:${weir.ports.web}/`, { headers })
      return await response.text()
    }))
    return Object.fromEntries([...Map.groupBy(answers, answer => answer)].map(([answer, all]) => [answer, all.length]))
  }
  const beta = { 'x-beta': 'on' }
  const begin = async (): Promise<string> => {
    const printed = await run('rollout', 'start', 'shop', '--to', 'green', '--preset', 'blue-green', '--preview', 'header x-beta~=^o[nk]$')
    await weir.untilMetric('weir_rollout_step', 2, { route: 'shop' })
    return printed
  }
  t.same(await ask(beta), { blue: REQUESTS })
  await begin()
  const waits = await run('rollout', 'status', 'shop', '--watch=false')
  t.match(waits, /Paused, step 3 of 4: pause/)
  t.match(waits, /the requests that match header x-beta~=\^o\[nk\]\$/)
  t.same(await ask(beta), { green: REQUESTS })
  t.same(await ask({ 'x-beta': 'of' }), { blue: REQUESTS })
  t.match(await run('rollout', 'abort', 'shop'), /Aborted; blue 100, green 0/)
  t.same(await ask(beta), { blue: REQUESTS })
  await begin()
  t.same(await ask(beta), { green: REQUESTS })
  t.same(await ask({}), { blue: REQUESTS })
  t.match(await run('rollout', 'resume', 'shop'), /blue 0, green 100/)
  t.same([await ask(beta), await ask({})], [{ green: REQUESTS }, { green: REQUESTS }])
  t.same([blue.requests, green.requests], [4 * REQUESTS, 4 * REQUESTS])

  // The match of a rollout is its own doing: what it brings users to is in the care of the guards.
  await run('rollout', 'promote', 'shop')
  blue.behave({ failsEvery: 1 })
  await run('rollout', 'start', 'shop', '--to', 'blue', '--preset', 'a-b', '--match', 'header x-beta=on')
  await weir.untilMetric('weir_rollout_step', 1, { route: 'shop' })
  const told = await eventually(async () => {
    await ask(beta)
    const { phase, sentence } = (await weir.api('GET', '/v1/routes/shop/rollout')).body as { readonly phase: string, readonly sentence: string }
    return phase === 'Degraded' ? sentence : undefined
  })
  t.match(told, /^blue has failed and the weights are back: (The new version fails 100 %|[0-9]+ requests of users have failed)/)
  t.same(await ask(beta), { green: REQUESTS })
  t.equal(await weir.stop(), 0)
})
