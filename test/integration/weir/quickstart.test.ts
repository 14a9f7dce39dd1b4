/**
 * `npm start` as a user has it, on ports that are chosen.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import t from 'tap'
import { findBusyPorts, originsAt, ownFiles, type QuickstartPorts } from '../../../deploy/examples/hello/quickstart-ports.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { freePort, freePorts } from '../../helpers/free-port.ts'
import { getOnce } from '../../helpers/keep-alive-client.ts'
import { eventually } from '../../helpers/weir-process.ts'

const QUICKSTART = path.resolve(import.meta.dirname, '../../../deploy/examples/hello/quickstart.ts')
const ROOT = path.resolve(import.meta.dirname, '../../..')
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

/** Ports that are free, those of the origins in a row. */
async function choose (): Promise<QuickstartPorts> {
  for (;;) {
    const [proxy = 0, admin = 0] = await freePorts(2)
    const ports = { proxy, admin, origins: await freePort() }
    const row = originsAt(ports).map(({ port }) => port)
    if ((await findBusyPorts(row)).length === 0 && !row.includes(proxy) && !row.includes(admin)) return ports
  }
}

function start (ports: QuickstartPorts): ChildProcess {
  const args = ['--port', `${ports.proxy}`, '--admin-port', `${ports.admin}`, '--origin-port', `${ports.origins}`]
  return spawn(NODE, [...NODE_FIRST, ...endWithParent(), QUICKSTART, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: childEnvironment() })
}

const skip = process.platform === 'linux' ? false : 'the clients need 127.0.0.0/8'

t.test('it starts on the ports that are chosen, says where, splits, and Ctrl-C ends all of it', { skip }, async t => {
  const ports = await choose()
  const quickstart = start(ports)
  const ended = once(quickstart, 'close')
  const { config, state } = ownFiles(ports)
  t.teardown(async () => {
    for (const file of [config, state]) await rm(path.join(ROOT, file), { force: true })
  })
  t.teardown(async () => {
    // By SIGTERM, which it passes on: with SIGKILL its children would stay.
    quickstart.kill('SIGTERM')
    await ended
  })
  let stdout = ''
  quickstart.stdout?.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  quickstart.stderr?.resume()
  await eventually(async () => {
    if (quickstart.exitCode !== null) throw new Error(`it ended with ${quickstart.exitCode}`)
    return stdout.includes('Ctrl-C stops everything.') ? true : undefined
  })
  t.match(stdout, 'Weir is ready.')
  t.match(stdout, `http://127.0.0.1:${ports.proxy}/`)

  const answers = await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => await getOnce({
    port: ports.proxy, from: `127.0.0.${2 + index}`
  })))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.same(new Set(answers.map(({ body }) => body.split(' ').slice(0, 2).join(' '))), new Set(['hello 1.0.0', 'hello 2.0.0']))

  const children = await childrenOf(quickstart.pid ?? 0)
  t.equal(children.length, 1, 'Weir is its child')
  quickstart.kill('SIGINT')
  await ended
  t.equal(quickstart.exitCode, 0)
  for (const child of children) t.throws(() => process.kill(child, 0), { code: 'ESRCH' }, 'Weir has ended')
  t.same(await findBusyPorts([ports.proxy, ports.admin, ...originsAt(ports).map(({ port }) => port)]), [], 'all ports are free again')
})

t.test('a port that is taken ends it with exit code 1, and the command that it names works around it', async t => {
  const ports = await choose()
  const holder = net.createServer().listen(ports.proxy, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const quickstart = start(ports)
  let stderr = ''
  quickstart.stderr?.setEncoding('utf8').on('data', (text: string) => { stderr += text })
  await once(quickstart, 'close')
  t.equal(quickstart.exitCode, 1)
  t.match(stderr, `quickstart: the proxy can't be opened: listen EADDRINUSE: address already in use 127.0.0.1:${ports.proxy}. --port chooses another port.`)
  t.match(stderr, new RegExp(`npm start -- --port \\d+ --admin-port ${ports.admin} --origin-port ${ports.origins}\n$`))
})
