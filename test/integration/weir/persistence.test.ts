/**
 * Weights that were answered with 200 are there after a kill -9, and a state file that is no good does not keep Weir down.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { startWeir, temporaryDirectory, type WeirProcess } from '../../helpers/weir-process.ts'

const ROUNDS = 3
/** Nothing is sent there. */
const NOWHERE = { static: ['127.0.0.1:9'] }

async function start (t: Test, directory: string): Promise<WeirProcess> {
  return await startWeir(t, {
    directory,
    config: () => ({
      workers: 1,
      state: { store: 'file', path: path.join(directory, 'state.json') },
      routes: [{ name: 'hello', versions: [{ name: 'stable', weight: 90, endpoints: NOWHERE }, { name: 'canary', weight: 10, endpoints: NOWHERE }] }]
    })
  })
}

t.test('a weight is there after a kill -9 right behind the 200, with its history', async t => {
  const directory = await temporaryDirectory(t)
  for (let round = 0; round <= ROUNDS; round++) {
    const weir = await start(t, directory)
    const { body } = await weir.api('GET', '/v1/routes/hello')
    t.match(body, { weights: { stable: 90 - round, canary: 10 + round }, revision: round + 1, epoch: round + 1 }, `round ${round}`)
    if (round === ROUNDS) {
      const history = await weir.api('GET', '/v1/routes/hello/history')
      t.match(history.body, { revisions: [{ action: 'weights', source: 'api', reason: 'round 2' }, { reason: 'round 1' }, { reason: 'round 0' }, { source: 'config' }] })
      t.equal(await weir.stop(), 0)
      break
    }
    const { status } = await weir.api('PUT', '/v1/routes/hello/weights', { weights: { stable: 89 - round, canary: 11 + round }, reason: `round ${round}` })
    weir.kill('SIGKILL')
    t.equal(status, 200)
    await weir.end()
  }
  t.same((await readdir(directory)).filter(name => name.includes('corrupt')), [])
})

t.test('a corrupt state file is moved aside, and Weir starts with the weights of its configuration', async t => {
  const directory = await temporaryDirectory(t)
  const state = path.join(directory, 'state.json')
  await writeFile(state, '{"format":1,"routes":[{"na')
  const weir = await start(t, directory)
  t.match((await weir.api('GET', '/v1/routes/hello')).body, { weights: { stable: 90, canary: 10 } })
  const aside = (await readdir(directory)).filter(name => name.startsWith('state.json') && name.includes('corrupt'))
  t.equal(aside.length, 1)
  t.equal(await readFile(path.join(directory, aside[0] ?? ''), 'utf8'), '{"format":1,"routes":[{"na', 'for whoever wants to look into it')
  t.ok(await weir.untilLine(line => ['error', 'warn'].includes(line.level) && JSON.stringify(line).includes('state.json'), 'the corrupt file'))
  t.equal((await weir.setWeights('hello', { stable: 1, canary: 1 })).status, 200)
  t.equal(await weir.stop(), 0)
  t.match(JSON.parse(await readFile(state, 'utf8')), {}, 'the new file is whole')
})

t.test('a second Weir on the same state file is refused, with the file named', async t => {
  const directory = await temporaryDirectory(t)
  const first = await start(t, directory)
  const second = start(t, directory)
  await t.rejects(second, /used by process/)
  t.equal((await first.api('GET', '/healthz')).status, 200)
  t.equal(await first.stop(), 0)
})
