/**
 * The end of npm ends what npm has started, however it ends: with npm played by a program of its name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { identifyProcess } from '../../../src/store/file-lock.ts'
import { NODE, NODE_FIRST } from '../../helpers/bare-node.ts'
import { childEnvironment } from '../../helpers/child-environment.ts'
import { endWithParent } from '../../helpers/end-with-parent.ts'
import { freePorts } from '../../helpers/free-port.ts'
import { complete, eventually, MAIN, temporaryDirectory } from '../../helpers/weir-process.ts'

const NPM = `
import { spawn } from 'node:child_process'
const [node, main, config] = process.argv.slice(2)
spawn('sh', ['-c', '"$0" "$1" run --config "$2"; true', node, main, config], { stdio: 'inherit' })
`

t.test('Weir ends when npm is killed, and the shell between lives on', { skip: process.platform === 'linux' ? false : 'only Linux tells of ancestors' }, async t => {
  const directory = await temporaryDirectory(t)
  const [web = 0, admin = 0] = await freePorts(2)
  const config = path.join(directory, 'weir.yaml')
  await writeFile(config, JSON.stringify(
    complete({ workers: 1, routes: [], state: { store: 'file', path: path.join(directory, 'state.json') } }, { web, admin, more: [] })
  ))
  const npmFile = path.join(directory, 'npm-cli.js')
  await writeFile(npmFile, NPM)
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}')
  const npm: ChildProcess = spawn(NODE, [...NODE_FIRST, ...endWithParent(), npmFile, process.execPath, MAIN, config], {
    env: childEnvironment({ npm_execpath: npmFile }), stdio: ['ignore', 'ignore', 'pipe']
  })
  let log = ''
  npm.stderr?.setEncoding('utf8').on('data', (text: string) => { log += text })
  await eventually(async () => log.includes('weir is running') ? true : undefined)
  const pid = await eventually(async () => await lockHolder(directory))
  npm.kill('SIGKILL')
  await once(npm, 'exit')
  await eventually(async () => (await identifyProcess(pid)).alive ? undefined : true)
  // What it has said last may be read after it is gone.
  await eventually(async () => log.includes('weir has stopped') ? true : undefined)
  t.match(log, /npm, which has started weir, has ended.*weir has stopped/s, 'in order')
})

async function lockHolder (directory: string): Promise<number | undefined> {
  const text = await readFile(path.join(directory, 'state.json.lock'), 'utf8').catch(() => '{}')
  const holder: unknown = JSON.parse(text)
  const pid: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, 'pid') : undefined
  return typeof pid === 'number' ? pid : undefined
}
