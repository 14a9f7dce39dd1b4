/**
 * `npm start` as a user has it, when its fixed ports are free.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { ADMIN_PORT, findBusyPorts, ORIGINS, PROXY_PORT } from '../../../deploy/examples/hello/quickstart.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { eventually } from '../../helpers/weir-process.ts'

const QUICKSTART = path.resolve(import.meta.dirname, '../../../deploy/examples/hello/quickstart.ts')
const PORTS = [PROXY_PORT, ADMIN_PORT, ...ORIGINS.map(({ port }) => port)]
const CLIENTS = 40

/** The processes that this one has started. */
async function childrenOf (pid: number): Promise<readonly number[]> {
  const children = await Promise.all((await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(async name => {
    const status = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // The name in parentheses may hold spaces; the parent is the second field behind it.
    return Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]) === pid ? Number(name) : 0
  }))
  return children.filter(child => child !== 0)
}

const busy = await findBusyPorts(PORTS)
const skip = busy.length > 0 ? `another program uses port ${busy.join(', ')}` : process.platform === 'linux' ? false : 'the clients need 127.0.0.0/8'

t.test('it starts, says where, splits, and Ctrl-C ends all of it', { skip }, async t => {
  const quickstart = spawn(process.execPath, [QUICKSTART], { stdio: ['ignore', 'pipe', 'pipe'], env: childEnvironment() })
  const ended = once(quickstart, 'close')
  t.teardown(async () => {
    // By SIGTERM, which it passes on: with SIGKILL its children would stay.
    quickstart.kill('SIGTERM')
    await ended
  })
  let stdout = ''
  quickstart.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  quickstart.stderr.resume()
  await eventually(async () => {
    if (quickstart.exitCode !== null) throw new Error(`it ended with ${quickstart.exitCode}`)
    return stdout.includes('Ctrl-C stops everything.') ? true : undefined
  })
  t.match(stdout, 'Weir is ready.')
  t.match(stdout, `http://127.0.0.1:${PROXY_PORT}/`)

  const answers = await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => await getOnce({ port: PROXY_PORT, from: `127.0.0.${2 + index}` })))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.same(new Set(answers.map(({ body }) => body.split(' ').slice(0, 2).join(' '))), new Set(['hello 1.0.0', 'hello 2.0.0']))

  const children = await childrenOf(quickstart.pid ?? 0)
  t.equal(children.length, 1, 'Weir is its child')
  quickstart.kill('SIGINT')
  await ended
  t.equal(quickstart.exitCode, 0)
  for (const child of children) t.throws(() => process.kill(child, 0), { code: 'ESRCH' }, 'Weir has ended')
  t.same(await findBusyPorts(PORTS), [], 'all ports are free again')
})
