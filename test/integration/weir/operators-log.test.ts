/**
 * What the log tells those who operate Weir, and the signals that are about it.
 */
import { readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { connectClient, getOnce } from '../../helpers/keep-alive-client.ts'
import { startOrigins } from '../../helpers/origins.ts'
import { eventually, startWeir } from '../../helpers/weir-process.ts'

const [hello] = await startOrigins(t, ['hello'])
const versions = [
  { name: 'v1', weight: 75, endpoints: { static: [hello.endpoint] } },
  { name: 'v2', weight: 25, endpoints: { static: [hello.endpoint] } }
]
const routes = [{ name: 'hello', affinity: { by: 'none' }, versions }]

t.test('the log says what a drain waits for', async t => {
  const weir = await startWeir(t, { config: () => ({ workers: 1, routes: [{ ...routes[0], versions: [versions[0]] }] }) })
  const client = await connectClient({ port: weir.ports.web })
  const answer = client.begin('/held').whole
  await eventually(async () => hello.held > 0 ? true : undefined)
  weir.kill('SIGINT')
  const line = await weir.untilLogged('weir is draining')
  t.match(line, { connections: 1, requests: 1, waiting: 0, tunnels: 0, versions: 'hello/v1: 1 in flight, 0 waiting, 0 tunnels' })
  t.match(await weir.untilLogged('weir is still draining'), { requests: 1 })
  hello.answerHeld()
  t.equal((await answer).status, 200)
  t.equal(await weir.end(), 0)
})

t.test('one Weir in operation', async t => {
  const weir = await startWeir(t, { config: () => ({ workers: 1, routes, accessLog: { mode: 'on', path: 'access.log' } }) })

  await t.test('the log says which weights have changed, from what to what, and who did it', async t => {
    await weir.setWeights('hello', { v1: 50, v2: 50 })
    const line = await weir.untilLine(({ actor }) => actor === 'local', 'the change')
    t.match(line, {
      message: 'the weights of a route have changed',
      level: 'info',
      route: 'hello',
      from: 'v1=75 v2=25',
      to: 'v1=50 v2=50',
      actor: 'local',
      source: 'api',
      reason: 'a test',
      action: 'weights'
    })
  })

  await t.test('SIGUSR1 reopens the access log and opens no port for a debugger, SIGUSR2 does nothing and says so', async t => {
    const file = path.join(weir.directory, 'access.log')
    const linesOf = async (name: string): Promise<number> => (await readFile(name, 'utf8').catch(() => '')).split('\n').length - 1
    await getOnce({ port: weir.ports.web })
    await eventually(async () => await linesOf(file) === 1 ? true : undefined)
    await rename(file, `${file}.1`)
    weir.kill('SIGUSR1')
    await eventually(async () => {
      await getOnce({ port: weir.ports.web })
      return await linesOf(file) > 0 ? true : undefined
    })
    weir.kill('SIGUSR2')
    t.match(await weir.untilLogged('the signal is ignored: the configuration is read again when its file changes, SIGTERM stops'), {
      signal: 'SIGUSR2'
    })
    t.equal((await getOnce({ port: weir.ports.web })).status, 200)
    t.notMatch(weir.stderr, /[Dd]ebugger/)
  })

  t.equal(await weir.stop(), 0)
})
